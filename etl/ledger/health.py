"""Whether a ledger file is sound, for `doctor`."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from etl.errors import LedgerError
from etl.ledger.migrations import connect, schema_files, translated


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """A ledger that is not damaged."""

    schema: int
    latest: int
    """The schema that this version of etl writes; an import brings an older one up to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing about the place of a ledger, for `doctor`."""

    name: str
    seen: str
    remedy: str = ""
    """Empty: nothing is to be done."""
    grave: bool = False
    """Whether an import would fail."""


def quick_check(path: Path) -> Health:
    """Return what is known of a ledger whose pages and indexes fit together. Reads all of it.

    Raises:
        LedgerError: it is damaged or can't be read.
    """
    with translated(path), closing(connect(path, "ro")) as connection:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    if verdict != "ok":
        raise LedgerError(
            f"the ledger {path} is damaged",
            hint="put back a copy of it; do not delete it, it knows what was sent",
        )
    return Health(schema=int(version), latest=len(schema_files()))
