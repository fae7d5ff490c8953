"""Our own transport's kept connections: when one is used again, when never, and what else only it does."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from etl.api.connection import IDLE_LIMIT_SECONDS
from etl.api.own import Endpoint, OwnTransport
from etl.api.transport import RawAnswer, tls_context
from etl.model.exchange import Failure, Phase
from support import loops
from support.hostile import (
    BODY,
    GOOD,
    Hostile,
    answer,
    keeps_alive,
    post,
    reset,
    says,
    serving,
)
from support.own import MOMENT_SECONDS, bodies, pause, with_own

pytestmark = pytest.mark.usefixtures("loop")


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


def test_deadline_of_a_kept_connection_is_that_of_its_last_message():
    """One timer serves many messages; a slow one is cut neither by the first one's deadline nor never."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        while server.read_request(peer):
            if server.copies <= 2:
                server.over.wait(4 * MOMENT_SECONDS)
                peer.sendall(answer())

    async def play(transport: OwnTransport, endpoint: Endpoint) -> None:
        loop, timeout_seconds = asyncio.get_running_loop(), 6 * MOMENT_SECONDS
        transport._timeout_seconds = timeout_seconds
        results = [await endpoint.exchange(BODY), await endpoint.exchange(BODY)]
        began = loop.time()
        cut = await endpoint.exchange(BODY)
        assert 2 == len(bodies(results))
        assert Failure(phase=Phase.SENT, kind="timeout") == cut
        assert timeout_seconds - 0.01 <= loop.time() - began < timeout_seconds + 8 * MOMENT_SECONDS

    with serving(behave) as (server, port):
        with_own(port, play)

    assert (1, 3) == (server.connections, server.copies)


def test_idle_connection_that_the_server_closed_is_replaced_before_the_write():
    """An orderly close between two messages costs nothing."""
    with serving(says(answer())) as (server, port):
        bodies(post("own", port, times=2, pause_seconds=3 * MOMENT_SECONDS))

    assert (2, 2) == (server.connections, server.copies)


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
            await pause(6 * MOMENT_SECONDS)
        else:
            server.over.wait(6 * MOMENT_SECONDS)  # the loop stands still meanwhile
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
        assert [b"1", b"2", b"3"] == bodies(post("own", port, times=3, pause_seconds=5 * MOMENT_SECONDS))

    assert (3, 3) == (server.connections, server.copies)


@pytest.mark.parametrize("cut", [None, 5, -1], ids=["whole", "cut in its head", "cut in its body"])
def test_answers_with_the_same_head_have_each_their_own_body(cut):
    """A head that was just read is not parsed again; what follows it is the next message's all the same."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        while server.read_request(peer):
            data = answer(b"%d" % server.copies)
            peer.sendall(data[:cut])
            if cut is not None and server.copies > 1:
                server.over.wait(MOMENT_SECONDS)
            peer.sendall(data[cut:] if cut else b"")

    with serving(behave) as (server, port):
        assert [b"1", b"2", b"3", b"4"] == bodies(post("own", port, times=4))

    assert (1, 4) == (server.connections, server.copies)


@pytest.mark.parametrize(
    "extra", [answer(b"again"), answer(b"2"), b"x"], ids=["an answer", "the same", "a byte"]
)
def test_second_answer_behind_a_head_that_was_read_before_is_noticed(extra):
    """The third message would have it as its own."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        while server.read_request(peer):
            peer.sendall(answer(b"%d" % server.copies) + (extra if server.copies == 2 else b""))

    with serving(behave) as (server, port):
        assert [b"1", b"2", b"3", b"4"] == bodies(post("own", port, times=4))

    assert (3, 4) == (server.connections, server.copies)


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

    loops.run(scene())


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


def test_kept_connection_over_tls_carries_the_next_message(identity):
    """TLS 1.3's session tickets come unasked, but not as data."""
    own = identity("127.0.0.1")
    with serving(keeps_alive(answer()), tls=own.server()) as (server, port):
        bodies(post("own", port, times=3, scheme="https", ca_file=own.certificate))

    assert (1, 3) == (server.connections, server.copies)


def test_prepared_connection_carries_the_next_message():
    """What the pace counts leaves at once, not behind a handshake."""

    async def play(_transport: OwnTransport, endpoint: Endpoint) -> None:
        await endpoint.prepare()
        await endpoint.prepare()
        await pause()
        assert (1, 0) == (server.connections, server.copies)
        bodies([await endpoint.exchange(BODY)])
        await endpoint.prepare()
        bodies([await endpoint.exchange(BODY)])

    with serving(keeps_alive(answer())) as (server, port):
        with_own(port, play)

    assert (1, 2) == (server.connections, server.copies)


def test_prepared_connection_that_the_server_closed_is_replaced_before_the_write():
    """Nothing has left yet, so nothing is in doubt."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        if server.connections == 1:
            server.over.wait(MOMENT_SECONDS)
        elif server.read_request(peer):
            peer.sendall(answer())

    async def play(_transport: OwnTransport, endpoint: Endpoint) -> None:
        await endpoint.prepare()
        await pause(3 * MOMENT_SECONDS)
        bodies([await endpoint.exchange(BODY)])

    with serving(behave) as (server, port):
        with_own(port, play)

    assert (2, 1) == (server.connections, server.copies)


def test_failure_to_prepare_is_what_the_next_exchange_tells():
    """Once: the one after it tries anew."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async def play(_transport: OwnTransport, endpoint: Endpoint) -> None:
        await endpoint.prepare()
        failure = Failure(phase=Phase.CONNECT, kind="connect_failed")
        assert failure == await endpoint.exchange(BODY)
        with serving(keeps_alive(answer()), port=port):
            bodies([await endpoint.exchange(BODY)])

    with_own(port, play)
