"""What becomes of an earlier plan's unsent messages: none may vanish unnoticed."""

from dataclasses import dataclass

from etl.errors import UsageError
from etl.ledger.interface import Ledger, PlanRecord
from etl.model.plan import PlanFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A plan under way beside which another one is made."""

    record: PlanRecord
    folder: str
    """Where its plan lives."""
    plan: PlanFolder | None
    """None where that folder is gone."""
    policy: str
    """`refuse`, `carry` or `drop`."""

    def unsent(self, ledger: Ledger | None) -> int:
        """Return how many of its messages were never touched."""
        stored = sum(ledger.counts(self.record.number).values()) if ledger else 0
        return self.record.messages - stored

    def carries(self, left: int) -> bool:
        """Return whether its untouched messages are taken over, when the input lacks so many of them.

        Raises:
            UsageError: they are not, and were to be neither carried nor dropped.
        """
        if not left:
            return False
        if self.policy == "carry" and self.plan is not None:
            return True
        if self.plan is None:
            raise UsageError(
                f"plan {self.record.hash[:12]} is unfinished, {left} of its messages were not sent yet, and "
                f"its folder is not here: {self.folder}",
                hint="use the state folder in which it was made, which several machines may share; or say "
                "--unfinished drop (they can be imported later, but not before newer ones)",
            )
        raise UsageError(
            f"plan {self.record.hash[:12]} is unfinished: {left} of its messages were not sent yet and "
            "are not in this input",
            hint="finish it with its own files first; or say --unfinished carry (send them too, in "
            "order) or --unfinished drop (they can be imported later, but not before newer ones)",
        )
