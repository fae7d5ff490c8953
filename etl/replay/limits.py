"""The ends that a person sets for a run: hours, duration, messages, errors. Pure.

Each drains: what is in flight is finished, the rest stays pending, the same command goes on with it.
"""

import re
from dataclasses import dataclass
from math import inf
from typing import Final, Self

from etl.model.states import State
from etl.model.window import Window
from etl.replay.stop import StopKind, StopReason

ENOUGH_MESSAGES: Final = 100
"""Before so many a share of errors says nothing."""

_NEVER_US: Final = 2**63 - 1
_WORDS: Final = re.compile(r"(\d+(?:\.\d*)?)%|(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """How many of the messages that a run sends may end rejected or uncertain."""

    count: int | None = None
    share: float | None = None
    """Of what this run sent; judged from `ENOUGH_MESSAGES` on."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the budget that `1%` or `25` means.

        Raises:
            ValueError: it is none.
        """
        words = _WORDS.fullmatch(text.strip())
        if words is None:
            raise ValueError("is neither a number nor a share, such as 25 or 1%")
        if words[2]:
            return cls(count=int(words[2]))
        share = float(words[1]) / 100
        if share > 1:
            raise ValueError("must be at most 100%")
        return cls(share=share)

    def exceeded(self, *, errors: int, messages: int) -> bool:
        """Return whether so many errors are more than the budget."""
        if self.count is not None:
            return errors > self.count
        return self.share is not None and messages >= ENOUGH_MESSAGES and errors > self.share * messages

    def __str__(self) -> str:
        return f"{self.count}" if self.share is None else f"{100 * self.share:g}%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What was asked for; None: no such end."""

    window: Window | None = None
    ends_at: float | None = None
    """Monotonic seconds."""
    max_messages: int | None = None
    max_errors: ErrorBudget | None = None


class Limits:
    """The bounds of one run, and how far it is."""

    def __init__(self, bounds: Bounds, *, wall_us: int) -> None:
        self._bounds = bounds
        closes_us = bounds.window.next_change_us(wall_us) if bounds.window else None
        self._closes_us = _NEVER_US if closes_us is None else closes_us
        self._ends_at = inf if bounds.ends_at is None else bounds.ends_at
        self.timed: Final = bounds.window is not None or bounds.ends_at is not None
        """Whether `over` can ever say something; most runs have no such end."""
        self._most = inf if bounds.max_messages is None else bounds.max_messages
        self._admitted = 0
        self._settled = 0
        self._errors = 0

    @property
    def bounds(self) -> Bounds:
        """Return what was asked for."""
        return self._bounds

    @property
    def messages_left(self) -> int | None:
        """Return how many may still begin; None: as many as there are."""
        most = self._bounds.max_messages
        return None if most is None else max(most - self._admitted, 0)

    @property
    def full(self) -> bool:
        """Return whether as many messages were begun as the run may send."""
        return self._admitted >= self._most

    def admit(self) -> bool:
        """Return whether one more message may begin, and count it."""
        if self.full:
            return False
        self._admitted += 1
        return True

    def over(self, now: float, wall_us: int) -> StopReason | None:
        """Return why nothing more may begin at that time (monotonic, and microseconds since 1970 UTC)."""
        if now < self._ends_at and wall_us < self._closes_us:
            return None
        window = self._bounds.window
        if wall_us < self._closes_us or window is None:
            return StopReason(kind=StopKind.MAX_DURATION, message="the time given by --max-duration is over")
        return StopReason(kind=StopKind.WINDOW_CLOSED, message=closed_message(window, wall_us))

    def settled(self, state: State) -> StopReason | None:
        """Count a message that has an outcome; return why the run has to end with it."""
        self._settled += 1
        self._errors += state is not State.ACCEPTED
        budget = self._bounds.max_errors
        if budget is not None and budget.exceeded(errors=self._errors, messages=self._settled):
            return StopReason(
                kind=StopKind.MAX_ERRORS,
                message=f"{self._errors:,} of {self._settled:,} messages were rejected or are uncertain: "
                f"more than --max-errors {budget}",
            )
        if self._settled >= self._most:
            return StopReason(
                kind=StopKind.MAX_MESSAGES, message=f"the {self._settled:,} of --max-messages are sent"
            )
        return None


def closed_message(window: Window, wall_us: int) -> str:
    """Return that a window is closed, and when to come back."""
    opens_us = None if window.is_open(wall_us) else window.next_change_us(wall_us)
    again = f"; it opens {window.spoken(opens_us)}" if opens_us is not None else ""
    return f"the window {window} is closed{again}"
