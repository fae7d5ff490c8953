"""Lanes of claimed shards: in order, only while they are ours, and given back as done or not."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from etl.ledger.leases import Leases
from etl.ledger.sharing import Claim
from etl.model.plan import Lane
from etl.model.states import State
from etl.replay.claimed import ClaimedLanes
from etl.replay.stop import Stop, StopKind
from support.virtual import VirtualClock


def lane(number: int) -> Lane:
    """Return a lane of ten messages."""
    return Lane(name=f"user-{number}", first=10 * number, length=10)


@dataclass
class Shelf:
    """Shards of two lanes each, handed out once."""

    leases: Leases
    waiting: list[int]
    stored: dict[int, State] = field(default_factory=dict)
    undone: int = 0
    """Shards that others have."""
    given_back: list[tuple[int, bool]] = field(default_factory=list)
    epochs: dict[int, int] = field(default_factory=dict)

    async def claim(self) -> Claim | None:
        """Return the next one."""
        if not self.waiting:
            return None
        number = self.waiting.pop(0)
        self.epochs[number] = self.epochs.get(number, 0) + 1
        claim = Claim(
            number=number, epoch=self.epochs[number], part=-1, first_lane=2 * number,
            end_lane=2 * number + 2, doubted=0,
        )  # fmt: skip
        self.leases.claimed(claim, asked_at=0.0)
        return claim

    async def leave(self, claim: Claim, *, done: bool) -> None:
        """Take one back."""
        self.leases.left(claim)
        self.given_back.append((claim.number, done))

    async def left(self) -> int:
        """Return how many are not done."""
        return len(self.waiting) + self.undone

    async def lanes(self, claim: Claim) -> list[Lane]:
        """Return the lanes of a shard."""
        return [lane(number) for number in range(claim.first_lane, claim.end_lane)]

    async def progress(self, lanes: Sequence[Lane]) -> tuple[list[int], list[State]]:
        """Return what is stored of lanes."""
        known = sorted(
            ordinal
            for ordinal in self.stored
            if any(one.first <= ordinal < one.first + one.length for one in lanes)
        )
        return known, [self.stored[ordinal] for ordinal in known]


@dataclass
class Place:
    """What a test needs."""

    shelf: Shelf
    leases: Leases
    stop: Stop
    clock: VirtualClock
    lanes: ClaimedLanes


@pytest.fixture
def place() -> Place:
    """Return a shelf of two shards and the lanes from it."""
    leases, stop, clock = Leases(1e9), Stop(lambda _: None), VirtualClock()
    shelf = Shelf(leases, [0, 1])
    lanes = ClaimedLanes(shelf, leases, blocked={"user-9": 1}, stop=stop, clock=clock)
    return Place(shelf, leases, stop, clock, lanes)


def on(place: Place, steps) -> None:
    """Run the steps of a test."""

    async def turned() -> None:
        await place.clock.run(steps())

    asyncio.run(turned())


def test_lanes_come_in_order_and_shards_are_done_when_all_are_served(place):
    """A shard is claimed only when the ones before have no lane left to begin."""

    async def steps() -> None:
        seen = []
        while (one := await place.lanes.next_lane()) is not None:
            seen.append(one.name)
            place.lanes.served(one, whole=True)
        assert [f"user-{number}" for number in range(4)] == seen

    on(place, steps)

    assert [(0, True), (1, True)] == place.shelf.given_back


def test_unfinished_shard_is_given_back_for_others(place):
    """A drain leaves it as it is."""

    async def steps() -> None:
        one = await place.lanes.next_lane()
        assert one is not None
        place.stop.request(StopKind.INTERRUPTED, "enough")
        assert await place.lanes.next_lane() is None
        place.lanes.served(one, whole=False)
        await place.lanes.end()

    on(place, steps)

    assert [(0, False)] == place.shelf.given_back


def test_lost_shard_gives_no_more_lanes_and_is_not_given_back(place):
    """It is another worker's."""

    async def steps() -> None:
        one = await place.lanes.next_lane()
        assert one is not None
        place.leases.left(place.leases.claim_of(one.first))
        other = await place.lanes.next_lane()
        assert other is not None
        assert "user-2" == other.name
        place.lanes.served(one, whole=False)
        await place.lanes.end()

    on(place, steps)

    assert [(1, False)] == place.shelf.given_back


def test_stored_messages_are_known_from_the_claim(place):
    """One question for a shard; nobody else writes of it meanwhile."""
    place.shelf.stored = {0: State.ACCEPTED, 1: State.UNCERTAIN, 15: State.ACCEPTED, 35: State.REJECTED}

    async def steps() -> None:
        first, second = await place.lanes.next_lane(), await place.lanes.next_lane()
        assert first is not None
        assert second is not None
        assert ([0, 1], [State.ACCEPTED, State.UNCERTAIN]) == place.lanes.progress(1, 0, 10)
        assert ([15], [State.ACCEPTED]) == place.lanes.progress(1, 10, 20)
        assert 1 == place.lanes.count_settled(1, 0, 10)
        assert {"user-9": 1} == place.lanes.blocked_lanes(frozenset())

    on(place, steps)


def test_worker_waits_while_others_have_shards(place):
    """One of them may die, and its shard is to be taken over."""
    place.shelf.waiting, place.shelf.undone = [], 1

    async def steps() -> None:
        waiting = asyncio.ensure_future(place.lanes.next_lane())
        await place.clock.sleep(10.0)
        assert not waiting.done()
        place.shelf.waiting = [1]
        await place.clock.sleep(10.0)
        taken = waiting.result()
        assert taken is not None
        assert "user-2" == taken.name
        place.shelf.undone = 0

    on(place, steps)


def test_lane_is_not_begun_again_while_it_is_being_left(place):
    """Its shard was lost and claimed anew, but a request by the old claim is still open."""

    async def steps() -> None:
        one = await place.lanes.next_lane()
        assert one is not None
        place.leases.left(place.leases.claim_of(one.first))
        place.shelf.waiting = [0]
        again = asyncio.ensure_future(place.lanes.next_lane())
        await place.clock.sleep(10.0)
        assert not again.done()
        place.lanes.served(one, whole=False)
        await place.clock.sleep(10.0)
        assert one == again.result()

    on(place, steps)
