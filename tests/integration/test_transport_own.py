"""Our own transport's kept connections: when one is used again, when never, and what else only it does."""

import asyncio
import gc
import socket
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import httpx
import pytest

from etl.api.connection import IDLE_LIMIT_SECONDS
from etl.api.own import Endpoint, OwnTransport
from etl.api.transport import RawAnswer, tls_context
from etl.model.exchange import Failure, Phase
from support.hostile import (
    BODY,
    DEADLINE_SECONDS,
    GOOD,
    Hostile,
    answer,
    keeps_alive,
    post,
    reset,
    says,
    serving,
)

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

    asyncio.run(scene())


async def pause(seconds: float = MOMENT_SECONDS) -> None:
    """Let the network and the loop have their turn."""
    await asyncio.sleep(seconds)  # noqa: TID251  what happens in between is the point


@pytest.mark.parametrize(
    "data",
    [answer(), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
    ids=["length", "chunks"],
)
def test_clean_connection_carries_the_next_message(data):
    """A handshake for each message would cost ten times the CPU."""
    with serving(keeps_alive(data)) as (server, port):
        bodies(post("own", port, times=5))

    assert (1, 5) == (server.connections, server.copies)


@pytest.mark.parametrize(
    "data",
    [
        answer(fields=b"Connection: close\r\n"),
        answer(head=b"HTTP/1.0 200 OK"),
        answer(b""),
        b"HTTP/1.1 103 x\r\n\r\n" + answer(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: y\r\n\r\n",
        answer() + b"\r\n",
    ],
    ids=["close", "HTTP/1.0", "empty", "103 before it", "trailer", "empty line after it"],
)
def test_anything_but_the_plainest_answer_ends_the_connection(data):
    """Only what surely left nothing behind may carry another message."""
    with serving(keeps_alive(data)) as (server, port):
        bodies(post("own", port, times=2))

    assert (2, 2) == (server.connections, server.copies)


def test_connection_that_idled_too_long_is_not_used_again():
    """The server may close it just as the next message is written."""
    with serving(keeps_alive(answer())) as (server, port):
        bodies(post("own", port, times=2, pause_seconds=IDLE_LIMIT_SECONDS + MOMENT_SECONDS))

    assert (2, 2) == (server.connections, server.copies)


def test_idle_connection_that_the_server_closed_is_replaced_before_the_write():
    """An orderly close between two messages costs nothing."""
    with serving(says(answer())) as (server, port):
        bodies(post("own", port, times=3, pause_seconds=MOMENT_SECONDS))

    assert (3, 3) == (server.connections, server.copies)


@pytest.mark.parametrize(
    "unasked", [answer(b"second"), b"HTTP/1.1 408 Request Timeout\r\n\r\n", b"\r\n", b"x"]
)
@pytest.mark.parametrize("loop_sees_it", [True, False])
def test_bytes_while_idle_end_the_connection(unasked, loop_sees_it):
    """Whether the loop has read them yet or they still wait in the socket."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        while server.read_request(peer):
            peer.sendall(answer(b"first"))
            if server.copies == 1:
                server.over.wait(MOMENT_SECONDS)
                peer.sendall(unasked)

    async def play(_: OwnTransport, endpoint: Endpoint) -> None:
        results = [await endpoint.exchange(BODY)]
        if loop_sees_it:
            await pause(3 * MOMENT_SECONDS)
        else:
            server.over.wait(3 * MOMENT_SECONDS)  # the loop stands still meanwhile
        results.append(await endpoint.exchange(BODY))
        assert [b"first", b"first"] == bodies(results)

    with serving(behave) as (server, port):
        with_own(port, play)

    assert (2, 2) == (server.connections, server.copies)


@pytest.mark.parametrize("together", [True, False])
def test_server_that_answered_twice_gets_a_connection_for_each_message(together):
    """A second answer that comes a little later still would be taken for the next one."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        while server.read_request(peer):
            if server.copies > 1:
                peer.sendall(answer(b"%d" % server.copies))
            elif together:
                peer.sendall(answer(b"1") + answer(b"again"))
            else:
                peer.sendall(answer(b"1"))
                server.over.wait(MOMENT_SECONDS)
                peer.sendall(answer(b"again"))

    with serving(behave) as (server, port):
        assert [b"1", b"2", b"3", b"4"] == bodies(
            post("own", port, times=4, pause_seconds=2 * MOMENT_SECONDS)
        )

    assert (4, 4) == (server.connections, server.copies)


@pytest.mark.parametrize("orderly", [True, False])
def test_kept_connection_that_ends_under_a_message_leaves_it_in_doubt_once(orderly):
    """That it is often only the keep-alive race is no proof; but it happens once, not at each message."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        while server.read_request(peer):
            if server.copies == 2:
                if not orderly:
                    reset(peer)
                return
            peer.sendall(answer())

    with serving(behave) as (server, port):
        results = post("own", port, times=5)

    kind = "protocol_error" if orderly else "reset"
    assert Failure(phase=Phase.SENT, kind=kind) == results[1]
    assert [GOOD] * 4 == bodies([results[0], *results[2:]])
    assert (5, 5) == (server.copies, server.connections + 1)


def test_message_whose_bytes_are_still_leaving_ends_the_connection():
    """A refusal of half a message: what is left of it would become the head of the next."""
    large = b"x" * 30_000_000

    def refuse_early(server: Hostile, peer: socket.socket) -> None:
        peer.recv(1_000)
        peer.sendall(answer(head=b"HTTP/1.1 413 Content Too Large"))
        server.over.wait(MOMENT_SECONDS)
        while peer.recv(1_048_576):
            pass

    async def play(own: OwnTransport, endpoint: Endpoint) -> None:
        result = await endpoint.exchange(large)
        assert isinstance(result, RawAnswer)
        assert 413 == result.status
        assert {} == {origin: idle for origin, idle in own._idle.items() if idle}

    with serving(refuse_early) as (_, port):
        with_own(port, play)


def crowd(play: Callable[[OwnTransport, Endpoint, list[asyncio.StreamWriter]], Awaitable[None]]) -> None:
    """Run a scene against a server of many connections; it is given the server's ends of them."""
    writers: list[asyncio.StreamWriter] = []

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(asyncio.IncompleteReadError, OSError):
            while await reader.readuntil(BODY):
                writer.write(answer())

    async def scene() -> None:
        async with await asyncio.start_server(answer_all, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            own = OwnTransport(tls=tls_context(None), timeout_seconds=5.0)
            await play(own, Endpoint(own, f"http://127.0.0.1:{port}/", headers={}), writers)
            await own.aclose()
            assert 0 == len(own._open)
            for writer in writers:
                writer.transport.abort()
            await pause()

    asyncio.run(scene())


def test_messages_at_once_have_a_connection_each_and_the_last_used_comes_first():
    """Nothing waits for a place; later few connections stay warm, and the others grow old."""

    async def play(own: OwnTransport, endpoint: Endpoint, writers: list[asyncio.StreamWriter]) -> None:
        assert [GOOD] * 8 == bodies(list(await asyncio.gather(*(endpoint.exchange(BODY) for _ in range(8)))))
        for _ in range(3):
            await endpoint.exchange(BODY)
        assert [1] * 7 + [4] == sorted(connection._exchanges for connection in own._open)
        assert 8 == len(writers)

    crowd(play)


def test_one_surprising_connection_speaks_for_all_of_its_server():
    """What one of them did, the next one may do."""

    async def play(own: OwnTransport, endpoint: Endpoint, writers: list[asyncio.StreamWriter]) -> None:
        await asyncio.gather(*(endpoint.exchange(BODY) for _ in range(3)))
        (first, *_) = next(iter(own._idle.values()))
        assert first._transport is not None
        port = first._transport.get_extra_info("sockname")[1]
        (peer,) = [writer for writer in writers if port == writer.get_extra_info("peername")[1]]
        peer.write(b"x")
        await pause()
        await endpoint.exchange(BODY)
        assert 4 == len(writers)

    crowd(play)


def test_request_goes_out_in_one_piece_and_at_once():
    """Nagle's algorithm would hold the last piece back for 40 ms."""

    async def play(own: OwnTransport, endpoint: Endpoint) -> None:
        await endpoint.exchange(BODY)
        (connection,) = own._open
        assert connection._transport is not None
        peer = connection._transport.get_extra_info("socket")
        assert 1 == peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    with serving(keeps_alive(answer())) as (_, port):
        with_own(port, play)


def test_deadline_covers_connecting_and_answering_together(identity):
    """Two phases of nearly the limit each must not add up to twice the limit."""
    own = identity("127.0.0.1")

    def slow(server: Hostile, peer: socket.socket) -> None:
        server.over.wait(0.7 * DEADLINE_SECONDS)
        with own.server().wrap_socket(peer, server_side=True) as secure:
            server.read_request(secure)
            server.over.wait(0.7 * DEADLINE_SECONDS)
            secure.sendall(answer())

    with serving(slow) as (server, port):
        result = post("own", port, scheme="https", ca_file=own.certificate, timeout_seconds=DEADLINE_SECONDS)

    assert [Failure(phase=Phase.SENT, kind="timeout")] == result
    assert 1 == server.copies


def test_name_with_a_dead_address_reaches_the_live_one(monkeypatch):
    """RFC 8305: the second address is tried a quarter of a second later, not after the first's timeout."""
    resolve = asyncio.BaseEventLoop.getaddrinfo

    async def two(self, host, port, **hints):
        if host != "two.invalid":
            return await resolve(self, host, port, **hints)
        dead = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("100::1", port, 0, 0))
        return [dead, (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", two)

    async def scene(port: int) -> RawAnswer | Failure:
        own = OwnTransport(tls=tls_context(None), timeout_seconds=3.0)
        try:
            return await Endpoint(own, f"http://two.invalid:{port}/", headers={}).exchange(BODY)
        finally:
            await own.aclose()

    with serving(says(answer())) as (_, port):
        result = asyncio.run(scene(port))

    assert isinstance(result, RawAnswer)


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
    asyncio.run(scene())


def test_server_that_speaks_first_was_sent_nothing():
    """As an overloaded one that refuses on arrival, inside TLS: no byte of the message had left."""

    async def play(own: OwnTransport, endpoint: Endpoint) -> None:
        connect = asyncio.BaseEventLoop.create_connection

        async def late(self, *arguments, **options):
            made = await connect(self, *arguments, **options)
            await pause()
            return made

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(asyncio.BaseEventLoop, "create_connection", late)
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
        asyncio.run(scene(port))
        gc.collect()

    assert [] == [str(warning.message) for warning in caught]
    assert 1 == server.connections


def test_kept_connection_over_tls_carries_the_next_message(identity):
    """TLS 1.3's session tickets come unasked, but not as data."""
    own = identity("127.0.0.1")
    with serving(keeps_alive(answer()), tls=own.server()) as (server, port):
        bodies(post("own", port, times=3, scheme="https", ca_file=own.certificate))

    assert (1, 3) == (server.connections, server.copies)


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
