"""Both transports over TLS: what is verified, and what surely did not leave."""

import gc
import socket
import warnings

import pytest

from etl.api.transport import RawAnswer
from etl.model.exchange import Failure, Phase
from support.hostile import (
    DEADLINE_SECONDS,
    Behaviour,
    Hostile,
    answer,
    close_at_once,
    never_read,
    post,
    reset_at_once,
    says,
    serving,
)

pytestmark = pytest.mark.usefixtures("loop")


def test_trusted_certificate_is_accepted(transport, identity):
    """`target.ca_file` is for a company's own authority."""
    own = identity("127.0.0.1")
    with serving(says(answer()), tls=own.server()) as (server, port):
        (result,) = post(transport, port, scheme="https", ca_file=own.certificate)

    assert isinstance(result, RawAnswer)
    assert server.copies == 1


@pytest.mark.parametrize(("address", "trusted"), [("127.0.0.1", False), ("192.0.2.1", True)])
def test_wrong_certificate_stops_before_the_first_byte(transport, identity, address, trusted):
    """Nobody we trust signed it, or it is another host's."""
    own = identity(address)
    with serving(says(answer()), tls=own.server()) as (server, port):
        result = post(transport, port, scheme="https", ca_file=own.certificate if trusted else None)

    assert result == [Failure(phase=Phase.CERTIFICATE, kind="certificate")]
    assert server.seen == b""


HANDSHAKES: dict[str, tuple[Behaviour, str]] = {
    "close": (close_at_once, "connect_failed"),
    "reset": (reset_at_once, "connect_failed"),
    "silence": (never_read, "connect_timeout"),
    "plain HTTP": (lambda _, peer: peer.sendall(answer()), "connect_failed"),
}


@pytest.mark.parametrize(("behaviour", "kind"), HANDSHAKES.values(), ids=HANDSHAKES.keys())
def test_failed_handshake_surely_sent_nothing(transport, behaviour, kind):
    """The request starts after TLS, so it may be tried again."""
    with serving(behaviour) as (server, port):
        result = post(
            transport, port, scheme="https", timeout_seconds=DEADLINE_SECONDS if "timeout" in kind else 5.0
        )

    assert result == [Failure(phase=Phase.CONNECT, kind=kind)]
    assert server.copies == 0


def test_cancelled_handshake_leaves_no_socket_open(transport):
    """A night of such failures would use up all descriptors."""
    gc.collect()
    with serving(never_read) as (_, port), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ResourceWarning)
        post(transport, port, scheme="https", timeout_seconds=DEADLINE_SECONDS)
        gc.collect()

    assert [str(warning.message) for warning in caught] == []


@pytest.mark.parametrize("read", [True, False])
def test_garbage_inside_tls_is_a_failure_after_sending(transport, identity, read):
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
        (result,) = post(transport, port, scheme="https", ca_file=own.certificate)

    assert isinstance(result, Failure)
    assert result.phase is Phase.SENT
    assert server.connections == 1
