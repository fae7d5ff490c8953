"""One message of the ledger, for machines."""

from etl.ledger.interface import Entry
from etl.report.instants import iso


def entry_json(entry: Entry) -> dict[str, object]:
    """Return a touched message for machines."""
    return {
        "key": entry.key.hex(),
        "lane": entry.lane,
        "at": iso(entry.at_us),
        "state": entry.state.value,
        "reason": entry.reason,
        "http_status": entry.http_status,
    }
