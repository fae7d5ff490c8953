"""Both transports against a server that does everything wrong, over real sockets."""

import asyncio
import gzip
import socket
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.api.transport import ANSWER_LIMIT_BYTES, RawAnswer
from etl.clock import SYSTEM
from etl.model.exchange import Failure, Phase
from support import loops
from support.hostile import (
    BODY,
    DEADLINE_SECONDS,
    GOOD,
    TOKEN,
    Behaviour,
    Hostile,
    answer,
    close_at_once,
    dribble,
    dribble_headers,
    endless_early_hints,
    exchanger,
    never_read,
    post,
    reset,
    reset_after_request,
    reset_at_once,
    reset_in_body,
    says,
    serving,
    silent_after,
)

pytestmark = pytest.mark.usefixtures("loop")

TOO_LARGE = answer(b"x" * (ANSWER_LIMIT_BYTES + 1))
GZIP = answer(gzip.compress(GOOD), fields=b"Content-Encoding: gzip\r\n")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
OTHER_CODING = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

FAILURES: dict[str, tuple[Behaviour, str]] = {
    "close after the request": (says(b""), "protocol_error"),
    "reset after the request": (reset_after_request, "reset"),
    "half headers": (says(b"HTTP/1.1 200 OK\r\nContent-Le"), "protocol_error"),
    "half body": (says(answer()[:-9]), "protocol_error"),
    "half body, then reset": (reset_in_body, "reset"),
    "bad chunk": (says(CHUNKED + b"zz\r\nabc"), "protocol_error"),
    "cut chunks": (says(CHUNKED + b"5\r\nab"), "protocol_error"),
    "no HTTP": (says(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "protocol_error"),
    "two lengths": (says(answer(fields=b"Content-Length: 3\r\n")), "protocol_error"),
    "oversized header": (says(answer(fields=b"X-Big: " + b"x" * 200_000 + b"\r\n")), "protocol_error"),
    "too large": (says(TOO_LARGE), "answer_too_large"),
    "too large in chunks": (
        says(CHUNKED + b"FFFFF\r\n" + b"x" * 0xFFFFF + b"\r\n8\r\nabcdefgh\r\n"),
        "answer_too_large",
    ),
    "gzip": (says(GZIP), "answer_encoded"),
    "200 with both lengths": (says(answer(fields=b"Transfer-Encoding: chunked\r\n")), "protocol_error"),
    "other coding": (says(OTHER_CODING), "protocol_error"),
    "HTTP/0.9": (says(b"<html>It works!</html>"), "protocol_error"),
    "length that is none": (says(answer(fields=b"Content-Length: x\r\n")), "protocol_error"),
    "101": (says(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"), "protocol_error"),
}

SILENCES: dict[str, Behaviour] = {
    "never read": never_read,
    "silence after the request": silent_after(b""),
    "silence in the headers": silent_after(b"HTTP/1.1 200 OK\r\nConte"),
    "silence in the body": silent_after(answer()[:-9]),
    "silence after 100": silent_after(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "dribbled body": dribble,
    "dribbled headers": dribble_headers,
    "endless 103": endless_early_hints,
}

ANSWERS: dict[str, tuple[bytes, int, bytes]] = {
    "plain": (answer(), 200, GOOD),
    "until close": (b"HTTP/1.1 200 OK\r\n\r\n" + GOOD, 200, GOOD),
    "chunked": (CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", 200, b"{}"),
    "103 before 200": (b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + answer(), 200, GOOD),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "HTML": (answer(b"<html></html>"), 200, b"<html></html>"),
    "just not too large": (answer(b"x" * ANSWER_LIMIT_BYTES), 200, b"x" * ANSWER_LIMIT_BYTES),
    "identity in capitals": (answer(fields=b"Content-Encoding: Identity\r\n"), 200, GOOD),
    "500": (answer(b"oops", head=b"HTTP/1.1 500 Internal Server Error"), 500, b"oops"),
    "cookies": (
        answer(fields=b"Set-Cookie: a=b; expires=\xff\r\nSet-Cookie: c=d; Max-Age=9999\r\n"),
        200,
        GOOD,
    ),
}


@pytest.mark.parametrize(("behaviour", "kind"), FAILURES.values(), ids=FAILURES.keys())
def test_broken_answer_is_a_failure_after_sending(transport, behaviour, kind):
    """The message may have been taken, so nothing is sent again by the transport."""
    with serving(behaviour) as (server, port):
        (result,) = post(transport, port)

    assert isinstance(result, Failure)
    assert kind == result.kind
    assert result.phase is Phase.SENT
    assert server.connections == 1
    assert server.copies <= 1


@pytest.mark.parametrize("behaviour", [close_at_once, reset_at_once])
def test_connection_that_ends_at_once_sent_nothing_or_is_in_doubt(transport, behaviour):
    """A reset may come before the first byte is written or after: only then is the message in doubt."""
    with serving(behaviour) as (server, port):
        (result,) = post(transport, port)

    assert isinstance(result, Failure)
    assert result.phase in {Phase.CONNECT, Phase.SENT}
    assert (1, 0, b"") == (server.connections, server.copies, server.seen)


@pytest.mark.parametrize("behaviour", SILENCES.values(), ids=SILENCES.keys())
def test_one_deadline_covers_the_whole_exchange(transport, behaviour):
    """Read timeouts never fire against a byte now and then."""
    with serving(behaviour) as (server, port):
        began = SYSTEM.monotonic()
        result = post(transport, port, timeout_seconds=DEADLINE_SECONDS)
        took = SYSTEM.monotonic() - began

    assert result == [Failure(phase=Phase.SENT, kind="timeout")]
    assert DEADLINE_SECONDS <= took < 10 * DEADLINE_SECONDS
    assert server.connections == 1
    assert server.copies <= 1


@pytest.mark.parametrize(("data", "status", "body"), ANSWERS.values(), ids=ANSWERS.keys())
def test_complete_answer_comes_back_as_it_is(transport, data, status, body):
    """What it means is decided elsewhere."""
    with serving(says(data)) as (server, port):
        (result,) = post(transport, port)

    assert isinstance(result, RawAnswer)
    assert (status, body) == (result.status, result.body)
    assert (1, 1) == (server.connections, server.copies)


def test_refused_connection_surely_sent_nothing(transport):
    """So it may be tried again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert post(transport, port) == [Failure(phase=Phase.CONNECT, kind="connect_failed")]


@pytest.mark.parametrize("host", ["nowhere.invalid", "127.0.0.1:99999"])
def test_address_that_leads_nowhere_never_raises(transport, host):
    """Whatever the resolver says, nothing was sent."""

    async def play() -> RawAnswer | Failure:
        async with exchanger(transport, f"http://{host}/", timeout_seconds=DEADLINE_SECONDS * 10) as opened:
            return await opened.exchange(BODY)

    result = loops.run(play())

    assert isinstance(result, Failure)
    assert result.phase is Phase.CONNECT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(transport, status):
    """Following one loses the message, or hands the token to another host."""
    with serving(says(answer())) as (other, elsewhere):
        head = b"HTTP/1.1 %d Moved\r\nLocation: http://127.0.0.1:%d/" % (status, elsewhere)
        with serving(says(answer(b"", head=head))) as (server, port):
            (result,) = post(transport, port)

    assert isinstance(result, RawAnswer)
    assert status == result.status
    assert (1, 0) == (server.copies, other.connections)


def test_second_answer_is_not_given_to_the_next_message(transport):
    """A desynchronised connection would give one message the fate of another."""
    with serving(says(answer(b"first") + answer(b"second"))) as (server, port):
        results = post(transport, port, times=2)

    assert [result.body for result in results if isinstance(result, RawAnswer)] == [b"first", b"first"]
    assert (2, 2) == (server.connections, server.copies)


@pytest.mark.parametrize("late_seconds", [0.0, 0.02])
@pytest.mark.parametrize(
    "unasked", [answer(b"unasked"), answer(b"idle", head=b"HTTP/1.1 408 Request Timeout"), b"\x15\x03", b""]
)
def test_what_comes_after_an_answer_is_never_the_next_messages(transport, unasked, late_seconds):
    """A second answer, a proxy's idle notice, rubbish or a close: each message keeps its own fate."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        server.read_request(peer)
        number = server.copies
        peer.sendall(answer(b"%d" % number))
        server.over.wait(late_seconds)
        peer.sendall(unasked)
        peer.shutdown(socket.SHUT_WR)
        with suppress(OSError):
            while peer.recv(65_536):
                pass

    with serving(behave) as (server, port):
        results = post(transport, port, times=2, pause_seconds=0.2)

    assert [b"1", b"2"] == [result.body for result in results if isinstance(result, RawAnswer)]
    assert (2, 2) == (server.connections, server.copies)


def test_server_that_resets_after_each_answer_makes_no_message_double_or_lost(transport):
    """Each of twelve in a hurry is answered as itself, or in doubt; none is sent a second time."""

    def behave(server: Hostile, peer: socket.socket) -> None:
        server.read_request(peer)
        number = server.copies
        peer.sendall(answer(b"%d" % number))
        server.over.wait(0.001)
        reset(peer)

    with serving(behave) as (server, port):
        results = post(transport, port, times=12)

    answered = [result.body for result in results if isinstance(result, RawAnswer)]
    doubtful = [result.phase for result in results if isinstance(result, Failure)]
    assert len(answered) == len(set(answered))
    assert set(doubtful) <= {Phase.SENT}
    assert len(answered) <= server.copies <= len(results) == 12


def test_refusal_before_the_body_is_read_is_an_answer(transport):
    """Some servers say 413 or 401 and close before the request is whole."""

    def refuse(_: Hostile, peer: socket.socket) -> None:
        peer.recv(1)
        peer.sendall(answer(b"", head=b"HTTP/1.1 401 Unauthorized"))
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65_536):
            pass

    with serving(refuse) as (_, port):
        (result,) = post(transport, port)

    assert isinstance(result, RawAnswer)
    assert result.status == 401


def test_request_is_exactly_what_was_asked_for(transport):
    """No compression, no kept connection, no cookies, nothing that httpx adds by itself."""
    with serving(says(answer(fields=b"Set-Cookie: session=1\r\n"))) as (server, port):
        post(transport, port, times=2, pause_seconds=0.15)

    first, second = (
        server.seen[: len(server.seen) // 2],
        server.seen[len(server.seen) // 2 :],
    )
    names = [line.partition(b":")[0].lower() for line in first.split(b"\r\n")[1:] if b": " in line]
    assert first == second
    assert first.startswith(b"POST /messages/ HTTP/1.1\r\n")
    assert first.endswith(b"\r\n\r\n" + BODY)
    assert b"\r\nAccept-Encoding: identity\r\n" in first
    assert sorted(set(names) - {b'{"text"', b"connection"}) == [
        b"accept-encoding", b"authorization", b"content-length", b"content-type", b"host",
    ]  # fmt: skip


def test_repeated_header_is_the_last_one(transport):
    """Joined by a comma, a pause could not be read."""
    fields = b"Retry-After: 5\r\nRetry-After: 7\r\n"
    with serving(says(answer(fields=fields, head=b"HTTP/1.1 429 Too Many Requests"))) as (_, port):
        (result,) = post(transport, port)

    assert isinstance(result, RawAnswer)
    assert result.headers["retry-after"] == "7"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxies_of_the_environment_are_ignored(transport, monkeypatch, name):
    """A token in plain http must not pass through somebody's proxy."""
    with serving(says(answer(b"proxy"))) as (proxy, proxy_port), serving(says(answer())) as (_, port):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy_port}")
        (result,) = post(transport, port)

    assert isinstance(result, RawAnswer)
    assert result.body == GOOD
    assert proxy.connections == 0


def test_cancellation_passes_through(transport):
    """The second signal leaves at once."""

    async def play(port: int) -> None:
        async with exchanger(transport, f"http://127.0.0.1:{port}/", timeout_seconds=30.0) as opened:
            async with asyncio.timeout(DEADLINE_SECONDS):
                await opened.exchange(BODY)

    with serving(never_read) as (_, port), pytest.raises(TimeoutError):
        loops.run(play(port))


def test_failure_shows_neither_token_nor_text(transport):
    """Failures go into the ledger and the log."""
    echo = answer(BODY + TOKEN.encode(), fields=b"X-Echo: " + TOKEN.encode() + b"\r\n")
    for data in (echo[:-9], echo):
        with serving(says(data)) as (_, port):
            shown = repr(post(transport, port))
        assert "tok-" not in shown
        assert "parcel" not in shown


HEADS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 429 x", b"HTTP/1.1 103 x", b"HTTP/2 200"]
)
FIELDS = st.lists(
    st.sampled_from(
        [
            b"Content-Length: 5", b"Content-Length: -1", b"Transfer-Encoding: chunked",
            b"Set-Cookie: \xff=\x01; a", b"Content-Encoding: gzip", b"Location: http://[",
            b"Connection: keep-alive", b" folded", b"Upgrade: h2c",
        ]
    )
    | st.binary(max_size=30),
    max_size=5,
)  # fmt: skip
NEAR_HTTP = st.builds(
    lambda head, fields, body: b"\r\n".join([head, *fields, b"", body]), HEADS, FIELDS, st.binary(max_size=60)
)


def test_whatever_a_server_answers_nothing_is_raised(transport):
    """A worker that dies leaves a message in flight; a failure is a value."""
    reply = [b""]

    def behave(server: Hostile, peer: socket.socket) -> None:
        says(reply[0])(server, peer)

    with serving(behave) as (server, port):

        @settings(deadline=None, max_examples=150)
        @given(data=st.binary(max_size=200) | NEAR_HTTP)
        def law(data: Any) -> None:
            reply[0] = data
            before = server.copies
            (result,) = post(transport, port, timeout_seconds=2.0)

            assert isinstance(result, RawAnswer | Failure)
            assert isinstance(result, RawAnswer) or result.phase is Phase.SENT
            assert server.copies - before <= 1

        law()
