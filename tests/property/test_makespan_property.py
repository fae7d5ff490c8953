"""How long a run takes, and that it keeps the rate meanwhile: the gate, a virtual clock, no ledger."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.model.rate import Rate
from etl.replay.breaker import Breaker
from etl.replay.critical import CriticalPath
from etl.replay.gate import Gate
from etl.replay.limits import Bounds, Limits
from etl.replay.pacer import Pacer
from etl.replay.stop import Stop
from support.virtual import VirtualClock

TINY = 1e-6
COMMIT_SECONDS = 0.002
"""What a durable entry costs, beside the latency."""


def zipf(users: int, longest: int) -> list[int]:
    """Return the lengths of lanes as users' histories have them."""
    return [max(int(longest / rank**0.8), 1) for rank in range(1, users + 1)]


@dataclass
class Replay:
    """Lanes of given lengths that go through one gate, each message a latency after the one before."""

    lengths: Sequence[int]
    rate: Rate
    latency_seconds: Callable[[], float]
    workers: int = 64
    clock: VirtualClock = field(default_factory=VirtualClock)
    sent: list[tuple[float, int]] = field(default_factory=list)
    """When, and of which lane."""

    def run(self) -> float:
        """Return how many seconds it took."""
        began, clock = self.clock.now, self.clock
        self.pacer = Pacer(rate=self.rate, now=began, since_last_send_seconds=None)
        self.gate = Gate(
            pacer=self.pacer,
            critical=CriticalPath(messages=sum(self.lengths), rate=self.rate),
            breaker=Breaker(3),
            limits=Limits(Bounds(), wall_us=clock.wall_us()),
            stop=Stop(lambda _: None),
            clock=clock,
        )
        self.opening, self.lanes = asyncio.Lock(), enumerate(self.lengths)

        async def all_workers() -> None:
            await asyncio.gather(*[self.work() for _ in range(self.workers)])

        asyncio.run(clock.run(all_workers()))
        return clock.now - began

    async def work(self) -> None:
        """Serve one lane after the other, as the runner does."""
        while (lane := await self.next_lane()) is not None:
            await self.serve(lane, self.lengths[lane])
            self.gate.leave(lane)

    async def next_lane(self) -> int | None:
        """Return the longest of those that nobody has begun, once there is room for it."""
        async with self.opening:
            lane, length = next(self.lanes, (None, 0))
            if lane is not None:
                await self.gate.room(length)
            return lane

    async def serve(self, lane: int, length: int) -> None:
        """Send a lane's messages, as a delivery does."""
        gate, clock = self.gate, self.clock
        slot = None
        for left in range(length, 0, -1):
            if slot is None:
                slot = await gate.turn(0, lane, left=left)
                await clock.sleep(COMMIT_SECONDS)
            assert slot is not None
            while not await gate.guard(0, slot):
                slot = await gate.turn(0, lane, left=left) or 0.0
            self.sent.append((clock.now, lane))
            await clock.sleep(self.latency_seconds())
            slot = gate.turn_now(lane, left=left - 1) if left > 1 else None
            await clock.sleep(COMMIT_SECONDS)

    def most_in_a_window(self) -> int:
        """Return how many left within the window that the rate speaks of."""
        times = [at for at, _ in self.sent]
        first = 0
        most = 0
        for number, at in enumerate(times):
            while times[first] <= at - self.rate.window_seconds + TINY:
                first += 1
            most = max(most, number - first + 1)
        return most


@pytest.mark.parametrize(
    ("lengths", "rate", "latency_seconds", "most"),
    [
        (zipf(60, 60), 30, 0.3, 1.02),
        (zipf(100, 60), 30, 0.3, 1.02),
        (zipf(30, 20), 100, 0.3, 1.02),
        (zipf(20, 30), 10, 0.5, 1.02),
        ([60, 60, *[5] * 40], 30, 0.3, 1.02),
        ([60] * 5 + [5] * 20, 30, 0.3, 1.03),
        ([30, 25, 20, *[3] * 30], 5, 2.0, 1.02),
        (zipf(200, 40), 30, 0.3, 1.03),
        ([40] * 12, 30, 0.3, 1.05),
    ],
    ids=[
        "longest lane", "both", "fast", "a slot costs a third of a latency", "two lanes", "five lanes",
        "slow", "rate", "as many lanes as the rate carries and two more",
    ],
)  # fmt: skip
def test_skewed_plan_takes_hardly_longer_than_rate_and_longest_lane_allow(
    lengths, rate, latency_seconds, most
):
    """The last message's answer, the spacing's margin and the commits are what is left."""
    replay = Replay(lengths, Rate(amount=float(rate)), lambda: latency_seconds)
    seconds = replay.run()

    assert seconds <= most * max(sum(lengths) / rate, max(lengths) * latency_seconds) + latency_seconds / 5
    assert replay.most_in_a_window() <= rate


def jittering(mean_seconds: float, spread: float, seed: int) -> Iterator[float]:
    """Yield latencies around a mean, with stragglers."""
    random = Random(seed)  # noqa: S311  latencies
    while True:
        yield random.lognormvariate(0.0, spread) * mean_seconds


@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=25).map(lambda n: sorted(n, reverse=True)),
    rate=st.one_of(
        st.integers(1, 60).map(lambda n: Rate(amount=float(n))),
        st.integers(30, 2_000).map(lambda n: Rate.per_minute(float(n))),
    ),
    mean_seconds=st.sampled_from((0.01, 0.1, 0.3, 2.0)),
    spread=st.sampled_from((0.0, 0.3, 1.0)),
    workers=st.sampled_from((1, 3, 64)),
)
def test_every_lane_gets_through_within_the_rate(lengths, rate, mean_seconds, spread, workers):
    """Whoever is preferred, nobody starves, and no window holds more than it may (promise P5)."""
    latencies = jittering(mean_seconds, spread, seed=sum(lengths))
    replay = Replay(lengths, rate, lambda: next(latencies), workers=workers)
    replay.run()

    assert replay.most_in_a_window() <= rate.count
    by_lane = [lane for _, lane in replay.sent]
    assert list(lengths) == [by_lane.count(lane) for lane in range(len(lengths))]
    assert 0 == replay.gate._critical.reserve


@given(
    lengths=st.lists(st.integers(1, 40), min_size=2, max_size=25).map(lambda n: sorted(n, reverse=True)),
    rate=st.integers(2, 60).map(lambda n: Rate(amount=float(n))),
    latency_seconds=st.sampled_from((0.02, 0.1, 0.3, 2.0)),
)
def test_no_plan_takes_longer_than_rate_and_longest_lane_one_after_the_other(lengths, rate, latency_seconds):
    """A reserve that nobody used would show here."""
    seconds = Replay(lengths, rate, lambda: latency_seconds).run()
    cycle_seconds = latency_seconds + 2 * COMMIT_SECONDS

    assert seconds <= 1.02 * (sum(lengths) / rate.per_second + max(lengths) * cycle_seconds)
