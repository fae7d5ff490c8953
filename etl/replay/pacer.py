"""Pace as arithmetic: time comes in as numbers (monotonic seconds), waits go out. Pure, no clock.

Two rules together keep promise P5. Slots are spaced evenly (GCRA with a burst of one, never catching up
beyond a timer's lateness), and a guard at the moment of sending counts what really left in the sliding
window, so that a stall between slot and send can't bunch requests. The share of the rate that is used may
change; the guard is always that of the whole rate.
"""

from collections import deque
from typing import Final

from etl.model.rate import Rate

SLACK_SECONDS: Final = 0.003
"""A timer's lateness that may be made up for; without it 13 % of 1,000/s are lost (measured)."""

GUARD_MARGIN: Final = 1.004
"""The guarded window is 0.4 % longer than asked for, so that jitter on the way can't squeeze arrivals in."""

SPACING_MARGIN: Final = GUARD_MARGIN + SLACK_SECONDS
"""Slots lie wider than the guard asks for, by what may be made up for in a second: else a late send makes the
guard hold back the one that comes a window later, and that one the next. It leaves 99.3 % of the rate."""


class Pacer:
    """Hands out send times for one target; everybody asks the same one.

    A slot is good as long as `era` is the one it was booked in: a hold-off or another share makes all slots
    void that have not come, and whoever held one books anew.
    """

    def __init__(
        self,
        *,
        rate: Rate,
        now: float,
        since_last_send_seconds: float | None,
        share: float = 1.0,
    ) -> None:
        """Begin at `now`; a send of an earlier run within the window is respected in full."""
        self.era = 0
        self._count = rate.count
        self._window_seconds = rate.window_seconds * GUARD_MARGIN
        self._spacing_seconds = rate.window_seconds * SPACING_MARGIN / rate.count
        self._interval_seconds = self._spacing_seconds / share
        self._sent: deque[float] = deque(maxlen=self._count)
        rest = 0.0
        if since_last_send_seconds is not None:
            rest = max(self._window_seconds, self._interval_seconds) - max(since_last_send_seconds, 0.0)
        self._next = now + max(rest, 0.0)
        self._used = self._next - self._interval_seconds
        self._held_until = now

    def book(self, now: float) -> float:
        """Return the time of the next free slot; it is then taken."""
        slot = max(self._next, now - SLACK_SECONDS, self._held_until)
        self._next = slot + self._interval_seconds
        return slot

    def take(self, now: float, *, ahead_seconds: float) -> float | None:
        """Take the next slot and return its time, if it comes within `ahead_seconds`; else take none."""
        if self.wait_seconds(now) > 0 or self._next > now + ahead_seconds:
            return None
        slot = self.book(now)
        self.use(slot)
        return slot

    def backlog_seconds(self, now: float) -> float:
        """Return how far ahead the next free slot is."""
        return max(self._next, self._held_until) - now

    def use(self, slot: float) -> None:
        """Note that a slot has come and its owner goes on to send."""
        self._used = max(self._used, slot)

    def hold_off(self, until: float) -> None:
        """Let nobody send before `until`; a shorter wish never shortens a longer one."""
        if until > self._held_until:
            self._held_until = until
            self._begin_era()

    def set_share(self, share: float) -> None:
        """Use that share of the rate from now on, in (0, 1]."""
        self._interval_seconds = self._spacing_seconds / share
        self._begin_era()

    def wait_seconds(self, now: float) -> float:
        """Return how long a sender whose slot has come must still wait; zero means: send now."""
        held = self._held_until - now
        full = self._sent[0] + self._window_seconds - now if len(self._sent) == self._count else 0.0
        return max(held, full, 0.0)

    def sent(self, now: float) -> None:
        """Note that a request leaves now."""
        self._sent.append(now)

    def _begin_era(self) -> None:
        self._next = max(self._used + self._interval_seconds, self._held_until)
        self.era += 1
