"""The gate of one sender among many: slots come from a row in the database, lanes from leases."""

import asyncio
from collections import deque
from typing import Final, Protocol

from etl.clock import Clock
from etl.replay.adaptive import Adaptive
from etl.replay.breaker import Breaker
from etl.replay.limits import Limits
from etl.replay.shared_pace import LATE_SECONDS, Booking, RemoteClock
from etl.replay.stop import Stop, StopKind

_NAP_SECONDS: Final = 0.25
"""A long wait is slept in pieces, so that a drain is noticed."""

_GLANCE_SECONDS: Final = 0.003
"""Between two looks whether one more lane is needed; only one asks at a time."""

_SHORT_NAP_SECONDS: Final = 0.02
"""Between two looks at what changes within a few slots."""

_GUARD_MOST_SECONDS: Final = 1.5
"""An intent on disk waits no longer than that for another slot."""

_NO_SLOT: Final = -1.0

_FIRST_LEAD_SECONDS: Final = 0.01
_LEAST_LEAD_SECONDS: Final = 0.003
_MOST_LEAD_SECONDS: Final = 0.5


class PaceBook(Protocol):
    """The row that all senders ask."""

    async def book(self, *, fresh: int, again: int, ready_seconds: float) -> Booking:
        """Return slots for messages that are begun, and for those that were begun before.

        None of them comes before `ready_seconds` from now: it would be late when it is known.

        Raises:
            LedgerError: the database can't be asked.
        """


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
        self._book = book
        self._leases = leases
        self._most_ahead = most_ahead
        self._counted = counted
        self._adaptive = adaptive
        self._breaker = breaker
        self._limits = limits
        self._stop = stop
        self._clock = clock
        self._remote = RemoteClock()
        self._booking = asyncio.Lock()
        self._free: deque[float] = deque()
        self._good: set[float] = set()
        """Slots that were handed out and may still be used."""
        self._unserved = 0
        """Messages that wait for a slot to be booked."""
        self._unadmitted = 0
        """Of these, those that are not begun yet; counted only where messages are."""
        self._turned: dict[int, float] = {}
        """When messages whose intent is being written got their turn."""
        self._begun: set[int] = set()
        self._unsent = 0
        """Messages that are begun and have not left."""
        self._grants = 0
        self._full = False
        self._era = -1
        self._share = 1.0
        self._held_until = 0.0
        self._lead_seconds = _FIRST_LEAD_SECONDS
        """How long before its slot an intent is begun."""
        self._way_seconds = 0.0
        """How long a question to the database takes."""

    @property
    def share(self) -> float:
        """Return the share of the rate that all go at, as was heard last."""
        return self._share

    def hold_off(self, until: float) -> None:
        """Let nobody here send before `until`; what the API asked for is told to all by way of the ledger."""
        if until > self._held_until:
            self._held_until = until
            self._void()

    def set_share(self, share: float) -> None:  # noqa: ARG002  the row is told by way of the ledger
        """Let go of slots that are booked at another pace."""
        self._void()

    def hear(self, *, era: int, share: float) -> None:
        """Take what any answer of the database says of the pace; a newer era makes booked slots void."""
        if era <= self._era:
            return
        self._era, self._share = era, share
        self._void()
        if self._adaptive is not None:
            self._adaptive.adopt(share, now=self._clock.monotonic())

    def turn_now(self, lane: int, *, left: int) -> float | None:  # noqa: ARG002  who asks is all the same
        """Return None: a slot costs a question."""
        return None

    def leave(self, lane: int) -> None:
        """Nobody asks: of the lanes of other senders nothing is known here."""

    async def room(self, messages: int = 0) -> None:  # noqa: ARG002  who asks is all the same
        """Wait while messages under way have no slot yet; not longer than the run lasts."""
        while self._unserved and not self._ends(self._clock.monotonic()) and self._breaker.closed:
            await self._clock.sleep(_GLANCE_SECONDS)

    async def turn(self, ordinal: int, lane: int = 0, *, left: int = 0) -> float | None:  # noqa: ARG002  who asks is all the same
        """Wait until shortly before a slot and return its time; None: it is not to be sent any more."""
        self._unsent += ordinal in self._begun
        slot = None
        try:
            slot = await self._turn(ordinal)
        finally:
            self._unsent -= slot is None and ordinal in self._begun
        if slot is not None:
            self._turned[ordinal] = self._clock.monotonic()
        return slot

    async def _turn(self, ordinal: int) -> float | None:
        clock = self._clock
        while not self._ends(now := clock.monotonic()):
            if not self._leases.hold(ordinal, now):
                return None
            if not (self._breaker.closed or self._breaker.claims(ordinal, now)):
                await clock.sleep(_NAP_SECONDS)
            elif now < self._held_until:
                await clock.sleep(min(self._held_until - now, _NAP_SECONDS))
            else:
                slot = await self._take(ordinal)
                if slot is not None and await self._reached(slot):
                    return slot
        return None

    async def guard(self, ordinal: int, slot: float) -> bool:
        """Wait for the slot, or for another one that comes soon; False: the message had better not go.

        The lease is looked at last, against this machine's own clock: what happens in a pause after that is
        one message that its new owner finds in flight.
        """
        self._learn_lead(self._clock.monotonic() - self._turned.pop(ordinal))
        try:
            return await self._may_leave(ordinal, slot)
        finally:
            self._unsent -= ordinal in self._begun

    def _learn_lead(self, seconds: float) -> None:
        """Note how long intent and connection took: they have to be begun so long before the slot."""
        lead = max(1.5 * seconds, 0.9 * self._lead_seconds)
        self._lead_seconds = min(max(lead, _LEAST_LEAD_SECONDS), _MOST_LEAD_SECONDS)

    async def _may_leave(self, ordinal: int, slot: float) -> bool:
        clock = self._clock
        gives_up = clock.monotonic() + _GUARD_MOST_SECONDS
        while not self._ends(now := clock.monotonic()) and self._leases.hold(ordinal, now):
            if slot not in self._good or now > slot + LATE_SECONDS or slot < self._held_until:
                self._good.discard(slot)
                if max(now, self._held_until) > gives_up:
                    return False
                slot = await self._slot_at_once()
            elif slot <= now:
                self._good.discard(slot)
                return True
            elif slot > gives_up:
                break
            else:
                await clock.sleep(min(slot - now, _NAP_SECONDS))
        self._good.discard(slot)
        return False

    async def _slot_at_once(self) -> float:
        """Return a slot for a message whose intent is on disk: it waits for nobody's turn."""
        if not self._free:
            await self._ask(fresh=0, again=1, lead_seconds=0.0)
        if not self._free:
            return _NO_SLOT
        slot = self._free.popleft()
        self._good.add(slot)
        return slot

    async def _reached(self, slot: float) -> bool:
        """Wait until an intent is to be begun for a slot; False when the slot is void before."""
        clock = self._clock
        while slot in self._good:
            left = slot - self._lead_seconds - clock.monotonic()
            if left <= 0:
                return True
            if self._ends(clock.monotonic()):
                break
            await clock.sleep(min(left, _NAP_SECONDS))
        self._good.discard(slot)
        return False

    async def _take(self, ordinal: int) -> float | None:
        """Return a slot, booked for all who wait if there is none; None when none was to be had."""
        fresh = self._counted and ordinal not in self._begun
        self._unserved += 1
        self._unadmitted += fresh
        try:
            async with self._booking:
                return await self._next_slot(ordinal, fresh=fresh)
        finally:
            self._unserved -= 1
            self._unadmitted -= fresh

    async def _next_slot(self, ordinal: int, *, fresh: bool) -> float | None:
        clock = self._clock
        while len(self._good) >= self._most_ahead:
            if self._ends(clock.monotonic()):
                return None
            first = min(self._good) - clock.monotonic()
            await clock.sleep(min(max(first, _SHORT_NAP_SECONDS), _NAP_SECONDS))
        while self._free and self._free[0] + LATE_SECONDS < clock.monotonic():
            self._free.popleft()
        if not self._free or (fresh and not self._grants):
            wanted = min(self._unserved, self._most_ahead - len(self._good))
            unadmitted = min(max(self._unadmitted - self._grants, 0), wanted)
            await self._ask(fresh=unadmitted, again=wanted - unadmitted, lead_seconds=self._lead_seconds)
        if fresh and not self._grants:
            self._end_if_all_left()
            await clock.sleep(_SHORT_NAP_SECONDS)
            return None
        if not self._free:
            return None
        if fresh:
            self._grants -= 1
            self._begun.add(ordinal)
            self._unsent += 1
        slot = self._free.popleft()
        self._good.add(slot)
        return slot

    def _end_if_all_left(self) -> None:
        if self._full and not self._unsent:
            self._stop.request(StopKind.MAX_MESSAGES, "the messages of --max-messages are begun")

    async def _ask(self, *, fresh: int, again: int, lead_seconds: float) -> None:
        asked = self._clock.monotonic()
        ready = self._way_seconds + lead_seconds
        told = await self._book.book(fresh=fresh, again=again, ready_seconds=ready)
        answered = self._clock.monotonic()
        self._way_seconds = min(max(answered - asked, 0.9 * self._way_seconds), _MOST_LEAD_SECONDS)
        if not self._remote.observe(told.now, asked=asked, answered=answered):
            self._void()
        self.hear(era=told.era, share=told.share)
        self._grants += told.admitted
        self._full = self._full or told.admitted < fresh
        if told.era < self._era:
            return  # booked before what was heard meanwhile, at a pace that is void
        if told.held_until > told.now:
            self._held_until = max(self._held_until, self._remote.local(told.held_until))
        first = self._remote.local(told.first)
        slots = (first + number * told.spacing for number in range(told.slots))
        # A hold-off that began meanwhile may not be in the row yet.
        self._free.extend(slot for slot in slots if slot >= self._held_until)

    def _void(self) -> None:
        self._free.clear()
        self._good.clear()

    def _ends(self, now: float) -> bool:
        if self._stop.requested:
            return True
        if not self._limits.timed:
            return False
        over = self._limits.over(now, self._clock.wall_us())
        if over is not None:
            self._stop.request(over.kind, over.message)
        return over is not None
