"""How fast a target may be sent to, in the unit in which its owner states it."""

import re
from dataclasses import dataclass
from math import ceil, floor
from typing import Final, Self

_MINUTE_SECONDS: Final = 60.0
_WORDS: Final = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(?:/(s|min))?")
_MOST_PER_SECOND: Final = 100_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `amount` requests in any sliding window of one unit.

    A limit by the minute is kept by windows of about a second, so many of which fill the minute exactly: then
    no run has to know what an earlier one did a minute ago, and nothing is sent in bursts.
    """

    amount: float
    unit_seconds: float = 1.0
    """1 or 60."""

    @classmethod
    def per_minute(cls, amount: float) -> Self:
        """Return a rate that is stated by the minute."""
        return cls(amount=amount, unit_seconds=_MINUTE_SECONDS)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rate that `5`, `5/s` or `120/min` means.

        Raises:
            ValueError: it is none, or not above 0 and at most 100,000 a second.
        """
        words = _WORDS.fullmatch(text.strip())
        if words is None:
            raise ValueError("is no rate such as 5, 5/s or 120/min")
        amount = float(words[1])
        rate = cls.per_minute(amount) if words[2] == "min" else cls(amount=amount)
        if not 0 < rate.per_second <= _MOST_PER_SECOND:
            raise ValueError(f"must be above 0 and at most {_MOST_PER_SECOND:g} a second")
        return rate

    def scaled(self, share: float) -> "Rate":
        """Return that share of it."""
        return Rate(amount=self.amount * share, unit_seconds=self.unit_seconds)

    @property
    def per_second(self) -> float:
        """Return the mean number of requests a second."""
        return self.amount / self.unit_seconds

    @property
    def count(self) -> int:
        """Return how many requests one `window_seconds` may hold."""
        return ceil(self.per_second)

    @property
    def window_seconds(self) -> float:
        """Return the sliding window that is guarded."""
        if self.unit_seconds == 1.0 or self.count == 1:
            return self.count / self.per_second
        # Whole windows fill the unit, or the last one could bring it above the amount.
        return self.unit_seconds / floor(self.amount / self.count)

    def __str__(self) -> str:
        return f"{self.amount:g}/{'s' if self.unit_seconds == 1.0 else 'min'}"
