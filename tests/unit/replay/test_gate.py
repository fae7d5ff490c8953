"""Who goes next at the gate: the pacer's slots, the queue, the critical lanes, the breaker."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from etl.clock import yield_once
from etl.model.rate import Rate
from etl.replay.breaker import Breaker
from etl.replay.critical import CriticalPath
from etl.replay.gate import Gate
from etl.replay.limits import Bounds, Limits
from etl.replay.outcome import Judgement, Verdict
from etl.replay.pacer import SLACK_SECONDS, Pacer
from etl.replay.stop import Stop, StopKind
from support.virtual import VirtualClock

TROUBLE = Judgement(verdict=Verdict.UNCERTAIN, reason="http_502")
FINE = Judgement(verdict=Verdict.ACCEPTED, reason="accepted")
LONG = 1_000
"""The first message of the lane that the run ends with; with its 50 messages of a second each."""


class Scene:
    """A gate for 60 messages, in which one lane is known to be slow."""

    def __init__(self, messages: int = 60, *, rate_per_second: float = 2.0) -> None:
        self.clock = VirtualClock()
        self.stop = Stop(lambda _: None)
        self.breaker = Breaker(1)
        rate = Rate(amount=rate_per_second)
        self.pacer = Pacer(rate=rate, now=self.clock.now, since_last_send_seconds=None)
        self.gate = Gate(
            pacer=self.pacer,
            critical=CriticalPath(messages=messages, rate=rate),
            breaker=self.breaker,
            limits=Limits(Bounds(), wall_us=0),
            stop=self.stop,
            clock=self.clock,
        )
        self.turns: list[tuple[int, float]] = []
        """Messages, and how many seconds after the start they had their turn."""

    async def turn(self, ordinal: int, *, left: int = 1) -> None:
        """Wait for a turn and note when it came."""
        if await self.gate.turn(ordinal, ordinal, left=left) is not None:
            self.turns.append((ordinal, round(self.clock.now - 1_000.0, 2)))

    async def know_latency(self) -> None:
        """Let a message of the long lane take a second."""
        await self.gate.turn(LONG, LONG, left=51)
        await self.clock.sleep(1.0)

    def play(self, scene: Callable[[], Awaitable[Any]]) -> list[tuple[int, float]]:
        """Return the turns of a scene."""
        asyncio.run(self.clock.run(scene()))
        return self.turns


def test_those_who_wait_go_in_the_order_of_coming():
    """A slot each, half a second apart."""
    s = Scene()

    async def scene() -> None:
        await asyncio.gather(*[s.turn(number) for number in range(4)])

    assert [(0, 0.0), (1, 0.5), (2, 1.0), (3, 1.51)] == s.play(scene)


def test_those_whose_slots_come_soon_have_their_turns_together():
    """One wake-up and one commit for all of them, and none begins long before its slot."""
    s = Scene(rate_per_second=500.0)
    slots: dict[int, float] = {}

    async def turn(number: int) -> None:
        slot = await s.gate.turn(number, number, left=1)
        assert slot is not None
        slots[number] = slot
        s.turns.append((number, s.clock.now))

    async def scene() -> None:
        await asyncio.gather(*map(turn, range(40)))

    turns = s.play(scene)
    assert sorted(slots) == [number for number, _ in turns]
    assert len({at for _, at in turns}) <= 20
    assert all(slots[number] - at <= 0.01 for number, at in turns)


def test_critical_lane_goes_before_those_who_wait_longer():
    """Each of its waits would be one of the whole run."""
    s = Scene()

    async def scene() -> None:
        await s.know_latency()
        others = [asyncio.create_task(s.turn(number)) for number in range(3)]
        await s.clock.sleep(0.1)
        await s.turn(LONG, left=50)
        await asyncio.gather(*others)

    assert [0, LONG, 1, 2] == [ordinal for ordinal, _ in s.play(scene)]


def test_lane_goes_in_its_order_while_the_rate_decides():
    """There is more to send than the longest lane's latencies."""
    s = Scene(messages=10_000)

    async def scene() -> None:
        await s.know_latency()
        others = [asyncio.create_task(s.turn(number)) for number in range(3)]
        await s.clock.sleep(0.1)
        await s.turn(LONG, left=50)
        await asyncio.gather(*others)

    assert [0, 1, 2, LONG] == [ordinal for ordinal, _ in s.play(scene)]


def test_slot_that_is_free_now_is_not_taken_from_those_who_wait():
    """Who could go on at once in its lane waits as all do."""
    s = Scene()

    async def scene() -> None:
        waiting = [asyncio.create_task(s.turn(number)) for number in range(2)]
        await yield_once()
        s.clock.now += 60
        assert s.gate.turn_now(5, left=1) is None
        await asyncio.gather(*waiting)

    s.play(scene)


@pytest.mark.parametrize(("messages", "waits"), [(60, False), (10_000, True)])
def test_lane_that_the_run_could_end_with_begins_without_room(messages, waits):
    """Twelve long users at a rate for ten would else take twice as long as ten."""
    s = Scene(messages=messages)

    async def scene() -> float:
        await s.know_latency()
        s.gate.turn_now(LONG, left=50)
        others = [asyncio.create_task(s.turn(number)) for number in range(3)]
        await yield_once()
        began = s.clock.now
        await s.gate.room(50)
        waited = s.clock.now - began
        await asyncio.gather(*others)
        return waited

    assert waits is (asyncio.run(s.clock.run(scene())) > 0)


def test_drain_sends_all_who_wait_home():
    """Also those who sleep until they are first."""
    s = Scene()

    async def scene() -> None:
        waiting = [asyncio.create_task(s.turn(number)) for number in range(20)]
        await s.clock.sleep(1.2)
        s.stop.request(StopKind.TERMINATED, "terminated")
        await asyncio.gather(*waiting)

    assert [0, 1, 2] == [ordinal for ordinal, _ in s.play(scene)]
    assert s.clock.now < 1_002.0


def test_those_who_waited_for_a_server_in_trouble_do_not_leave_together():
    """The slots of the pause are lost."""
    s = Scene()

    async def scene() -> None:
        await s.turn(0)
        waiting = [asyncio.create_task(s.turn(number)) for number in range(1, 5)]
        await yield_once()
        s.breaker.observe(TROUBLE, ordinal=0, now=s.clock.now)
        while len(s.turns) < 2:
            await s.clock.sleep(1.0)
        s.breaker.observe(FINE, ordinal=s.turns[-1][0], now=s.clock.now)
        await asyncio.gather(*waiting)

    at = [at for _, at in s.play(scene)]
    assert at[1] > 10
    assert all(later - earlier >= 0.5 - SLACK_SECONDS for earlier, later in itertools.pairwise(at))


def test_message_that_tries_for_all_may_try_again():
    """It was surely not taken, so nobody knows more; those before it in the queue must not keep it there."""
    s = Scene()

    async def scene() -> None:
        s.breaker.observe(TROUBLE, ordinal=0, now=s.clock.now)
        s.clock.now += 600
        await s.turn(7)
        waiting = [asyncio.create_task(s.turn(number)) for number in range(1, 5)]
        await s.clock.sleep(1.0)
        assert [7] == [ordinal for ordinal, _ in s.turns]
        await s.turn(7)
        assert [7, 7] == [ordinal for ordinal, _ in s.turns]
        s.breaker.observe(FINE, ordinal=7, now=s.clock.now)
        await asyncio.gather(*waiting)

    s.play(scene)

    assert {1, 2, 3, 4, 7} == {ordinal for ordinal, _ in s.turns}


def test_lane_that_is_left_gives_its_part_of_the_rate_back():
    """Held in doubt, say: the others go at the whole rate again."""
    s = Scene()

    async def scene() -> None:
        await s.know_latency()
        s.gate.turn_now(LONG, left=50)
        assert pytest.approx(1.007) == s.pacer.interval_seconds
        s.gate.leave(LONG)
        assert pytest.approx(0.5035) == s.pacer.interval_seconds

    s.play(scene)
