"""The sandbox's own clock: it shares none with the client."""

import asyncio
import time


def wall_us() -> int:
    """Return microseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000  # noqa: TID251  the sandbox imports nothing of etl, so not etl.clock


def monotonic() -> float:
    """Return seconds since some fixed moment."""
    return time.monotonic()  # noqa: TID251  as above


async def pause(seconds: float) -> None:
    """Let so many seconds pass."""
    await asyncio.sleep(seconds)  # noqa: TID251  as above
