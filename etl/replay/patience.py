"""How long an API that takes nothing is waited for. Arithmetic: times come in as numbers, waits go out."""

from math import inf
from random import Random
from typing import Final

_BACKOFF_FIRST_SECONDS: Final = 0.5
_BACKOFF_MOST_SECONDS: Final = 60.0

_FIRST_CONTACT_ATTEMPTS: Final = 3
"""Before the API has answered once in a run, waiting long would only hide a wrong address."""


class Patience:
    """What all deliveries of a run together know of the API's being there."""

    def __init__(self, *, max_wait_seconds: float, max_throttles: int, random: Random) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._max_throttles = max_throttles
        self._throttles = 0
        self._throttled_at = -inf
        self._random = random
        self._answered = False
        self._failures_in_a_row = 0
        self._trouble_since: float | None = None

    def answered(self) -> None:
        """Note a complete answer, whatever it says."""
        self._answered = True
        self._failures_in_a_row = 0

    def recovered(self) -> None:
        """Note that a request got through to a result: trouble, if any, is over."""
        self._trouble_since = None
        self._throttles = 0

    def throttled(self, *, sent_at: float, now: float) -> bool:
        """Count that the API said later; return whether it did so too often in a row.

        Requests that had left before it said so the last time are no further word of it.
        """
        if sent_at >= self._throttled_at:
            self._throttles += 1
            self._throttled_at = now
        return self._throttles >= self._max_throttles

    def backoff_seconds(self) -> float:
        """Count a failure to connect and return 0.5, 1, 2 … 60 s, each with up to a quarter of jitter."""
        exponent = min(self._failures_in_a_row, 10)
        self._failures_in_a_row += 1
        seconds = min(_BACKOFF_FIRST_SECONDS * 2.0**exponent, _BACKOFF_MOST_SECONDS)
        return seconds * (1 + self._random.random() / 4)

    def exhausted(self, now: float, wait_seconds: float) -> bool:
        """Return whether another wait from `now` is more than the job allows in one stretch of trouble."""
        if self._trouble_since is None:
            self._trouble_since = now
        too_long = now + wait_seconds - self._trouble_since > self._max_wait_seconds
        return too_long or (not self._answered and self._failures_in_a_row >= _FIRST_CONTACT_ATTEMPTS)
