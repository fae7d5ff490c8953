"""The only place that reads the time or sleeps.

Pacing and deadlines use the monotonic clock, which no operator and no NTP step moves; the wall clock
is only for records. Code that needs time takes a `Clock`, so tests pass one that they turn by hand.
"""

import asyncio
import time
from typing import Final, Protocol

MICROSECONDS: Final = 1_000_000
"""Microseconds in a second, the unit of every stored instant."""


class Clock(Protocol):
    """A source of time and of waiting."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards, from an arbitrary start."""

    def wall_us(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait at least `seconds`; zero or less yields once."""


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Return the monotonic clock in seconds."""
        return time.monotonic()

    def wall_us(self) -> int:
        """Return the wall clock in microseconds since 1970 UTC."""
        return time.time_ns() // 1_000

    async def sleep(self, seconds: float) -> None:
        """Wait at least `seconds`."""
        await asyncio.sleep(max(seconds, 0.0))


async def yield_once() -> None:
    """Let every other task run once."""
    await asyncio.sleep(0)


def pause(seconds: float) -> None:
    """Block this thread at least `seconds`; for a thread that nothing else runs on."""
    time.sleep(seconds)


SYSTEM: Final[Clock] = SystemClock()
"""The clock that commands pass down."""
