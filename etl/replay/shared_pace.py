"""One rate for senders on many machines, as arithmetic: slots on the database's clock. Pure, no clock.

One row in the database hands out slots, evenly spaced. A sender that reaches its slot late lets it go and
books another one, so what leaves lies no further from its slot than `LATE_SECONDS`, and the spacing is that
much wider: then no sliding window anywhere can hold more than the rate, whoever sleeps or wakes.
"""

from typing import Final, NamedTuple

from etl.model.rate import Rate

LATE_SECONDS: Final = 0.02
"""So late a slot may still be used; a wider one would cost more of the rate, a narrower one more slots."""

DOUBT_SECONDS: Final = 0.01
"""What the spacing allows for not knowing the database's clock better: a round trip within one region."""

_DRIFT: Final = 2e-4
"""How fast two clocks may part, as seconds in a second; ten times what a bad quartz does."""

_AHEAD_SECONDS: Final = 0.25
"""Slots are booked for those who wait now, and for no more than go in this time: what is booked by a sender
that dies, or is void after a pause, is lost for the others."""


def spacing_seconds(rate: Rate) -> float:
    """Return the time between two slots at the whole rate."""
    return (rate.window_seconds + LATE_SECONDS + DOUBT_SECONDS) / rate.count


def most_ahead(rate: Rate) -> int:
    """Return how many slots one sender of many may have booked and not used."""
    return max(2, round(_AHEAD_SECONDS * rate.per_second))


class Booking(NamedTuple):
    """What the row says to a sender that asks for slots; times are seconds on the database's clock."""

    now: float
    first: float
    """The time of the first slot."""
    spacing: float
    slots: int
    admitted: int
    """How many messages more may begin, of those that were asked for."""
    held_until: float
    era: int
    share: float


class RemoteClock:
    """What is known of the database's clock against a monotonic one of this machine.

    Each answer gives bounds: its reading was taken between question and answer. The narrowest bounds count,
    widened by what clocks may part meanwhile; bounds that contradict each other mean a clock that was set.
    """

    def __init__(self) -> None:
        self._low = 0.0
        self._high = 0.0
        self._at: float | None = None

    def observe(self, remote: float, *, asked: float, answered: float) -> bool:
        """Take one reading; return False when it contradicts the ones before, which are then forgotten."""
        low, high = remote - answered, remote - asked
        fits = True
        if self._at is not None:
            drift = _DRIFT * max(answered - self._at, 0.0)
            fits = low <= self._high + drift and self._low - drift <= high
            if fits:
                low, high = max(low, self._low - drift), min(high, self._high + drift)
        self._low, self._high, self._at = low, high, answered
        return fits

    def local(self, remote: float) -> float:
        """Return the first local moment that is surely not before a remote one.

        Where the bounds are wider than the spacing allows for, it is their middle and half that: then the
        network decides, as it does about arrivals anyhow.
        """
        if self._high - self._low <= DOUBT_SECONDS:
            return remote - self._low
        return remote - (self._low + self._high) / 2 + DOUBT_SECONDS / 2
