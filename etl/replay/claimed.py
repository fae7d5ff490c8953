"""Lanes of claimed shards, one after the other, and when a shard is done."""

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from etl.clock import Clock
from etl.ledger.leases import Leases
from etl.ledger.sharing import Claim
from etl.model.plan import Lane
from etl.model.states import SETTLED, State
from etl.replay.stop import Stop

_LOOK_AGAIN_SECONDS: Final = 0.5
"""Between two looks for a shard whose owner has gone."""


class Shards(Protocol):
    """Where shards come from and go to; calls may take a while, and raise LedgerError."""

    async def claim(self) -> Claim | None:
        """Return one more shard; None: none is free."""

    async def leave(self, claim: Claim, *, done: bool) -> None:
        """Give a shard back."""

    async def left(self) -> int:
        """Return how many shards are not done."""

    async def lanes(self, claim: Claim) -> list[Lane]:
        """Return the lanes of a shard, in order."""

    async def progress(self, lanes: Sequence[Lane]) -> tuple[list[int], list[State]]:
        """Return the stored messages of lanes: ordinals, ascending, and states."""


@dataclass(slots=True)
class _Open:
    """A shard that is being served."""

    claim: Claim
    left: int
    """Lanes that are not served to their end yet."""
    whole: bool = True
    ordinals: list[int] = field(default_factory=list)
    states: list[State] = field(default_factory=list)


class ClaimedLanes:
    """The lanes of one worker, and its record of how their messages stand.

    What was stored when a shard was claimed stays true: nobody else can write of it meanwhile.
    """

    distant: Final = False
    """What is asked of it was fetched before."""

    def __init__(
        self, shards: Shards, leases: Leases, *, blocked: dict[str, int], stop: Stop, clock: Clock
    ) -> None:
        """`blocked` are lanes that wait behind a message of any plan, and how many of it."""
        self._shards = shards
        self._leases = leases
        self._blocked = blocked
        self._stop = stop
        self._clock = clock
        self._next: deque[tuple[Lane, _Open]] = deque()
        self._open: dict[Claim, _Open] = {}
        self.taken_over = 0
        """Messages that owners before left in flight."""

    async def next_lane(self) -> Lane | None:
        """Return the next lane of a shard that is still ours; claim one more when there is none."""
        while not self._stop.requested:
            while self._next:
                lane, shard = self._next.popleft()
                if await self._free(lane, shard.claim):
                    self._leases.opened(lane, shard.claim)
                    return lane
                self._open.pop(shard.claim, None)
            await self._settle()
            if not await self._claim():
                if not await self._shards.left():
                    return None
                await self._clock.sleep(_LOOK_AGAIN_SECONDS)
        return None

    def served(self, lane: Lane, *, whole: bool) -> None:
        """Count a lane that was left."""
        shard = self._open.get(self._leases.closed(lane))
        if shard is not None:
            shard.left -= 1
            shard.whole = shard.whole and whole

    async def end(self) -> None:
        """Give back every shard: done if it is, or for others to go on with."""
        self._next.clear()
        for shard in self._open.values():
            shard.whole = shard.whole and shard.left == 0
            shard.left = 0
        await self._settle()

    def progress(self, plan: int, first: int, end: int) -> tuple[list[int], list[State]]:  # noqa: ARG002  one plan
        """Return the stored ordinals of a lane, ascending, and their states."""
        shard = self._open.get(self._leases.claim_of(first))
        if shard is None:
            return [], []
        start, stop = bisect_left(shard.ordinals, first), bisect_left(shard.ordinals, end)
        return shard.ordinals[start:stop], shard.states[start:stop]

    def count_settled(self, plan: int, first: int, end: int) -> int:
        """Return how many messages of a lane are settled."""
        return sum(state in SETTLED for state in self.progress(plan, first, end)[1])

    def blocked_lanes(self, states: frozenset[State]) -> dict[str, int]:  # noqa: ARG002  asked once, for these
        """Return the lanes that waited when this worker began."""
        return self._blocked

    async def _free(self, lane: Lane, claim: Claim) -> bool:
        """Wait until nobody here serves the lane by a lost claim; return whether the new one is ours."""
        while self._leases.holds(claim) and self._leases.serves(lane):
            await self._clock.sleep(_LOOK_AGAIN_SECONDS)
        return self._leases.holds(claim)

    async def _claim(self) -> bool:
        claim = await self._shards.claim()
        if claim is None:
            return False
        self.taken_over += claim.doubted
        lanes = await self._shards.lanes(claim)
        shard = _Open(claim=claim, left=len(lanes))
        shard.ordinals, shard.states = await self._shards.progress(lanes)
        self._open[claim] = shard
        self._next.extend((lane, shard) for lane in lanes)
        return True

    async def _settle(self) -> None:
        """Give back the shards that have no lane left."""
        for claim, shard in list(self._open.items()):
            if shard.left == 0:
                del self._open[claim]
                if self._leases.holds(claim):
                    await self._shards.leave(claim, done=shard.whole)
