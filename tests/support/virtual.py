"""Time that nobody waits for."""

import asyncio
import heapq
from itertools import count
from typing import Any, cast

from etl.clock import yield_once


class VirtualClock:
    """Time that moves only when everybody sleeps, and then at once to the first who wakes."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.outside = 0
        """Calls that run in another thread; meanwhile time stands still."""
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = count()

    def monotonic(self) -> float:
        """Return the virtual seconds."""
        return self.now

    def wall_us(self) -> int:
        """Return a wall clock that goes with them."""
        return 1_700_000_000_000_000 + round(self.now * 1_000_000)

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was turned so far."""
        if seconds <= 0:
            await yield_once()
            return
        wakes = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._number), wakes))
        await wakes

    async def run(self, coroutine: Any) -> Any:
        """Return what a coroutine returns, turning the clock whenever nobody can go on."""
        loop = cast("Any", asyncio.get_running_loop())
        task = asyncio.ensure_future(coroutine)
        while not task.done():
            await yield_once()
            if loop._ready or self.outside or task.done():
                continue
            assert self._sleepers, "everybody waits for ever"
            self.now = max(self.now, self._sleepers[0][0])
            while self._sleepers and self._sleepers[0][0] <= self.now:
                _, _, wakes = heapq.heappop(self._sleepers)
                if not wakes.done():
                    wakes.set_result(None)
        return task.result()
