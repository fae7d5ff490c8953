"""Slots for those of one sender who wait: asked for together, and begun together.

A question to the row, a commit and a wake-up each cost as much as several messages, and where the pace lets
nobody go sooner, sharing them costs nobody anything.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from math import floor
from typing import Final, NamedTuple, Protocol

from etl.clock import Clock
from etl.replay.admissions import Admissions
from etl.replay.shared_pace import LATE_SECONDS, Booking, RemoteClock

NAP_SECONDS: Final = 0.25
"""A long wait is slept in pieces, so that a drain is noticed."""

_SHORT_NAP_SECONDS: Final = 0.02
"""Between two looks at what changes within a few slots."""

_TOGETHER_SECONDS: Final = 0.025
"""Those who come to wait within this time share a question, and those whose slots lie in it a commit."""

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


class _Waiter(NamedTuple):
    ordinal: int
    fresh: bool
    came: "asyncio.Future[float | None]"


class Slots:
    """The slots of one sender.

    Attributes:
        share: that of the rate that all go at, as was heard last.
        held_until: before that (monotonic seconds) nobody has a slot.
    """

    def __init__(
        self,
        book: PaceBook,
        admissions: Admissions,
        *,
        most_ahead: int,
        clock: Clock,
        ends: Callable[[float], bool],
        adopt: Callable[[float], None],
    ) -> None:
        """`ends` tells whether nobody needs slots any more, `adopt` is told a share that is new."""
        self.share = 1.0
        self.held_until = 0.0
        self._book = book
        self._admissions = admissions
        self._most_ahead = most_ahead
        self._clock = clock
        self._ends = ends
        self._adopt = adopt
        self._remote = RemoteClock()
        self._waiting: deque[_Waiter] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._serving = False
        self._free: deque[float] = deque()
        self._good: set[float] = set()
        """Slots that were handed out and may still be used."""
        self._asking_again = asyncio.Lock()
        self._belated = 0
        self._era = -1
        self._lead_seconds = _FIRST_LEAD_SECONDS
        """How long before its slot an intent is begun."""
        self._way_seconds = 0.0
        """How long a question to the database takes."""
        self._booked_until = 0.0
        """The row's next slot does not come before, as far as is known here."""
        self._spacing = 0.0

    async def take(self, ordinal: int, *, fresh: bool) -> float | None:
        """Wait until an intent is to be begun for a slot, and return it; None: try again if there is reason.

        Raises:
            LedgerError: the database can't be asked.
        """
        waiter = _Waiter(ordinal, fresh, asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        if not self._serving:
            self._serving = True
            self._start(self._serve())
        return await waiter.came

    async def at_once(self) -> float:
        """Return a slot for a message whose intent is on disk: it waits for nobody's turn.

        It is none that is good where none was to be had.
        """
        self._belated += 1
        try:
            await self._clock.sleep(0)  # a stall makes many late
            async with self._asking_again:
                if not self._free:
                    await self._ask(fresh=0, again=self._belated, lead_seconds=0.0)
        finally:
            self._belated -= 1
        if not self._free:
            return _NO_SLOT
        slot = self._free.popleft()
        self._good.add(slot)
        return slot

    def is_good(self, slot: float, now: float) -> bool:
        """Return whether a slot may still be used."""
        return slot in self._good and now <= slot + LATE_SECONDS and slot >= self.held_until

    def drop(self, slot: float) -> None:
        """Take a slot for used, or for gone."""
        self._good.discard(slot)

    def void(self) -> None:
        """Let go of all slots."""
        self._booked_until = 0.0
        self._free.clear()
        self._good.clear()

    def hear(self, *, era: int, share: float) -> None:
        """Take what any answer of the database says of the pace; a newer era makes booked slots void."""
        if era <= self._era:
            return
        self._era, self.share = era, share
        self.void()
        self._adopt(share)

    def learn_lead(self, seconds: float) -> None:
        """Note how long intent and connection took: they have to be begun so long before the slot."""
        lead = max(1.5 * seconds, 0.9 * self._lead_seconds)
        self._lead_seconds = min(max(lead, _LEAST_LEAD_SECONDS), _MOST_LEAD_SECONDS)

    def taken_seconds(self, now: float) -> float:
        """Return for how long those who wait take all slots, beyond a moment."""
        waiting = len(self._waiting) * self._spacing
        return self._ask_at(now) + waiting - now - _TOGETHER_SECONDS

    def _ask_at(self, now: float) -> float:
        """Return when the next slots are to be asked for: sooner, nobody would get an earlier one."""
        return max(self._booked_until - self._lead_seconds - self._way_seconds, now)

    def _start(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self) -> None:
        try:
            while self._waiting:
                await self._serve_some()
        except Exception as error:  # noqa: BLE001  a waiter without an answer would hang for ever
            for waiter in self._waiting:
                if not waiter.came.done():
                    waiter.came.set_exception(error)
            self._waiting.clear()
        finally:
            self._serving = False

    async def _serve_some(self) -> None:
        """Hand out slots to those who wait, booked for all of them if there are too few."""
        clock = self._clock
        while len(self._good) >= self._most_ahead and not self._ends(clock.monotonic()):
            first = min(self._good) - clock.monotonic()
            await clock.sleep(min(max(first, _SHORT_NAP_SECONDS), NAP_SECONDS))
        now = clock.monotonic()
        await clock.sleep(min(self._ask_at(now) - now, _TOGETHER_SECONDS))
        while self._free and self._free[0] + LATE_SECONDS < clock.monotonic():
            self._free.popleft()
        if not self._ends(clock.monotonic()):
            await self._ask_for_all()
        if not self._hand_out():
            self._answer(self._waiting, None)
            self._waiting.clear()

    async def _ask_for_all(self) -> None:
        waiting = [waiter for waiter in self._waiting if not waiter.came.done()]
        wanted = min(len(waiting), self._most_ahead - len(self._good))
        fresh = min(sum(waiter.fresh for waiter in waiting), wanted)
        unadmitted = max(fresh - self._admissions.grants, 0)
        lacking = max(wanted - len(self._free), unadmitted)
        if lacking > 0:
            again = lacking - unadmitted
            await self._ask(fresh=unadmitted, again=again, lead_seconds=self._lead_seconds)

    def _hand_out(self) -> bool:
        """Give what is free to those who came first; return whether anybody got some."""
        groups: dict[int, list[tuple[float, _Waiter]]] = {}
        while self._waiting and self._free and len(self._good) < self._most_ahead:
            waiter = self._waiting.popleft()
            if waiter.fresh and not self._admissions.grants:
                self._answer([waiter], None)
            elif not waiter.came.done():
                if waiter.fresh:
                    self._admissions.begin(waiter.ordinal)
                slot = self._free.popleft()
                self._good.add(slot)
                groups.setdefault(floor(slot / _TOGETHER_SECONDS), []).append((slot, waiter))
        for number, group in groups.items():
            self._start(self._begin(number * _TOGETHER_SECONDS, group))
        return bool(groups)

    async def _begin(self, first: float, group: list[tuple[float, _Waiter]]) -> None:
        """Let messages begin their intents when those of them that go first have to."""
        clock, ends = self._clock, False
        while any(slot in self._good for slot, _ in group):
            now = clock.monotonic()
            left, ends = first - self._lead_seconds - now, self._ends(now)
            if left <= 0 or ends:
                break
            await clock.sleep(min(left, NAP_SECONDS))
        for slot, waiter in group:
            if ends or waiter.came.done():
                self._good.discard(slot)
            self._answer([waiter], slot if slot in self._good else None)

    @staticmethod
    def _answer(waiters: Iterable[_Waiter], slot: float | None) -> None:
        for waiter in waiters:
            if not waiter.came.done():
                waiter.came.set_result(slot)

    async def _ask(self, *, fresh: int, again: int, lead_seconds: float) -> None:
        asked = self._clock.monotonic()
        ready = self._way_seconds + lead_seconds
        told = await self._book.book(fresh=fresh, again=again, ready_seconds=ready)
        answered = self._clock.monotonic()
        self._way_seconds = min(max(answered - asked, 0.9 * self._way_seconds), _MOST_LEAD_SECONDS)
        if not self._remote.observe(told.now, asked=asked, answered=answered):
            self.void()
        self.hear(era=told.era, share=told.share)
        self._admissions.hear(told.admitted, asked=fresh)
        if told.era < self._era:
            return  # booked before what was heard meanwhile, at a pace that is void
        if told.held_until > told.now:
            self.held_until = max(self.held_until, self._remote.local(told.held_until))
        first = self._remote.local(told.first)
        self._booked_until, self._spacing = first + told.slots * told.spacing, told.spacing
        slots = (first + number * told.spacing for number in range(told.slots))
        # A hold-off that began meanwhile may not be in the row yet.
        self._free.extend(slot for slot in slots if slot >= self.held_until)
