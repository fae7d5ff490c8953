"""One message of the ledger, for people."""

from etl.ledger.interface import Entry
from etl.report.instants import iso


def entry_line(entry: Entry) -> str:
    """Return an entry for people."""
    reason = f": {entry.reason}" if entry.reason else ""
    return f"{entry.state.value:<9} {entry.key.hex()}  lane {entry.lane}, {iso(entry.at_us)}{reason}"
