"""Scenes with our own transport."""

import asyncio
from collections.abc import Awaitable, Callable

from etl.api.own import Endpoint, OwnTransport
from etl.api.transport import RawAnswer, tls_context
from etl.model.exchange import Failure
from support import loops

MOMENT_SECONDS = 0.05
"""Long enough for loopback, short enough to count as one after the other."""


def bodies(results: list[RawAnswer | Failure]) -> list[bytes]:
    """Return the bodies of results that are all answers."""
    assert [result for result in results if isinstance(result, Failure)] == []
    return [result.body for result in results if isinstance(result, RawAnswer)]


def with_own(port: int, play: Callable[[OwnTransport, Endpoint], Awaitable[None]]) -> None:
    """Run a scene with one transport and one endpoint."""

    async def scene() -> None:
        own = OwnTransport(tls=tls_context(None), timeout_seconds=5.0)
        try:
            await play(own, Endpoint(own, f"http://127.0.0.1:{port}/messages/", headers={}))
        finally:
            await own.aclose()

    loops.run(scene())


async def pause(seconds: float = MOMENT_SECONDS) -> None:
    """Let the network and the loop have their turn."""
    await asyncio.sleep(seconds)  # noqa: TID251  what happens in between is the point
