"""Our own transport before the first byte and after the last: connecting, cancelling, httpx on top."""

import asyncio
import gc
import socket
import warnings
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from etl.api.own import Endpoint, OwnTransport
from etl.api.transport import RawAnswer, tls_context
from etl.model.exchange import Failure, Phase
from support import loops
from support.hostile import (
    BODY,
    DEADLINE_SECONDS,
    GOOD,
    Hostile,
    answer,
    post,
    reset,
    says,
    serving,
)
from support.own import bodies, pause, with_own

pytestmark = pytest.mark.usefixtures("loop")


def test_deadline_covers_connecting_and_answering_together(identity):
    """Two phases of nearly the limit each must not add up to twice the limit."""
    own = identity("127.0.0.1")

    def slow(server: Hostile, peer: socket.socket) -> None:
        server.over.wait(0.6)
        with own.server().wrap_socket(peer, server_side=True) as secure:
            server.read_request(secure)
            server.over.wait(0.6)
            secure.sendall(answer())

    with serving(slow) as (server, port):
        result = post("own", port, scheme="https", ca_file=own.certificate, timeout_seconds=1.0)

    assert [Failure(phase=Phase.SENT, kind="timeout")] == result
    assert 1 == server.copies


_DEAD = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("100::1", 80, 0, 0))


def _named(monkeypatch, *addresses: tuple[Any, ...]) -> None:
    """Let `name.invalid` have these addresses on the running loop."""
    resolve = loops.kind().getaddrinfo

    async def told(self: Any, host: str, port: int, **hints: Any) -> Any:
        return list(addresses) if host == "name.invalid" else await resolve(self, host, port, **hints)

    monkeypatch.setattr(loops.kind(), "getaddrinfo", told)


def _live(port: int) -> tuple[Any, ...]:
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))


async def _post_by_name(port: int, *, timeout_seconds: float = 3.0) -> RawAnswer | Failure:
    own = OwnTransport(tls=tls_context(None), timeout_seconds=timeout_seconds)
    try:
        return await Endpoint(own, f"http://name.invalid:{port}/", headers={}).exchange(BODY)
    finally:
        await own.aclose()


def test_name_with_a_dead_address_reaches_the_live_one(monkeypatch):
    """RFC 8305: the second address is tried a quarter of a second later, not after the first's timeout."""

    async def scene(port: int) -> RawAnswer | Failure:
        _named(monkeypatch, _DEAD, _live(port))
        return await _post_by_name(port)

    with serving(says(answer())) as (_, port):
        result = loops.run(scene(port))

    assert isinstance(result, RawAnswer)


def test_refused_address_is_passed_over(monkeypatch):
    """And a name that is refused everywhere was surely sent nothing."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]

    async def scene(*addresses: tuple[Any, ...]) -> RawAnswer | Failure:
        _named(monkeypatch, *addresses)
        return await _post_by_name(80)

    with serving(says(answer())) as (server, port):
        assert isinstance(loops.run(scene(_live(closed), _live(port))), RawAnswer)
    monkeypatch.undo()
    assert Failure(phase=Phase.CONNECT, kind="connect_failed") == loops.run(scene(_live(closed)))
    assert (1, 1) == (server.connections, server.copies)


def test_race_that_the_deadline_ends_leaves_no_socket_open(monkeypatch):
    """The full backlog of a listener swallows the handshake, as a dead host does."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        crowd = [socket.socket() for _ in range(4)]
        for peer in crowd:
            peer.setblocking(False)  # noqa: FBT003  the socket's own signature
            peer.connect_ex(full.getsockname())

        async def scene() -> RawAnswer | Failure:
            _named(monkeypatch, _live(port), _live(port))
            return await _post_by_name(port, timeout_seconds=DEADLINE_SECONDS)

        gc.collect()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ResourceWarning)
            result = loops.run(scene())
            gc.collect()
        for peer in crowd:
            peer.close()

    assert Failure(phase=Phase.CONNECT, kind="connect_timeout") == result
    assert [] == [str(warning.message) for warning in caught]


def test_address_of_the_sixth_version_is_reached():
    """In an address it stands in brackets, for the resolver it must not."""

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(BODY)
        writer.write(answer())
        await reader.read()
        writer.close()

    async def scene() -> None:
        async with await asyncio.start_server(answer_once, "::1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            own = OwnTransport(tls=tls_context(None), timeout_seconds=5.0)
            assert [GOOD] == bodies([await Endpoint(own, f"http://[::1]:{port}/", headers={}).exchange(BODY)])
            await own.aclose()
            await pause()

    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    loops.run(scene())


def test_server_that_speaks_first_was_sent_nothing():
    """As an overloaded one that refuses on arrival, inside TLS: no byte of the message had left."""

    async def play(own: OwnTransport, endpoint: Endpoint) -> None:
        connect = loops.kind().create_connection

        async def late(self, *arguments, **options):
            made = await connect(self, *arguments, **options)
            await pause()
            return made

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loops.kind(), "create_connection", late)
            result = await endpoint.exchange(BODY)
        assert Failure(phase=Phase.CONNECT, kind="connect_failed") == result
        assert set() == own._open

    def greet(server: Hostile, peer: socket.socket) -> None:
        peer.sendall(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        server.read_request(peer)

    with serving(greet) as (server, port):
        with_own(port, play)

    assert b"" == server.seen


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_cancelled_message_leaves_nothing_behind(identity, scheme):
    """The second signal leaves at once, and a later answer must not find its way to another message."""
    own = identity("127.0.0.1")
    tls = own.server() if scheme == "https" else None

    async def scene(port: int) -> None:
        transport = OwnTransport(tls=tls_context(own.certificate), timeout_seconds=30.0)
        endpoint = Endpoint(transport, f"{scheme}://127.0.0.1:{port}/", headers={})
        task = asyncio.create_task(endpoint.exchange(BODY))
        while not server.copies:
            await pause(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await pause()
        assert (0, []) == (len(transport._open), [*transport._idle.values()])

    def behave(server: Hostile, peer: socket.socket) -> None:
        server.read_request(peer)
        peer.recv(1)

    gc.collect()
    with warnings.catch_warnings(record=True) as caught, serving(behave, tls=tls) as (server, port):
        warnings.simplefilter("always", ResourceWarning)
        loops.run(scene(port))
        gc.collect()

    assert [] == [str(warning.message) for warning in caught]
    assert 1 == server.connections


def test_it_is_a_transport_of_httpx():
    """Tools for httpx work on top of it, and `delivery` tells what no class of exception does."""

    async def play(own: OwnTransport, _: Endpoint) -> None:
        async with httpx.AsyncClient(transport=own, base_url=f"http://127.0.0.1:{port}") as client:
            answered = await client.post("/", content=BODY)
            assert (200, GOOD) == (answered.status_code, answered.content)
            assert "answered" == answered.request.extensions["delivery"]
            await client.post("/", content=parts())
            assert b"chunked" not in server.seen
            assert server.seen.endswith(b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY))
            with pytest.raises(httpx.ReadError) as lost:
                await client.post("/", content=BODY)
            assert "sent" == lost.value.request.extensions["delivery"]
            with pytest.raises(httpx.UnsupportedProtocol) as unsent:
                await client.head("/")
            assert "connect" == unsent.value.request.extensions["delivery"]
        async with httpx.AsyncClient(transport=own) as client:
            with pytest.raises(httpx.ConnectError) as refused:
                await client.post(f"http://127.0.0.1:{closed}/", content=BODY)
            assert "connect" == refused.value.request.extensions["delivery"]

    async def parts() -> AsyncIterator[bytes]:
        yield BODY[:5]
        yield BODY[5:]

    def behave(server: Hostile, peer: socket.socket) -> None:
        while server.read_request(peer):
            if server.copies > 2:
                reset(peer)
                return
            peer.sendall(answer())

    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    with serving(behave) as (server, port):
        with_own(port, play)


def test_address_that_never_connects_leaves_no_socket_open():
    """The full backlog of a listener swallows the handshake, as a dead host does."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        crowd = [socket.socket() for _ in range(4)]
        for peer in crowd:
            peer.setblocking(False)  # noqa: FBT003  the socket's own signature
            peer.connect_ex(address)
        gc.collect()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", ResourceWarning)
            result = post("own", address[1], timeout_seconds=DEADLINE_SECONDS)
            gc.collect()
        for peer in crowd:
            peer.close()

    assert [Failure(phase=Phase.CONNECT, kind="connect_timeout")] == result
    assert [] == [str(warning.message) for warning in caught]
