"""When the next request may leave: its slot, the breaker, the hours, and a last look before it goes."""

from typing import Final

from etl.clock import Clock
from etl.replay.breaker import Breaker
from etl.replay.limits import Limits
from etl.replay.pacer import Pacer
from etl.replay.stop import Stop

_NAP_SECONDS: Final = 0.25
"""A long wait is slept in pieces, so that a drain is noticed."""

_AHEAD_SECONDS: Final = 0.01
"""An intent may be written so long before its slot: its commit takes about that, and nobody waits twice."""

_GUARD_MOST_SECONDS: Final = 1.5
"""A little more than the window of most rates above one a second."""


class Gate:
    """What all messages of a run wait at, twice: before their intent, and between intent and send."""

    def __init__(self, *, pacer: Pacer, breaker: Breaker, limits: Limits, stop: Stop, clock: Clock) -> None:
        self._pacer = pacer
        self._breaker = breaker
        self._limits = limits
        self._stop = stop
        self._clock = clock

    def turn_now(self) -> float | None:
        """Return the time of a slot that is free now or in an instant; None when that is not so."""
        now = self._clock.monotonic()
        if self._ends(now) or not self._breaker.closed:
            return None
        return self._pacer.take(now, ahead_seconds=_AHEAD_SECONDS)

    async def room(self) -> None:
        """Wait until there is a slot that those under way leave free; not longer than the run lasts.

        They may take one an instant ahead, who is new takes it when it has come.
        """
        pacer, clock = self._pacer, self._clock
        while not self._ends(now := clock.monotonic()) and self._breaker.closed:
            left = pacer.backlog_seconds(now)
            if left <= 0:
                return
            await clock.sleep(min(left, _NAP_SECONDS))

    async def turn(self, ordinal: int) -> float | None:
        """Wait for a slot and return its time; None when the run drains."""
        slot = self.turn_now()
        return slot if slot is not None else await self._wait(ordinal)

    async def _wait(self, ordinal: int) -> float | None:
        pacer, breaker, clock = self._pacer, self._breaker, self._clock
        slot, era = 0.0, -1
        while not self._ends(now := clock.monotonic()):
            if not (breaker.closed or breaker.claims(ordinal, now)):
                era = -1  # a slot that comes during the pause is lost, or all would leave together after it
                await clock.sleep(_NAP_SECONDS)
                continue
            if era != pacer.era:
                slot, era = pacer.book(now), pacer.era
            left = max(slot - now, pacer.wait_seconds(now))
            if left <= 0:
                pacer.use(slot)
                return slot
            await clock.sleep(min(left, _NAP_SECONDS))
        return None

    async def guard(self, ordinal: int, slot: float) -> bool:  # noqa: ARG002  one slot is as good as another
        """Wait for the slot and for what a stall since has cost; False: the message had better not go.

        The intent is durable, so a kill in here makes the message uncertain: a long wait or a drain
        withdraws it instead.
        """
        pacer, clock = self._pacer, self._clock
        gives_up = 0.0
        while not self._ends(now := clock.monotonic()):
            left = max(slot - now, pacer.wait_seconds(now))
            if left <= 0:
                pacer.sent(now)
                return True
            gives_up = gives_up or now + _GUARD_MOST_SECONDS
            if now + left > gives_up:
                return False
            await clock.sleep(left)
        return False

    def _ends(self, now: float) -> bool:
        if self._stop.requested:
            return True
        if not self._limits.timed:
            return False
        over = self._limits.over(now, self._clock.wall_us())
        if over is not None:
            self._stop.request(over.kind, over.message)
        return over is not None
