"""What a worker knows of its messages when the shared ledger has refused a whole batch."""

from collections.abc import Sequence
from contextlib import suppress

from etl.errors import LedgerError
from etl.ledger.interface import Outcome
from etl.ledger.postgres.pump import PumpLedger


class OneByOne:
    """Commits outcomes each by itself: one entry that is refused takes no other one with it."""

    def __init__(self, ledger: PumpLedger) -> None:
        self._ledger = ledger

    def make_room(self) -> None:
        """Do nothing: the room is the server's."""

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        """Commit what can be; what is in the ledger already, or was never in flight, is refused."""
        # Sending has ended: whoever waited for the database has waited long enough.
        self._ledger.hurry()
        try:
            # After a lost connection this tells first whether the batch was applied.
            self._ledger.renew()
        except LedgerError:
            return
        for outcome in outcomes:
            with suppress(LedgerError):
                self._ledger.commit([outcome])
