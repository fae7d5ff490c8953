"""One message of the ledger, for people and for machines."""

from datetime import UTC, datetime

from etl.clock import MICROSECONDS
from etl.ledger.interface import Entry


def entry_json(entry: Entry) -> dict[str, object]:
    """Return an entry for machines."""
    return {
        "key": entry.key.hex(),
        "lane": entry.lane,
        "at": iso(entry.at_us),
        "state": entry.state.value,
        "reason": entry.reason,
        "http_status": entry.http_status,
    }


def entry_line(entry: Entry) -> str:
    """Return an entry for people."""
    reason = f": {entry.reason}" if entry.reason else ""
    return f"{entry.state.value:<9} {entry.key.hex()}  lane {entry.lane}, {iso(entry.at_us)}{reason}"


def iso(at_us: int) -> str:
    """Return microseconds since 1970 as ISO 8601 in UTC, whole seconds."""
    return datetime.fromtimestamp(at_us // MICROSECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
