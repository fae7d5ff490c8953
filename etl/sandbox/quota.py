"""How many messages a caller may send in a span of time; arithmetic, times come in as numbers."""

import re
from collections import deque
from dataclasses import dataclass
from math import ceil
from typing import Final, Self

QUOTA_PATTERN: Final = "^([1-9][0-9]{0,5})/(s|min|h)$"
"""What `Quota.parse` takes."""
_SECONDS: Final = {"s": 1, "min": 60, "h": 3_600}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At most `amount` messages in any sliding span of `seconds`."""

    amount: int
    seconds: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the quota that `10/s`, `600/min` or `5000/h` means.

        Raises:
            ValueError: it is none; the text continues the value as its complaint.
        """
        words = re.fullmatch(QUOTA_PATTERN, text)
        if words is None:
            raise ValueError("is no quota such as 10/s, 600/min or 5000/h")
        return cls(amount=int(words[1]), seconds=_SECONDS[words[2]])

    def __str__(self) -> str:
        unit = next(unit for unit, seconds in _SECONDS.items() if seconds == self.seconds)
        return f"{self.amount}/{unit}"


class Meter:
    """Counts against a quota; refused messages cost nothing."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._taken: deque[float] = deque()

    def wait_seconds(self, now: float) -> int:
        """Return 0 and count a message that comes at `now`, or the whole seconds after which one may come."""
        while self._taken and self._taken[0] <= now - self._quota.seconds:
            self._taken.popleft()
        if len(self._taken) < self._quota.amount:
            self._taken.append(now)
            return 0
        return max(1, ceil(self._taken[0] + self._quota.seconds - now))
