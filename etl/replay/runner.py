"""The run: so many workers, each serving one lane at a time, all sharing pace, breaker and ledger."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from etl.clock import yield_once
from etl.model.events import Event, LaneHeld
from etl.model.plan import Lane, PlannedMessage
from etl.model.states import State
from etl.replay.delivery import Delivery, Sender, Walk
from etl.replay.lane import standing, unfinished
from etl.replay.limits import Limits
from etl.replay.stop import Stop, StopKind


class Feed(Protocol):
    """A plan as the replay reads it."""

    def lanes(self, *, first: int | None = None) -> Iterator[list[Lane]]:
        """Yield lanes in order; with `first` only so many of them."""

    def messages(self, first: int, end: int) -> Iterator[PlannedMessage]:
        """Yield the messages with ordinals in [first, end)."""


class Record(Protocol):
    """A ledger as the replay asks it."""

    @property
    def distant(self) -> bool:
        """Return whether an answer may take long, so that the loop must not wait for it."""

    def progress(self, plan: int, first: int, end: int) -> tuple[list[int], list[State]]:
        """Return the stored ordinals in [first, end) of a plan, ascending, and their states."""

    def count_settled(self, plan: int, first: int, end: int) -> int:
        """Return how many messages with ordinals in [first, end) of a plan are settled."""

    def blocked_lanes(self, states: frozenset[State]) -> dict[str, int]:
        """Return each lane with a message in one of `states` in any plan, and how many it has."""


class Lanes(Protocol):
    """Where the next lane to serve comes from."""

    async def next_lane(self) -> Lane | None:
        """Return it, which may take a while; None when there is none any more."""

    def served(self, lane: Lane, *, whole: bool) -> None:
        """Note that a lane is left: `whole` when this run has nothing more to do in it."""


class PlanLanes:
    """All unfinished lanes of a plan, in its order."""

    def __init__(self, feed: Feed, record: Record, scope: "Scope") -> None:
        def count(first: int, end: int) -> int:
            return record.count_settled(scope.plan, first, end)

        self._distant = record.distant
        batches = feed.lanes(first=scope.only_first_lanes)
        self._lanes = (lane for batch in batches for lane in unfinished(batch, count))

    async def next_lane(self) -> Lane | None:
        """Return the next one."""
        if self._distant:
            return await asyncio.to_thread(next, self._lanes, None)
        return next(self._lanes, None)

    def served(self, lane: Lane, *, whole: bool) -> None:
        """Nobody asks."""


@dataclass(slots=True)
class Tally:
    """What a run did, counted as it happens."""

    sent: dict[State, int] = field(default_factory=dict)
    """Messages settled (or left uncertain) by this run, by state."""
    lanes_blocked: int = 0
    held: int = 0
    """Messages that wait behind an uncertain or held one, among the lanes that were looked at."""

    def settled(self, state: State) -> None:
        """Count one message."""
        self.sent[state] = self.sent.get(state, 0) + 1

    def add(self, other: "Tally") -> None:
        """Count what another replay of the same run did."""
        for state, count in other.sent.items():
            self.sent[state] = self.sent.get(state, 0) + count
        self.lanes_blocked += other.lanes_blocked
        self.held += other.held


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What of a plan this run serves."""

    plan: int
    only_first_lanes: int | None
    blocking: frozenset[State]


class Runner:
    """Serves every lane of a plan that has something left to send."""

    def __init__(  # noqa: PLR0913  wiring: each argument is one collaborator
        self,
        *,
        feed: Feed,
        ledger: Record,
        delivery: Delivery,
        scope: Scope,
        limits: Limits,
        stop: Stop,
        observe: Callable[[Event], None],
        lanes: Lanes | None = None,
    ) -> None:
        """`lanes` are all unfinished ones of the plan unless they come from elsewhere."""
        self._feed = feed
        self._lanes = lanes or PlanLanes(feed, ledger, scope)
        self._ledger = ledger
        self._delivery = delivery
        self._scope = scope
        self._limits = limits
        self._stop = stop
        self._observe = observe
        self._blocked = ledger.blocked_lanes(scope.blocking)
        self._opening = asyncio.Lock()
        self.tally = Tally()

    async def run(self, senders: Iterable[Sender]) -> Tally:
        """Serve all lanes, one worker for each sender, until done or drained.

        Raises:
            LedgerError: the ledger failed; the other workers have finished what was in flight.
        """
        workers = [asyncio.create_task(self._work(sender)) for sender in senders]
        try:
            results = await asyncio.gather(*workers, return_exceptions=True)
        except asyncio.CancelledError:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            raise
        errors = [result for result in results if isinstance(result, BaseException)]
        if errors:
            raise errors[0]
        return self.tally

    async def _work(self, sender: Sender) -> None:
        try:
            while (lane := await self._next_lane()) is not None:
                whole = await self._serve(lane, sender)
                self._lanes.served(lane, whole=whole)
                # A turn for each lane: skipping a million finished ones must not starve the rest.
                await yield_once()
        except Exception:
            # Whatever it is, the ledger or a defect: the other lanes must not go on as if nothing was.
            self._stop.request(StopKind.ABORTED, "an error ended sending")
            raise

    async def _next_lane(self) -> Lane | None:
        """Return the next lane once the open ones leave a slot free.

        They are the longest, and each is as long as its messages' latencies: the run ends with them.
        """
        async with self._opening:
            lane = await self._lanes.next_lane()
            if lane is not None:
                await self._delivery.room(lane.length)
            return None if self._stop.requested or self._limits.full else lane

    async def _serve(self, lane: Lane, sender: Sender) -> bool:
        """Send what is left of a lane; return whether nothing more of it is to be sent by this run."""
        end = lane.first + lane.length
        asked = (self._scope.plan, lane.first, end)
        if self._ledger.distant:
            ordinals, states = await asyncio.to_thread(self._ledger.progress, *asked)
        else:
            ordinals, states = self._ledger.progress(*asked)
        stands = standing(lane, ordinals, states, blocking=self._scope.blocking)
        if stands.open_messages == 0:
            return True
        if stands.blocked or lane.name in self._blocked:
            self.tally.lanes_blocked += 1
            self.tally.held += stands.held
            return True
        messages = self._feed.messages(stands.next_ordinal, end)
        if stands.settled_beyond:
            messages = (message for message in messages if message.ordinal not in stands.settled_beyond)
        walk = Walk(sender, lane.first, left=stands.open_messages)
        try:
            return await self._walk(messages, walk)
        finally:
            self._delivery.leave(walk)

    async def _walk(self, messages: Iterator[PlannedMessage], walk: Walk) -> bool:
        following = next(messages, None)
        while following is not None:
            message, following = following, next(messages, None)
            state = await self._delivery.deliver(message, walk, following=following)
            if state is None:
                return False
            walk.left -= 1
            self.tally.settled(state)
            if state in self._scope.blocking:
                self.tally.lanes_blocked += 1
                self.tally.held += walk.left
                self._observe(LaneHeld(messages=walk.left))
                return True
        return True
