"""The gate of one sender among many: slots come from a row in the database, lanes from leases."""

from math import ceil
from typing import Final, Protocol

from etl.clock import Clock
from etl.replay.adaptive import Adaptive
from etl.replay.admissions import Admissions
from etl.replay.alarm import Alarm
from etl.replay.breaker import Breaker
from etl.replay.limits import Limits
from etl.replay.slots import NAP_SECONDS, PaceBook, Slots
from etl.replay.stop import Stop, StopKind

_SHORT_NAP_SECONDS: Final = 0.02
"""Between two looks whether a message more may begin."""

_ABREAST_SECONDS: Final = 0.004
"""Slots that lie so near are used together: it is a fifth of what a slot may be late."""

_GUARD_MOST_SECONDS: Final = 1.5
"""An intent on disk waits no longer than that for another slot."""


class Leases(Protocol):
    """Which messages are this sender's to send."""

    def hold(self, ordinal: int, now: float) -> bool:
        """Return whether nobody else can have taken the message's shard over at that time."""


class SharedGate:
    """What all messages of one sender wait at; the rate, the hold-off and the share are everybody's."""

    def __init__(  # noqa: PLR0913  wiring: each argument is one collaborator
        self,
        *,
        book: PaceBook,
        leases: Leases,
        most_ahead: int,
        counted: bool,
        adaptive: Adaptive | None,
        breaker: Breaker,
        limits: Limits,
        stop: Stop,
        clock: Clock,
    ) -> None:
        """`counted`: whether the run may send no more than so many messages, which the row counts."""
        self._leases = leases
        self._adaptive = adaptive
        self._breaker = breaker
        self._limits = limits
        self._stop = stop
        self._clock = clock
        self._alarm = Alarm(clock)
        self._admissions = Admissions(counted=counted)
        self._slots = Slots(
            book, self._admissions, most_ahead=most_ahead, clock=clock, ends=self._ends, adopt=self._adopt
        )
        self._turned: dict[int, float] = {}
        """When messages whose intent is being written got their turn."""

    @property
    def share(self) -> float:
        """Return the share of the rate that all go at, as was heard last."""
        return self._slots.share

    def hold_off(self, until: float) -> None:
        """Let nobody here send before `until`; what the API asked for is told to all by way of the ledger."""
        if until > self._slots.held_until:
            self._slots.held_until = until
            self._slots.void()

    def set_share(self, share: float) -> None:  # noqa: ARG002  the row is told by way of the ledger
        """Let go of slots that are booked at another pace."""
        self._slots.void()

    def hear(self, *, era: int, share: float) -> None:
        """Take what any answer of the database says of the pace; a newer era makes booked slots void."""
        self._slots.hear(era=era, share=share)

    def turn_now(self, lane: int, *, left: int) -> float | None:  # noqa: ARG002  who asks is all the same
        """Return None: a slot costs a question."""
        return None

    def leave(self, lane: int) -> None:
        """Nobody asks: of the lanes of other senders nothing is known here."""

    async def room(self, messages: int = 0) -> None:  # noqa: ARG002  who asks is all the same
        """Wait while those who wait take all slots for a while; not longer than the run lasts."""
        clock = self._clock
        while not self._ends(now := clock.monotonic()) and self._breaker.closed:
            left = self._slots.taken_seconds(now)
            if left <= 0:
                return
            await clock.sleep(min(left, NAP_SECONDS))

    async def turn(self, ordinal: int, lane: int = 0, *, left: int = 0) -> float | None:  # noqa: ARG002  who asks is all the same
        """Wait until shortly before a slot and return its time; None: it is not to be sent any more."""
        self._admissions.come(ordinal)
        slot = None
        try:
            slot = await self._turn(ordinal)
        finally:
            if slot is None:
                self._admissions.go(ordinal)
        if slot is not None:
            self._turned[ordinal] = self._clock.monotonic()
        return slot

    async def _turn(self, ordinal: int) -> float | None:
        clock = self._clock
        while not self._ends(now := clock.monotonic()):
            if not self._leases.hold(ordinal, now):
                return None
            if not (self._breaker.closed or self._breaker.claims(ordinal, now)):
                await clock.sleep(NAP_SECONDS)
            elif now < self._slots.held_until:
                await clock.sleep(min(self._slots.held_until - now, NAP_SECONDS))
            else:
                slot = await self._slots.take(ordinal, fresh=self._admissions.is_fresh(ordinal))
                if slot is not None:
                    return slot
                if self._admissions.is_fresh(ordinal):
                    self._end_if_all_left()
                    await clock.sleep(_SHORT_NAP_SECONDS)
        return None

    async def guard(self, ordinal: int, slot: float) -> bool:
        """Wait for the slot, or for another one that comes soon; False: the message had better not go.

        The lease is looked at last, against this machine's own clock: what happens in a pause after that is
        one message that its new owner finds in flight.
        """
        self._slots.learn_lead(self._clock.monotonic() - self._turned.pop(ordinal))
        try:
            return await self._may_leave(ordinal, slot)
        finally:
            self._admissions.go(ordinal)

    async def _may_leave(self, ordinal: int, slot: float) -> bool:
        clock, slots = self._clock, self._slots
        gives_up = clock.monotonic() + _GUARD_MOST_SECONDS
        while not self._ends(now := clock.monotonic()) and self._leases.hold(ordinal, now):
            if not slots.is_good(slot, now):
                slots.drop(slot)
                if max(now, slots.held_until) > gives_up:
                    return False
                slot = await slots.at_once()
            elif slot <= now:
                slots.drop(slot)
                return True
            elif slot > gives_up:
                break
            else:
                at = min(slot, now + NAP_SECONDS)
                await self._alarm.until(ceil(at / _ABREAST_SECONDS) * _ABREAST_SECONDS)
        slots.drop(slot)
        return False

    def _end_if_all_left(self) -> None:
        if self._admissions.over:
            self._stop.request(StopKind.MAX_MESSAGES, "the messages of --max-messages are begun")

    def _adopt(self, share: float) -> None:
        if self._adaptive is not None:
            self._adaptive.adopt(share, now=self._clock.monotonic())

    def _ends(self, now: float) -> bool:
        if self._stop.requested:
            return True
        if not self._limits.timed:
            return False
        over = self._limits.over(now, self._clock.wall_us())
        if over is not None:
            self._stop.request(over.kind, over.message)
        return over is not None
