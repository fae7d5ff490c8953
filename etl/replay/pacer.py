"""Pace as arithmetic: time comes in as numbers (monotonic seconds), waits go out. Pure, no clock.

Two rules together keep promise P5. Slots are spaced evenly (GCRA with a burst of one, catching up
with short stalls only), and a guard at the moment of sending counts what really left in the sliding
window, so that a stall between slot and send can't bunch requests. The share of the rate that is used may
change; the guard is always that of the whole rate.
"""

from collections import deque
from typing import Final

from etl.model.rate import Rate

SLACK_SECONDS: Final = 0.02
"""A stall that may be made up for: with 3 ms, 60 s at 1,000/s on a machine that stalls now and then got
98.9 % of the rate, with 20 ms 99.4 % (measured). The guard counts what leaves at once then like all else."""

GUARD_MARGIN: Final = 1.005
"""The guarded window is 0.5 % longer than asked for, so that jitter on the way can't squeeze arrivals in."""

SPACING_MARGIN: Final = 1.007
"""Slots lie wider than the guard asks for: else a late send makes the guard hold back the one that comes a
window later, and that one the next. It leaves 99.3 % of the rate."""


class Pacer:
    """Hands out send times for one target; everybody asks the same one."""

    def __init__(
        self,
        *,
        rate: Rate,
        now: float,
        since_last_send_seconds: float | None,
        share: float = 1.0,
    ) -> None:
        """Begin at `now`; a send of an earlier run within the window is respected in full."""
        self._count = rate.count
        self._window_seconds = rate.window_seconds * GUARD_MARGIN
        self._spacing_seconds = rate.window_seconds * SPACING_MARGIN / rate.count
        self._share = share
        self._reserve = 0
        self._sent: deque[float] = deque(maxlen=self._count)
        rest = 0.0
        if since_last_send_seconds is not None:
            rest = max(self._window_seconds, self.interval_seconds) - max(since_last_send_seconds, 0.0)
        self._held_until = now + max(rest, 0.0)
        self._last = self._last_reserved = self._held_until - self.interval_seconds

    @property
    def interval_seconds(self) -> float:
        """Return how far apart slots are."""
        if self._share < 1.0:
            return self._spacing_seconds / self._share
        return self._spacing_seconds * self._count / (self._count - self._reserve)

    def slot(self, since: float) -> float:
        """Return the time of the next slot, for who waits since then: what came before is lost."""
        return max(self._last + self.interval_seconds, since - SLACK_SECONDS, self._held_until)

    def take(self, now: float, *, since: float, ahead_seconds: float = 0.0) -> float | None:
        """Take the next slot and return its time, if it comes within `ahead_seconds`; else take none."""
        slot = self.slot(since)
        if self.wait_seconds(now) > 0 or slot > now + ahead_seconds:
            return None
        self._last = slot
        return slot

    def reserved_slot(self, now: float) -> float | None:
        """Return when one of the reserve may go, between the slots; None without a reserve."""
        if not self._reserve or self._share < 1.0:
            return None
        return max(now + self.wait_seconds(now), self._last_reserved + self._spacing_seconds)

    def take_reserved(self, now: float, *, ahead_seconds: float = 0.0) -> float | None:
        """Take that time and return it, if it comes within `ahead_seconds`."""
        slot = self.reserved_slot(now)
        if slot is None or slot > now + ahead_seconds:
            return None
        self._last_reserved = slot
        return slot

    def keep_free(self, reserve: int) -> None:
        """Leave so many sends of each window, fewer than all, to those who take from the reserve."""
        self._reserve = min(reserve, self._count - 1)

    def hold_off(self, until: float) -> None:
        """Let nobody send before `until`; a shorter wish never shortens a longer one."""
        self._held_until = max(self._held_until, until)

    def set_share(self, share: float) -> None:
        """Use that share of the rate from now on, in (0, 1]; below 1 there is no reserve."""
        self._share = share

    def wait_seconds(self, now: float) -> float:
        """Return how long a sender whose slot has come must still wait; zero means: send now."""
        held = self._held_until - now
        full = self._sent[0] + self._window_seconds - now if len(self._sent) == self._count else 0.0
        return max(held, full, 0.0)

    def sent(self, now: float) -> None:
        """Note that a request leaves now."""
        self._sent.append(now)
