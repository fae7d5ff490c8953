"""The only place that reads the time or sleeps.

Pacing and deadlines use the monotonic clock, which no operator and no NTP step moves; the wall clock
is only for records. Code that needs time takes a `Clock`, so tests pass one that they turn by hand.
"""

import asyncio
import time
from pathlib import Path
from typing import Final, Protocol

MICROSECONDS: Final = 1_000_000
"""Microseconds in a second, the unit of every stored instant."""

_TICK_SECONDS: Final = 0.001
"""The shortest time for which every event loop really sleeps."""


class Clock(Protocol):
    """A source of time and of waiting."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards, from an arbitrary start."""

    def wall_us(self) -> int:
        """Return microseconds since 1970-01-01 UTC."""

    async def sleep(self, seconds: float) -> None:
        """Wait at least `seconds`; zero or less yields once."""


def boot() -> str | None:
    """Return a name of the machine's present life; None where it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None


def since_boot_us() -> int:
    """Return microseconds since the machine was started, its sleep included; the same for all programs."""
    return time.clock_gettime_ns(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)) // 1_000


class SystemClock:
    """The machine's clocks."""

    monotonic = staticmethod(time.monotonic)
    """Return the monotonic clock in seconds; each message asks for it a dozen times."""

    def wall_us(self) -> int:
        """Return the wall clock in microseconds since 1970 UTC."""
        return time.time_ns() // 1_000

    async def sleep(self, seconds: float) -> None:
        """Wait at least `seconds`."""
        wakes = time.monotonic() + seconds
        await asyncio.sleep(max(seconds, 0.0))
        # uvloop rounds to whole milliseconds, also downwards.
        while (left := wakes - time.monotonic()) > 0:  # noqa: ASYNC110  time is no event
            await asyncio.sleep(max(left, _TICK_SECONDS))


async def yield_once() -> None:
    """Let every other task run once."""
    await asyncio.sleep(0)


def pause(seconds: float) -> None:
    """Block this thread at least `seconds`; for a thread that nothing else runs on."""
    time.sleep(seconds)


SYSTEM: Final[Clock] = SystemClock()
"""The clock that commands pass down."""
