"""One timer for all who wait for the same moment."""

import asyncio

from etl.clock import Clock


class Alarm:
    """Wakes many at once: a timer and a wake-up of the loop for each costs as much as sending does."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rings: dict[float, tuple[asyncio.Event, asyncio.Task[None]]] = {}

    async def until(self, at: float) -> None:
        """Wait until a moment, in monotonic seconds; those who name the same one wake together."""
        ring = self._rings.get(at)
        if ring is None:
            event = asyncio.Event()
            ring = self._rings[at] = (event, asyncio.create_task(self._ring(at, event)))
        await ring[0].wait()

    async def _ring(self, at: float, event: asyncio.Event) -> None:
        await self._clock.sleep(at - self._clock.monotonic())
        del self._rings[at]
        event.set()
