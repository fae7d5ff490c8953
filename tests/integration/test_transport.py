"""The transport against a server that does everything wrong, over real sockets."""

import asyncio
import gc
import gzip
import ipaddress
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.api.transport import ANSWER_LIMIT_BYTES, RawAnswer, Transport, tls_context
from etl.clock import SYSTEM
from etl.model.exchange import Failure, Phase

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

    def read_request(self, peer: socket.socket) -> None:
        """Return when a whole request is there, or the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < len(BODY):
            more = peer.recv(65_536)
            if not more:
                return
            data += more
            self.seen += more
        self.copies += 1

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
def serving(behaviour: Behaviour, *, tls: ssl.SSLContext | None = None) -> Iterator[tuple[Hostile, int]]:
    """Yield a server and its port."""
    hostile = Hostile(behaviour, tls)
    listener = socket.create_server(("127.0.0.1", 0))
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


def post(
    port: int,
    *,
    times: int = 1,
    ca_file: Path | None = None,
    scheme: str = "http",
    timeout_seconds: float = 5.0,
) -> list[RawAnswer | Failure]:
    """Return what came of each of so many posts over one transport."""

    async def play() -> list[RawAnswer | Failure]:
        transport = Transport(
            f"{scheme}://127.0.0.1:{port}/messages/",
            headers={"Authorization": TOKEN, "Content-Type": "application/json"},
            tls=tls_context(ca_file),
            timeout_seconds=timeout_seconds,
        )
        try:
            return [await transport.exchange(BODY) for _ in range(times)]
        finally:
            await transport.close()

    return asyncio.run(play())


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


TOO_LARGE = answer(b"x" * (ANSWER_LIMIT_BYTES + 1))
GZIP = answer(gzip.compress(GOOD), fields=b"Content-Encoding: gzip\r\n")
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

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
def test_broken_answer_is_a_failure_after_sending(behaviour, kind):
    """The message may have been taken, so nothing is sent again by the transport."""
    with serving(behaviour) as (server, port):
        (result,) = post(port)

    assert isinstance(result, Failure)
    assert kind == result.kind
    assert result.phase is Phase.SENT
    assert server.connections == 1
    assert server.copies <= 1


@pytest.mark.parametrize("behaviour", [close_at_once, reset_at_once])
def test_connection_that_ends_at_once_sent_nothing_or_is_in_doubt(behaviour):
    """A reset may come before the first byte is written or after: only then is the message in doubt."""
    with serving(behaviour) as (server, port):
        (result,) = post(port)

    assert isinstance(result, Failure)
    assert result.phase in {Phase.CONNECT, Phase.SENT}
    assert (1, 0, b"") == (server.connections, server.copies, server.seen)


@pytest.mark.parametrize("behaviour", SILENCES.values(), ids=SILENCES.keys())
def test_one_deadline_covers_the_whole_exchange(behaviour):
    """Read timeouts never fire against a byte now and then."""
    with serving(behaviour) as (server, port):
        began = SYSTEM.monotonic()
        result = post(port, timeout_seconds=DEADLINE_SECONDS)
        took = SYSTEM.monotonic() - began

    assert result == [Failure(phase=Phase.SENT, kind="timeout")]
    assert DEADLINE_SECONDS <= took < 10 * DEADLINE_SECONDS
    assert server.connections == 1
    assert server.copies <= 1


@pytest.mark.parametrize(("data", "status", "body"), ANSWERS.values(), ids=ANSWERS.keys())
def test_complete_answer_comes_back_as_it_is(data, status, body):
    """What it means is decided elsewhere."""
    with serving(says(data)) as (server, port):
        (result,) = post(port)

    assert isinstance(result, RawAnswer)
    assert (status, body) == (result.status, result.body)
    assert (1, 1) == (server.connections, server.copies)


def test_refused_connection_surely_sent_nothing():
    """So it may be tried again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    assert post(port) == [Failure(phase=Phase.CONNECT, kind="connect_failed")]


@pytest.mark.parametrize("host", ["nowhere.invalid", "127.0.0.1:99999"])
def test_address_that_leads_nowhere_never_raises(host):
    """Whatever the resolver says, nothing was sent."""

    async def play() -> RawAnswer | Failure:
        transport = Transport(
            f"http://{host}/", headers={}, tls=tls_context(None), timeout_seconds=DEADLINE_SECONDS * 10
        )
        return await transport.exchange(BODY)

    result = asyncio.run(play())

    assert isinstance(result, Failure)
    assert result.phase is Phase.CONNECT


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(status):
    """Following one loses the message, or hands the token to another host."""
    with serving(says(answer())) as (other, elsewhere):
        head = b"HTTP/1.1 %d Moved\r\nLocation: http://127.0.0.1:%d/" % (status, elsewhere)
        with serving(says(answer(b"", head=head))) as (server, port):
            (result,) = post(port)

    assert isinstance(result, RawAnswer)
    assert status == result.status
    assert (1, 0) == (server.copies, other.connections)


def test_second_answer_is_not_given_to_the_next_message():
    """A desynchronised connection would give one message the fate of another."""
    with serving(says(answer(b"first") + answer(b"second"))) as (server, port):
        results = post(port, times=2)

    assert [result.body for result in results if isinstance(result, RawAnswer)] == [b"first", b"first"]
    assert (2, 2) == (server.connections, server.copies)


def test_every_message_has_a_connection_of_its_own():
    """A kept one may be closed just when the next message is written."""

    def keep_alive(server: Hostile, peer: socket.socket) -> None:
        server.read_request(peer)
        peer.sendall(answer(fields=b"Connection: keep-alive\r\n"))
        while peer.recv(65_536):
            pass

    with serving(keep_alive) as (server, port):
        post(port, times=3)

    assert (3, 3) == (server.connections, server.copies)


def test_refusal_before_the_body_is_read_is_an_answer():
    """Some servers say 413 or 401 and close before the request is whole."""

    def refuse(_: Hostile, peer: socket.socket) -> None:
        peer.sendall(answer(b"", head=b"HTTP/1.1 401 Unauthorized"))
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65_536):
            pass

    with serving(refuse) as (_, port):
        (result,) = post(port)

    assert isinstance(result, RawAnswer)
    assert result.status == 401


def test_request_is_exactly_what_was_asked_for():
    """No compression, no kept connection, no cookies, nothing that httpx adds by itself."""
    with serving(says(answer(fields=b"Set-Cookie: session=1\r\n"))) as (server, port):
        post(port, times=2)

    first, second = (
        server.seen[: len(server.seen) // 2],
        server.seen[len(server.seen) // 2 :],
    )
    names = [line.partition(b":")[0].lower() for line in first.split(b"\r\n")[1:] if b": " in line]
    assert first == second
    assert first.startswith(b"POST /messages/ HTTP/1.1\r\n")
    assert first.endswith(b"\r\n\r\n" + BODY)
    assert b"Accept-Encoding: identity\r\nConnection: close\r\n" in first
    assert sorted(set(names) - {b'{"text"'}) == [
        b"accept-encoding", b"authorization", b"connection", b"content-length", b"content-type", b"host",
    ]  # fmt: skip


def test_repeated_header_is_the_last_one():
    """Joined by a comma, a pause could not be read."""
    fields = b"Retry-After: 5\r\nRetry-After: 7\r\n"
    with serving(says(answer(fields=fields, head=b"HTTP/1.1 429 Too Many Requests"))) as (_, port):
        (result,) = post(port)

    assert isinstance(result, RawAnswer)
    assert result.headers["retry-after"] == "7"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxies_of_the_environment_are_ignored(monkeypatch, name):
    """A token in plain http must not pass through somebody's proxy."""
    with serving(says(answer(b"proxy"))) as (proxy, proxy_port), serving(says(answer())) as (_, port):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy_port}")
        (result,) = post(port)

    assert isinstance(result, RawAnswer)
    assert result.body == GOOD
    assert proxy.connections == 0


def test_cancellation_passes_through():
    """The second signal leaves at once."""

    async def play(port: int) -> None:
        transport = Transport(
            f"http://127.0.0.1:{port}/", headers={}, tls=tls_context(None), timeout_seconds=30.0
        )
        async with asyncio.timeout(DEADLINE_SECONDS):
            await transport.exchange(BODY)

    with serving(never_read) as (_, port), pytest.raises(TimeoutError):
        asyncio.run(play(port))


def test_failure_shows_neither_token_nor_text():
    """Failures go into the ledger and the log."""
    echo = answer(BODY + TOKEN.encode(), fields=b"X-Echo: " + TOKEN.encode() + b"\r\n")
    for data in (echo[:-9], echo):
        with serving(says(data)) as (_, port):
            shown = repr(post(port))
        assert "tok-" not in shown
        assert "parcel" not in shown


@dataclass(frozen=True)
class Identity:
    """A certificate that nobody but its owner trusts."""

    certificate: Path
    key: Path

    def server(self) -> ssl.SSLContext:
        """Return a server's context with it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


@pytest.fixture(scope="session")
def identity(tmp_path_factory) -> Callable[[str], Identity]:
    """Return a maker of self-signed certificates for an address."""

    def make(address: str) -> Identity:
        folder = tmp_path_factory.mktemp("tls")
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "sandbox")])
        start = datetime.fromisoformat("2024-01-01T00:00:00+00:00")
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + timedelta(days=36_500))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        made = Identity(folder / "certificate.pem", folder / "key.pem")
        made.certificate.write_bytes(certificate.public_bytes(pem))
        made.key.write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
        return made

    return make


def test_trusted_certificate_is_accepted(identity):
    """`target.ca_file` is for a company's own authority."""
    own = identity("127.0.0.1")
    with serving(says(answer()), tls=own.server()) as (server, port):
        (result,) = post(port, scheme="https", ca_file=own.certificate)

    assert isinstance(result, RawAnswer)
    assert server.copies == 1


@pytest.mark.parametrize(("address", "trusted"), [("127.0.0.1", False), ("192.0.2.1", True)])
def test_wrong_certificate_stops_before_the_first_byte(identity, address, trusted):
    """Nobody we trust signed it, or it is another host's."""
    own = identity(address)
    with serving(says(answer()), tls=own.server()) as (server, port):
        result = post(port, scheme="https", ca_file=own.certificate if trusted else None)

    assert result == [Failure(phase=Phase.CERTIFICATE, kind="certificate")]
    assert server.seen == b""


HANDSHAKES: dict[str, tuple[Behaviour, str]] = {
    "close": (close_at_once, "connect_failed"),
    "reset": (reset_at_once, "connect_failed"),
    "silence": (never_read, "connect_timeout"),
    "plain HTTP": (lambda _, peer: peer.sendall(answer()), "connect_failed"),
}


@pytest.mark.parametrize(("behaviour", "kind"), HANDSHAKES.values(), ids=HANDSHAKES.keys())
def test_failed_handshake_surely_sent_nothing(behaviour, kind):
    """The request starts after TLS, so it may be tried again."""
    with serving(behaviour) as (server, port):
        result = post(port, scheme="https", timeout_seconds=DEADLINE_SECONDS if "timeout" in kind else 5.0)

    assert result == [Failure(phase=Phase.CONNECT, kind=kind)]
    assert server.copies == 0


def test_cancelled_handshake_leaves_no_socket_open():
    """A night of such failures would use up all descriptors."""
    gc.collect()
    with serving(never_read) as (_, port), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        post(port, scheme="https", timeout_seconds=DEADLINE_SECONDS)
        gc.collect()

    assert [str(warning.message) for warning in caught] == []


@pytest.mark.parametrize("read", [True, False])
def test_garbage_inside_tls_is_a_failure_after_sending(identity, read):
    """Below httpx such an alert is a bare ssl.SSLError."""
    own = identity("127.0.0.1")

    def garble(server: Hostile, peer: socket.socket) -> None:
        if read:
            server.read_request(peer)
        with socket.socket(fileno=peer.detach()) as bare:
            bare.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
            bare.shutdown(socket.SHUT_WR)
            while bare.recv(65_536):
                pass

    with serving(garble, tls=own.server()) as (server, port):
        (result,) = post(port, scheme="https", ca_file=own.certificate)

    assert isinstance(result, Failure)
    assert result.phase is Phase.SENT
    assert server.connections == 1


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


def test_whatever_a_server_answers_nothing_is_raised():
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
            (result,) = post(port, timeout_seconds=2.0)

            assert isinstance(result, RawAnswer | Failure)
            assert isinstance(result, RawAnswer) or result.phase is Phase.SENT
            assert server.copies - before <= 1

        law()
