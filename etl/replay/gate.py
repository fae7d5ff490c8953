"""When the next request may leave: its slot, the breaker, the hours, and a last look before it goes."""

from typing import Final

from etl.clock import Clock
from etl.replay.breaker import Breaker
from etl.replay.critical import CriticalPath
from etl.replay.limits import Limits
from etl.replay.pacer import Pacer
from etl.replay.queue import Queue
from etl.replay.stop import Stop

_NAP_SECONDS: Final = 0.25
"""A long wait is slept in pieces, so that a drain is noticed."""

_AHEAD_SECONDS: Final = 0.01
"""An intent may be written so long before its slot: its commit takes about that, and nobody waits twice."""

_LEAD_SECONDS: Final = 0.004
"""How long before its slot who is first wakes up: those whose slots come soon after begin their intents with
it, in one commit, instead of a wake-up and a commit each."""

_GUARD_MOST_SECONDS: Final = 1.5
"""A little more than the window of most rates above one a second."""


class Gate:
    """What all messages of a run wait at, twice: before their intent, and between intent and send."""

    def __init__(
        self,
        *,
        pacer: Pacer,
        critical: CriticalPath,
        breaker: Breaker,
        limits: Limits,
        stop: Stop,
        clock: Clock,
    ) -> None:
        self._pacer = pacer
        self._critical = critical
        self._breaker = breaker
        self._limits = limits
        self._stop = stop
        self._clock = clock
        self._queue = Queue()
        self._paused_until = 0.0
        """Slots before it came while nobody could use them."""

    def turn_now(self, lane: int, *, left: int) -> float | None:
        """Return the time of a slot that is free now or in an instant; None when that is not so."""
        now = self._clock.monotonic()
        return self._turn_now(lane, left, now, critical=self._ready(lane, left, now))

    async def room(self, messages: int) -> None:
        """Wait until a lane of so many messages had better begin; not longer than the run lasts.

        That is when those under way leave a slot free (they may take one an instant ahead, who is new takes
        it when it has come), or when the run could end with the new one.
        """
        pacer, clock = self._pacer, self._clock
        while not self._ends(now := clock.monotonic()) and self._breaker.closed:
            if self._critical.is_critical(messages):
                return
            left = pacer.slot(now) - now + len(self._queue) * pacer.interval_seconds
            if left <= 0:
                return
            await clock.sleep(min(left, _NAP_SECONDS))

    async def turn(self, ordinal: int, lane: int, *, left: int) -> float | None:
        """Wait for a slot and return its time; None when the run drains.

        Args:
            ordinal: the message.
            lane: the ordinal of the first message of its lane.
            left: how many messages the lane has to send, this one included.
        """
        now = self._clock.monotonic()
        critical = self._ready(lane, left, now)
        slot = self._turn_now(lane, left, now, critical=critical)
        if slot is None:
            slot = await self._wait(ordinal, lane, left, critical=critical, joined=now)
        return slot

    def leave(self, lane: int) -> None:
        """Take that a lane sends no more in this run."""
        self._critical.leave(lane)
        self._pacer.keep_free(self._critical.reserve)

    def _turn_now(self, lane: int, left: int, now: float, *, critical: bool) -> float | None:
        if self._ends(now) or not self._breaker.closed:
            return None
        if not self._queue.is_before_all(_rank(left, critical=critical)):
            return None
        return self._take(lane, now, critical=critical, since=now)

    async def _wait(
        self, ordinal: int, lane: int, left: int, *, critical: bool, joined: float
    ) -> float | None:
        breaker, clock, queue = self._breaker, self._clock, self._queue
        place = queue.join(_rank(left, critical=critical))
        try:
            while not self._ends(now := clock.monotonic()):
                if not breaker.closed:
                    if not breaker.claims(ordinal, now):
                        await clock.sleep(_NAP_SECONDS)
                        self._paused_until = clock.monotonic()  # or all would leave together after the pause
                        continue
                elif not queue.is_first(place):
                    await queue.first(place)
                    continue
                since = max(joined, self._paused_until)
                slot = self._take(lane, now, critical=critical, since=since)
                if slot is not None:
                    return slot
                await clock.sleep(min(self._left_seconds(now, critical=critical, since=since), _NAP_SECONDS))
        finally:
            queue.leave(place)
        return None

    def _ready(self, lane: int, left: int, now: float) -> bool:
        critical = self._critical.ready(lane, left=left, now=now)
        self._pacer.keep_free(self._critical.reserve)
        return critical

    def _take(self, lane: int, now: float, *, critical: bool, since: float) -> float | None:
        slot = None
        if critical:
            slot = self._pacer.take_reserved(now, ahead_seconds=_AHEAD_SECONDS)
        if slot is None:
            slot = self._pacer.take(now, since=since, ahead_seconds=_AHEAD_SECONDS)
        if slot is not None:
            self._critical.turn(lane, slot)
        return slot

    def _left_seconds(self, now: float, *, critical: bool, since: float) -> float:
        """Return how long to sleep, where no slot could be taken."""
        pacer = self._pacer
        left = max(pacer.slot(since) - _LEAD_SECONDS - now, pacer.wait_seconds(now))
        reserved = pacer.reserved_slot(now) if critical else None
        return left if reserved is None else min(left, reserved - _LEAD_SECONDS - now)

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


def _rank(left: int, *, critical: bool) -> int:
    return -left if critical else 0
