"""Our own transport under every fault at once: what is answered, and what surely was not sent, is true."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import pytest

from etl.api.own import Endpoint, OwnTransport
from etl.api.transport import RawAnswer, tls_context
from etl.model.exchange import Failure, Phase
from support import loops
from support.hostile import answer
from support.own import pause

pytestmark = pytest.mark.usefixtures("loop")

WORKERS = 16
MESSAGES = 15
"""For each worker."""

TIMEOUT_SECONDS = 0.2


@dataclass
class Storm:
    """A server that answers with what it was sent, or fails in one of many ways."""

    random: Random
    faults: tuple[str, ...]
    arrived: list[bytes] = field(default_factory=list)
    connections: int = 0

    async def treat(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection until a fault ends it, or the client."""
        self.connections += 1
        try:
            with suppress(asyncio.IncompleteReadError, OSError):
                while await self._answer(reader, writer):
                    pass
        finally:
            # With data still on its way this would be a reset, which is one fault more.
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Return whether the connection goes on."""
        await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(8)
        self.arrived.append(body)
        fault = self.random.choice(("", "", "", *self.faults))
        if fault == "late":
            await pause(2 * TIMEOUT_SECONDS)
        if fault == "slow":
            await pause(0.001)
        if fault == "cut":
            writer.write(answer(body)[: self.random.randrange(1, 40)])
        elif fault != "reset":
            writer.write(answer(body) + (answer(b"again") if fault == "twice" else b""))
        return fault not in {"reset", "cut"}


async def send(endpoint: Endpoint, worker: int, random: Random) -> dict[bytes, RawAnswer | Failure]:
    """Return what came of one worker's messages; some are cancelled."""
    results = {}
    for number in range(MESSAGES):
        body = b"%03d-%04d" % (worker, number)
        task = asyncio.create_task(endpoint.exchange(body))
        if random.random() < 0.1:
            await pause(0.002)
            task.cancel()
        with suppress(asyncio.CancelledError):
            results[body] = await task
    return results


async def scene(storm: Storm) -> dict[bytes, RawAnswer | Failure]:
    """Return what came of all messages of all workers."""
    async with await asyncio.start_server(storm.treat, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        own = OwnTransport(tls=tls_context(None), timeout_seconds=TIMEOUT_SECONDS)
        endpoint = Endpoint(own, f"http://127.0.0.1:{port}/", headers={})
        tables = await asyncio.gather(*(send(endpoint, worker, storm.random) for worker in range(WORKERS)))
        await own.aclose()
        assert 0 == len(own._open)
        await pause(3 * TIMEOUT_SECONDS)
    return {body: result for table in tables for body, result in table.items()}


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("faults", [("slow", "late", "cut"), ("slow", "late", "cut", "reset", "twice")])
def test_every_answer_goes_to_its_own_message_and_none_is_sent_twice(faults, seed):
    """Hundreds of messages share connections that are late, cut, reset, doubled and cancelled."""
    storm = Storm(Random(seed), faults)  # noqa: S311  repeatable on purpose
    results = loops.run(scene(storm))

    answered = {body: result.body for body, result in results.items() if isinstance(result, RawAnswer)}
    unsent = {
        body
        for body, result in results.items()
        if isinstance(result, Failure) and result.phase is not Phase.SENT
    }
    assert {body: body for body in answered} == answered
    assert len(storm.arrived) == len(set(storm.arrived))
    assert set() == unsent & {*storm.arrived}
    assert len(answered) >= WORKERS
    assert "twice" in faults or storm.connections < len(storm.arrived)
