"""The client's settings, and what its values show of themselves."""

import ssl
from collections.abc import Iterator

import httpx
import pytest

from etl.api.client import Client
from etl.api.transport import KINDS, RawAnswer, Transport, tls_context
from etl.config.secrets import Secret
from etl.config.sending import Message
from etl.config.target import Target
from etl.errors import UsageError
from etl.model.exchange import Failure, Phase

TOKEN = "tok-0123456789-secret"  # noqa: S105  made up


def client(tmp_path, **changes) -> Client:
    """Return a client of a target."""
    target = Target(deployment_id="d", **changes)
    return Client(target, settings=Message(), token=Secret(TOKEN), timeout_seconds=1.0, folder=tmp_path)


def _leaves(kind: type[Exception]) -> Iterator[type[Exception]]:
    children = kind.__subclasses__()
    if not children:
        yield kind
    for child in children:
        yield from _leaves(child)


def test_every_transport_error_has_a_name():
    """A version of httpx that adds one must fail here, not in a run."""
    assert set(_leaves(httpx.TransportError)) == {kind for kind, _ in KINDS}


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_ca_file_that_is_none_is_refused(tmp_path, content):
    """Missing or senseless, it must not end in an unverified connection."""
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(UsageError, match=r"ca\.pem"):
        client(tmp_path, ca_file=tmp_path / "ca.pem")


def test_tls_is_always_verified():
    """There is no switch."""
    context = tls_context(None)

    assert (ssl.CERT_REQUIRED, True) == (context.verify_mode, context.check_hostname)


def test_no_repr_shows_the_token(tmp_path):
    """Values end up in tracebacks and logs."""
    opened = client(tmp_path)
    sender = opened.sender()
    transport = Transport(
        "https://x.example/", headers={"Authorization": TOKEN}, tls=tls_context(None), timeout_seconds=1
    )

    assert TOKEN not in repr(opened) + repr(sender) + repr(transport) + repr(Secret(TOKEN))


def test_no_repr_shows_an_answers_content():
    """A server can echo anything."""
    answer = RawAnswer(status=200, headers={"x-echo": TOKEN}, body=b"My parcel")

    assert repr(answer) == "RawAnswer(status=200)"
    assert (
        repr(Failure(phase=Phase.SENT, kind="reset")) == "Failure(phase=<Phase.SENT: 'sent'>, kind='reset')"
    )
