"""A server on loopback that does what it is told, however wrong; and posts to it over either transport."""

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal

from etl.api.own import Endpoint, OwnTransport
from etl.api.transport import ANSWER_LIMIT_BYTES, Exchanger, RawAnswer, Transport, tls_context
from etl.model.exchange import Failure
from support import loops

TransportName = Literal["own", "httpx"]

DEADLINE_SECONDS = 0.3
BODY = b'{"text": "My parcel never came."}'
TOKEN = "bearer tok-0123456789"  # noqa: S105  made up
GOOD = b'{"error": null, "message": []}'

Behaviour = Callable[["Hostile", socket.socket], None]


def answer(body: bytes = GOOD, *, head: bytes = b"HTTP/1.1 200 OK", fields: bytes = b"") -> bytes:
    """Return a whole answer."""
    return head + b"\r\nContent-Length: %d\r\n" % len(body) + fields + b"\r\n" + body


@dataclass
class Hostile:
    """A server on loopback that counts what reached it."""

    behaviour: Behaviour
    tls: ssl.SSLContext | None = None
    connections: int = 0
    copies: int = 0
    """Complete requests."""
    seen: bytes = b""
    """Everything that was received, after TLS if there is any."""
    over: threading.Event = field(default_factory=threading.Event)
    faults: list[BaseException] = field(default_factory=list)

    def read_request(self, peer: socket.socket) -> bool:
        """Return whether a whole request has come, rather than the client gone."""
        data = b""
        while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < len(BODY):
            more = peer.recv(65_536)
            if not more:
                return False
            data += more
            self.seen += more
        self.copies += 1
        return True

    def serve(self, listener: socket.socket) -> None:
        """Treat one connection after the other until the listener is closed."""
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            peer.settimeout(10)
            with peer:
                try:
                    self._treat(peer)
                except (OSError, ssl.SSLError):
                    continue  # the client has gone
                except Exception as error:  # noqa: BLE001  shown by the test, not lost with the thread
                    self.faults.append(error)

    def _treat(self, peer: socket.socket) -> None:
        if self.tls is None:
            self.behaviour(self, peer)
            return
        with self.tls.wrap_socket(peer, server_side=True) as secure:
            self.behaviour(self, secure)


@contextmanager
def serving(
    behaviour: Behaviour, *, tls: ssl.SSLContext | None = None, port: int = 0
) -> Iterator[tuple[Hostile, int]]:
    """Yield a server and its port, a free one unless it is given."""
    hostile = Hostile(behaviour, tls)
    listener = socket.create_server(("127.0.0.1", port))
    thread = threading.Thread(target=hostile.serve, args=(listener,))
    thread.start()
    try:
        yield hostile, listener.getsockname()[1]
    finally:
        hostile.over.set()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=20)
    assert not thread.is_alive()
    assert hostile.faults == []


_context = cache(tls_context)
"""Reading the machine's authorities takes longer than a whole exchange."""


@asynccontextmanager
async def exchanger(
    transport: TransportName,
    url: str,
    *,
    ca_file: Path | None = None,
    timeout_seconds: float = 5.0,
    headers: dict[str, str] | None = None,
    limit_bytes: int = ANSWER_LIMIT_BYTES,
) -> AsyncIterator[Exchanger]:
    """Yield either transport for one address, and close it."""
    tls = _context(ca_file)
    given = {"Authorization": TOKEN, "Content-Type": "application/json"} if headers is None else headers
    if transport == "own":
        own = OwnTransport(tls=tls, timeout_seconds=timeout_seconds, answer_limit_bytes=limit_bytes)
        try:
            yield Endpoint(own, url, headers=given)
        finally:
            await own.aclose()
    else:
        plain = Transport(
            url, headers=given, tls=tls, timeout_seconds=timeout_seconds, answer_limit_bytes=limit_bytes
        )
        try:
            yield plain
        finally:
            await plain.close()


def post(  # noqa: PLR0913  one argument for each thing a test varies
    transport: TransportName,
    port: int,
    *,
    times: int = 1,
    pause_seconds: float = 0.0,
    ca_file: Path | None = None,
    scheme: str = "http",
    timeout_seconds: float = 5.0,
) -> list[RawAnswer | Failure]:
    """Return what came of each of so many posts, one after the other, over one transport."""

    async def play() -> list[RawAnswer | Failure]:
        url = f"{scheme}://127.0.0.1:{port}/messages/"
        results = []
        async with exchanger(transport, url, ca_file=ca_file, timeout_seconds=timeout_seconds) as opened:
            for number in range(times):
                if number and pause_seconds:
                    await asyncio.sleep(pause_seconds)  # noqa: TID251  the time between two messages
                results.append(await opened.exchange(BODY))
        return results

    results: list[RawAnswer | Failure] = loops.run(play())
    return results


def says(data: bytes) -> Behaviour:
    """Return a server that reads the request, says `data` and closes."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        server.read_request(peer)
        peer.sendall(data)
        # A close with unread bytes would be a reset, which may overtake the answer.
        peer.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while peer.recv(65_536):
                pass

    return behave


def silent_after(data: bytes) -> Behaviour:
    """Return a server that reads the request, says `data` and then nothing more."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        server.read_request(peer)
        peer.sendall(data)
        server.over.wait(10)

    return behave


def reset(peer: socket.socket) -> None:
    """Close with RST."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def keeps_alive(data: bytes) -> Behaviour:
    """Return a server that says `data` after each request and leaves the connection open."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        while server.read_request(peer):
            peer.sendall(data)

    return behave


def close_at_once(_: Hostile, __: socket.socket) -> None:
    """Accept and close."""


def reset_at_once(_: Hostile, peer: socket.socket) -> None:
    """Accept and reset."""
    reset(peer)


def reset_after_request(server: Hostile, peer: socket.socket) -> None:
    """Read the whole request and reset."""
    server.read_request(peer)
    reset(peer)


def reset_in_body(server: Hostile, peer: socket.socket) -> None:
    """Answer by half and reset."""
    server.read_request(peer)
    peer.sendall(answer()[:-9])
    reset(peer)


def never_read(server: Hostile, _: socket.socket) -> None:
    """Accept and say nothing."""
    server.over.wait(10)


def dribble(server: Hostile, peer: socket.socket) -> None:
    """Send a byte every 50 ms: each single read is quick, the whole never ends."""
    server.read_request(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while not server.over.wait(0.05):
        peer.sendall(b"x")


def dribble_headers(server: Hostile, peer: socket.socket) -> None:
    """Never end the headers."""
    server.read_request(peer)
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    while not server.over.wait(0.05):
        peer.sendall(b"X-More: 1\r\n")


def endless_early_hints(server: Hostile, peer: socket.socket) -> None:
    """Send 103 for ever."""
    server.read_request(peer)
    while not server.over.wait(0.01):
        peer.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
