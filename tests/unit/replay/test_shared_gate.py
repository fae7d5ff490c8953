"""The gate of one sender among many, on a clock that nobody turns, with the row of the pace in memory."""

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from etl.errors import LedgerError
from etl.replay.adaptive import Adaptive
from etl.replay.breaker import Breaker
from etl.replay.limits import Bounds, Limits
from etl.replay.shared_gate import SharedGate
from etl.replay.shared_pace import LATE_SECONDS, Booking
from etl.replay.stop import Stop, StopKind
from support.virtual import VirtualClock

BEHIND = 5_000.0
"""The database's clock less this machine's."""


@dataclass
class Row:
    """The row of the pace as all senders see it."""

    clock: VirtualClock
    spacing: float = 0.1
    round_trip: float = 0.002
    max_messages: int | None = None
    next_at: float = 0.0
    held_until: float = 0.0
    era: int = 0
    share: float = 1.0
    admitted: int = 0
    ahead: float = 0.0
    """The most slots that were booked and had not come."""
    asked: list[tuple[int, int]] = field(default_factory=list)

    async def book(self, *, fresh: int, again: int, ready_seconds: float) -> Booking:
        """Return slots as the function in the database does."""
        await self.clock.sleep(self.round_trip / 2)
        self.asked.append((fresh, again))
        now = self.clock.now + BEHIND
        begun = fresh if self.max_messages is None else min(fresh, max(self.max_messages - self.admitted, 0))
        self.admitted += begun
        first = max(self.next_at, now + ready_seconds, self.held_until)
        spacing = self.spacing / self.share
        self.next_at = first + (begun + again) * spacing
        self.ahead = max(self.ahead, (self.next_at - now) / spacing)
        told = Booking(now, first, spacing, begun + again, begun, self.held_until, self.era, self.share)
        await self.clock.sleep(self.round_trip / 2)
        return told


@dataclass
class Lease:
    """Leases that end at some moment."""

    until: float = 1e9

    def hold(self, _ordinal: int, now: float) -> bool:
        """Return whether it lasts."""
        return now < self.until


@dataclass
class Sender:
    """One sender: its gate, and when its messages left."""

    clock: VirtualClock
    row: Row
    lease: Lease = field(default_factory=Lease)
    commit_seconds: float = 0.005
    latency_seconds: float = 0.05
    most_ahead: int = 4
    counted: bool = False
    adaptive: Adaptive | None = None
    left: list[float] = field(default_factory=list)
    begun: list[float] = field(default_factory=list)
    slots: list[float] = field(default_factory=list)
    withdrawn: int = 0
    stop: Stop = field(default_factory=lambda: Stop(lambda _: None))

    def __post_init__(self) -> None:
        self.gate = SharedGate(
            book=self.row,
            leases=self.lease,
            most_ahead=self.most_ahead,
            counted=self.counted,
            adaptive=self.adaptive,
            breaker=Breaker(3),
            limits=Limits(Bounds(), wall_us=0),
            stop=self.stop,
            clock=self.clock,
        )

    async def lane(self, ordinals: range) -> None:
        """Send messages one after the other, as a delivery does."""
        for ordinal in ordinals:
            while True:
                slot = await self.gate.turn(ordinal)
                if slot is None:
                    return
                self.begun.append(self.clock.now)
                await self.clock.sleep(self.commit_seconds)
                self.gate.hear(era=self.row.era, share=self.row.share)
                if await self.gate.guard(ordinal, slot):
                    break
                self.withdrawn += 1
            self.left.append(self.clock.now)
            self.slots.append(slot)
            await self.clock.sleep(self.latency_seconds)


def run(clock: VirtualClock, *parts: Any) -> None:
    """Let coroutines go to their end."""

    async def together() -> None:
        await asyncio.gather(*parts)

    async def turned() -> None:
        await clock.run(together())

    asyncio.run(turned())


def lanes_of(senders: list[Sender], count: int) -> list[Any]:
    """Return so many lanes of ten messages for each sender."""
    firsts = [(sender, 1_000 * n + 10 * m) for n, sender in enumerate(senders) for m in range(count)]
    return [sender.lane(range(first, first + 10)) for sender, first in firsts]


@pytest.fixture
def clock() -> VirtualClock:
    """Return a clock that nobody turns."""
    return VirtualClock()


@pytest.fixture
def row(clock) -> Row:
    """Return a row of ten slots a second."""
    return Row(clock)


def most_within(times: list[float], seconds: float) -> int:
    """Return the most of any sliding window."""
    ordered = sorted(times)
    return max(sum(first <= one < first + seconds for one in ordered) for first in ordered)


def test_two_senders_share_one_pace(clock, row):
    """Whoever asks, slots are a tenth of a second apart."""
    one, other = Sender(clock, row), Sender(clock, row)
    run(clock, *(sender.lane(range(n * 20, n * 20 + 20)) for n, sender in enumerate((one, other))))
    times = sorted(one.left + other.left)

    assert 40 == len(times)
    assert min(after - before for before, after in pairwise(times)) > 0.1 - LATE_SECONDS
    assert times[-1] - times[0] < 40 * 0.1 * 1.1


def test_slots_are_booked_for_those_who_wait(clock, row):
    """Not ahead: a sender that dies takes few with it."""
    sender = Sender(clock, row)
    run(clock, *(sender.lane(range(lane * 5, lane * 5 + 5)) for lane in range(8)))

    assert row.ahead <= 5
    assert 40 == len(sender.left)


def test_intent_is_durable_just_before_its_slot(clock, row):
    """A kill between intent and slot makes a message uncertain: that time is short, and costs no slot."""
    sender = Sender(clock, row, commit_seconds=0.03)
    run(clock, sender.lane(range(20)))

    assert 20 == len(sender.left)
    assert sender.withdrawn == 0
    assert sender.left[-1] - sender.left[3] < 16 * 0.1 * 1.3


@pytest.mark.parametrize(("round_trip", "commit"), [(0.2, 0.005), (0.002, 0.15), (0.1, 0.1)])
def test_far_away_database_costs_no_slots(clock, row, round_trip, commit):
    """A slot is asked for when the sender can be ready: also where nobody else keeps the row ahead."""
    row.round_trip, row.spacing = round_trip, 0.05
    sender = Sender(clock, row, commit_seconds=commit, latency_seconds=0.5)
    run(clock, sender.lane(range(20)))

    assert 20 == len(sender.left)
    assert sender.withdrawn == 0
    assert len(row.asked) <= 24
    assert sender.left[-1] - sender.left[0] < 20 * (0.5 + 2 * round_trip + 2 * commit)


def crowd(clock: VirtualClock, row: Row) -> Sender:
    """Let many lanes send at a pace that makes them wait, and return their sender."""
    row.spacing = 0.002
    sender = Sender(clock, row, latency_seconds=0.01, most_ahead=100)
    run(clock, *lanes_of([sender], 40))
    return sender


def test_many_who_wait_share_a_question(clock, row):
    """Each costs as much as several messages, and the pace lets nobody go sooner."""
    sender = crowd(clock, row)

    assert 400 == len(sender.left)
    assert len(row.asked) <= 400 / 8
    assert max(sender.left) - min(sender.left) < 400 * row.spacing * 1.1


def test_many_begin_together(clock, row):
    """Intents of neighbouring slots share a commit; each is on disk before its slot, and not long before."""
    sender = crowd(clock, row)
    moments = {round(moment, 6) for moment in sender.begun}

    assert len(moments) <= 400 / 6
    pairs = zip(sorted(sender.begun), sorted(sender.left), strict=True)
    assert max(left - begun for begun, left in pairs) < 0.1


def test_nobody_leaves_before_its_slot_or_late(clock, row):
    """Those who leave together wait for the last of them: a little, or the spacing would be too narrow."""
    sender = crowd(clock, row)
    late = [left - slot for slot, left in zip(sorted(sender.slots), sorted(sender.left), strict=True)]

    assert 0.0 <= min(late)
    assert max(late) < LATE_SECONDS / 2


def test_lone_message_asks_at_once(clock, row):
    """Where nobody is ahead in the row, waiting for others would only cost time."""
    row.spacing = 0.001
    sender = Sender(clock, row)
    began = clock.now
    run(clock, sender.lane(range(1)))

    assert sender.left[0] - began < row.round_trip + 0.015 + 0.005


def test_database_that_fails_fails_all_who_wait(clock, row):
    """A waiter without an answer would hang for ever."""
    sender = Sender(clock, row)

    async def fail(*, fresh: int, again: int, ready_seconds: float) -> Booking:
        del fresh, again, ready_seconds
        raise LedgerError("the database is gone", hint="start it")

    row.book = fail
    results: list[Any] = []

    async def all_turns() -> None:
        turns = [sender.gate.turn(ordinal) for ordinal in range(3)]
        results.extend(await asyncio.gather(*turns, return_exceptions=True))

    run(clock, all_turns())

    assert [LedgerError] * 3 == [type(result) for result in results]


def test_slot_that_is_reached_late_is_let_go(clock, row):
    """A sender that slept does not use what it had booked: others may have gone on at the full pace."""
    sender = Sender(clock, row)

    async def sleepy() -> None:
        slot = await sender.gate.turn(0)
        assert slot is not None
        clock.now += 5.0  # the machine was suspended
        assert await sender.gate.guard(0, slot)

    run(clock, sleepy())

    assert 2 == len(row.asked)


def test_hold_off_of_another_sender_voids_what_is_booked(clock, row):
    """Heard with the commit of the intent; the message is withdrawn and waits in full."""
    sender = Sender(clock, row)
    run(clock, sender.lane(range(3)))
    row.held_until, row.era = clock.now + BEHIND + 30.0, 1
    held = clock.now + 30.0
    run(clock, sender.lane(range(3, 6)))

    assert min(sender.left[3:]) >= held
    assert 6 == len(sender.left)


def test_hold_off_that_is_heard_with_the_intent_withdraws_it(clock, row):
    """Its slot was booked before; it would wait too long with an intent on disk."""
    sender = Sender(clock, row)

    async def heard() -> None:
        slot = await sender.gate.turn(0)
        assert slot is not None
        row.held_until, row.era = clock.now + BEHIND + 30.0, 1
        sender.gate.hear(era=1, share=1.0)
        began = clock.now
        assert not await sender.gate.guard(0, slot)
        assert clock.now - began < 1.0

    run(clock, heard())


def test_own_hold_off_holds_at_once(clock, row):
    """Before the row knows of it."""
    sender = Sender(clock, row)
    sender.gate.hold_off(clock.now + 7.0)
    began = clock.now
    run(clock, sender.lane(range(2)))

    assert min(sender.left) >= began + 7.0


@pytest.mark.parametrize("round_trip", [0.002, 0.05])
@pytest.mark.parametrize("seconds", [0.3 + 0.01 * step for step in range(10)])
def test_nothing_leaves_within_a_hold_off_that_the_row_learns_later(clock, round_trip, seconds):
    """Slots that were booked or asked for before the row knew of it lie within the pause."""
    row = Row(clock, spacing=0.05, round_trip=round_trip)
    sender = Sender(clock, row)
    begins = clock.now + seconds

    async def told() -> None:
        await clock.sleep(seconds)
        sender.gate.hold_off(begins + 1.0)
        await clock.sleep(0.02)  # the outcome is committed, then the row is told
        row.held_until = begins + 1.0 + BEHIND
        row.era += 1

    run(clock, told(), *(sender.lane(range(10 * lane, 10 * lane + 10)) for lane in range(4)))

    assert 40 == len(sender.left)
    assert [] == [moment for moment in sender.left if begins < moment < begins + 1.0]


def test_answer_that_is_older_than_what_was_heard_gives_no_slots(clock, row):
    """It was on its way when the pace changed: its slots are void, and its era does not come back."""
    sender = Sender(clock, row)
    row.round_trip = 0.2
    held = clock.now + 0.1 + 30.0

    async def heard() -> None:
        await clock.sleep(0.15)  # the row has answered
        row.held_until, row.era, row.share = held + BEHIND, 1, 0.5
        sender.gate.hear(era=1, share=0.5)
        await clock.sleep(0.051)  # its answer has come
        assert 0.5 == sender.gate.share

    run(clock, sender.lane(range(2)), heard())

    assert min(sender.left) >= held


def test_lesson_of_another_sender_is_adopted(clock, row):
    """The share in the row is everybody's."""
    adaptive = Adaptive(share=1.0, now=clock.now)
    sender = Sender(clock, row, adaptive=adaptive)
    row.share, row.era = 0.5, 3
    run(clock, sender.lane(range(3)))

    assert 0.5 == adaptive.share == sender.gate.share


def test_lost_lease_ends_the_lane_before_its_message(clock, row):
    """Neither a turn nor the last look lets it pass."""
    sender = Sender(clock, row, lease=Lease(until=clock.now + 1.05))
    run(clock, sender.lane(range(50)))

    assert max(sender.left) < sender.lease.until
    assert 8 <= len(sender.left) <= 12


def test_lease_that_ends_between_turn_and_send_holds_the_message(clock, row):
    """The guard looks last, after everything that takes time."""
    sender = Sender(clock, row)

    async def late() -> None:
        slot = await sender.gate.turn(0)
        assert slot is not None
        sender.lease.until = clock.now
        assert not await sender.gate.guard(0, slot)

    run(clock, late())


def test_no_more_messages_begin_than_may(clock, row):
    """Over all senders; those that were begun are sent before the end."""
    row.max_messages = 7
    senders = [Sender(clock, row, counted=True) for _ in range(2)]
    lanes = [
        (sender, range(n * 100 + m * 10, n * 100 + m * 10 + 10))
        for n, sender in enumerate(senders)
        for m in range(3)
    ]
    run(clock, *(sender.lane(ordinals) for sender, ordinals in lanes))

    assert 7 == sum(len(sender.left) for sender in senders)
    assert {StopKind.MAX_MESSAGES} == {sender.stop.reason.kind for sender in senders if sender.stop.reason}


def test_lanes_of_one_message_keep_the_pace(clock, row):
    """One more lane is begun as long as nobody lacks a slot: opening them is no bottleneck."""
    sender = Sender(clock, row)
    row.spacing = 0.01

    async def short_lanes() -> None:
        lanes = []
        for ordinal in range(200):
            await sender.gate.room()
            lanes.append(asyncio.ensure_future(sender.lane(range(ordinal, ordinal + 1))))
            await clock.sleep(0)
        await asyncio.gather(*lanes)

    run(clock, short_lanes())

    assert 200 == len(sender.left)
    assert max(sender.left) - min(sender.left) < 200 * 0.01 * 1.3


def test_drain_ends_every_wait(clock, row):
    """Nobody waits for a slot that would not be used."""
    sender = Sender(clock, row)

    async def drain() -> None:
        await clock.sleep(1.0)
        sender.stop.request(StopKind.INTERRUPTED, "enough")

    run(clock, sender.lane(range(100)), drain())

    assert len(sender.left) <= 11


@pytest.mark.parametrize("round_trip", [0.001, 0.03, 0.2])
def test_pace_holds_whatever_the_way_to_the_database_takes(clock, round_trip):
    """Many senders, and no second with more than the rate."""
    row = Row(clock, spacing=(1.0 + 0.03) / 20, round_trip=round_trip)
    senders = [Sender(clock, row, commit_seconds=0.01 * n, latency_seconds=0.1) for n in range(1, 4)]
    lanes = [
        (sender, range(n * 100 + m * 10, n * 100 + m * 10 + 10))
        for n, sender in enumerate(senders)
        for m in range(4)
    ]
    run(clock, *(sender.lane(ordinals) for sender, ordinals in lanes))
    times = [moment for sender in senders for moment in sender.left]

    assert 120 == len(times)
    assert most_within(times, 1.0) <= 20
