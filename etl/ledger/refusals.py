"""How a ledger names the entry that its rules forbid."""

from typing import Final

from etl.errors import LedgerError
from etl.ledger.interface import Decision, Intent, Outcome

DEFECT: Final = "this is a defect of etl unless somebody edited the ledger; nothing was changed"
"""The hint where only a defect or a hand in the ledger can be the cause."""


def refused(entry: Intent | Outcome | Decision, fault: str) -> LedgerError:
    """Return the error for an entry that does not fit."""
    where = f"message {entry.ordinal} of plan {entry.plan}"
    return LedgerError(f"the ledger refuses {where}: {fault}", hint=DEFECT)
