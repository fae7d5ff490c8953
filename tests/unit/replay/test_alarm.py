"""Many who wait for one moment."""

import asyncio
from contextlib import suppress

from etl.clock import yield_once
from etl.replay.alarm import Alarm
from support.virtual import VirtualClock


class CountingClock(VirtualClock):
    """Time that nobody waits for, and how often somebody wanted to."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeps = 0

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was turned so far."""
        self.sleeps += 1
        await super().sleep(seconds)


def test_those_who_name_the_same_moment_share_a_timer():
    """A timer for each would cost as much as sending does."""
    clock, woken = CountingClock(), []

    async def wait(alarm: Alarm, at: float) -> None:
        await alarm.until(at)
        woken.append((at, clock.now))

    async def play() -> None:
        alarm = Alarm(clock)
        await clock.run(asyncio.gather(*(wait(alarm, 1_000.0 + number % 2) for number in range(1, 7))))

    asyncio.run(play())
    assert [(1_000.0, 1_000.0)] * 3 + [(1_001.0, 1_001.0)] * 3 == woken
    assert 2 == clock.sleeps


def test_who_is_cancelled_wakes_nobody_and_keeps_nobody():
    """The others wait for the same moment, whoever was the first."""
    clock = VirtualClock()

    async def play() -> list[float]:
        alarm = Alarm(clock)
        first = asyncio.create_task(alarm.until(1_005.0))
        await yield_once()
        second = asyncio.create_task(alarm.until(1_005.0))
        await yield_once()
        first.cancel()
        with suppress(asyncio.CancelledError):
            await first
        assert not second.done()
        await clock.run(second)
        again = asyncio.create_task(alarm.until(1_006.0))
        await clock.run(again)
        return [clock.now]

    assert [1_006.0] == asyncio.run(play())
