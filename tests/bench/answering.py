"""A platform for benchmarks that only answers: after a given latency, noting when each request came.

    python tests/bench/answering.py --port 9000 --core 1 --latency-ms 20 --log arrivals.bin

It runs until SIGTERM, then writes the monotonic arrival times as float64 seconds in order. One protocol
object a connection and no framework, so that `wrk` shows it to be faster than the client it serves.
"""

import argparse
import asyncio
import gc
import json
import os
import signal
from array import array
from pathlib import Path

_BODY = {
    "error": None,
    "message": [
        {
            "from": "bot",
            "id": 918_273_645,
            "conversation_id": 5_551_234,
            "bot_module": {"id": 1, "name": "standby", "group_colour": None, "kpi_tags": []},
            "connections": {"reply_to_module_id": 12, "data": []},
            "actions": [],
        }
    ],
}
BODY = json.dumps(_BODY).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)


class Answering(asyncio.Protocol):
    """One connection of a client that sends one request at a time."""

    def __init__(self, latency_seconds: float, arrivals: "array[float] | None") -> None:
        self._latency_seconds = latency_seconds
        self._arrivals = arrivals
        self._loop = asyncio.get_running_loop()
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way to answer."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a complete request after the latency."""
        data = self._pending + data
        head, found, body = data.partition(b"\r\n\r\n")
        at = head.lower().find(b"content-length:")
        if not found or len(body) < int(head[at + 15 :].split(b"\r", 1)[0]):
            self._pending = data
            return
        self._pending = b""
        if self._arrivals is not None:
            self._arrivals.append(self._loop.time())
        if self._latency_seconds:
            self._loop.call_later(self._latency_seconds, self._transport.write, ANSWER)
        else:
            self._transport.write(ANSWER)


async def serve(port: int, latency_seconds: float, arrivals: "array[float] | None") -> None:
    """Answer until SIGTERM."""
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    server = await loop.create_server(
        lambda: Answering(latency_seconds, arrivals), "127.0.0.1", port, backlog=4_096
    )
    gc.collect()
    gc.freeze()
    await stopped.wait()
    server.close()


def main() -> None:
    """Serve as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--core", type=int, default=1)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--log", type=Path)
    given = parser.parse_args()
    os.sched_setaffinity(0, {given.core})
    arrivals = None if given.log is None else array("d")
    asyncio.run(serve(given.port, given.latency_ms / 1_000, arrivals))
    if arrivals is not None:
        given.log.write_bytes(arrivals.tobytes())


if __name__ == "__main__":
    main()
