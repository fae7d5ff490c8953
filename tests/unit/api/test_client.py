"""The client's settings, and what its values show of themselves."""

import ssl
from collections.abc import Iterator

import httpx
import pytest

from etl.api.client import Client
from etl.api.own import Endpoint, OwnTransport
from etl.api.transport import KINDS, RawAnswer, Transport, _failure, tls_context
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


def test_every_exception_of_httpx_has_a_name():
    """A version of httpx that adds one must fail here, not in a run."""
    named = [value for value in vars(httpx).values() if isinstance(value, type)]
    raised = {leaf for kind in named if issubclass(kind, Exception) for leaf in _leaves(kind)}

    assert raised == {kind for kind, _ in KINDS}
    assert len(raised) == len(KINDS)


@pytest.mark.parametrize(("error", "kind"), KINDS)
@pytest.mark.parametrize(("left", "phase"), [(False, Phase.CONNECT), (True, Phase.SENT)])
def test_exception_becomes_its_name_and_the_trace_decides_the_phase(error, kind, left, phase):
    """Its class alone says too little: a write error can come before the first byte and after it."""
    assert Failure(phase=phase, kind=kind) == _failure(error.__new__(error), left=left)


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


@pytest.mark.parametrize("transport", ["own", "httpx"])
@pytest.mark.parametrize("path", ["/{deployment_id}/a b/", "/{deployment_id}/\x00/"])
def test_address_that_is_none_is_refused_before_anything_is_sent(tmp_path, transport, path):
    """Either it is quoted into a sound request, or the job is told so."""
    opened = client(tmp_path, transport=transport, path=path)
    if "\x00" in path:
        with pytest.raises(UsageError, match="make no address"):
            opened.sender()
    else:
        opened.sender()


@pytest.mark.parametrize("headers", [{"X": "é"}, {"é": "x"}])
def test_header_beyond_ascii_is_refused_by_both(headers):
    """It would fail at each message, and in a way that is retried."""
    tls = tls_context(None)
    with pytest.raises(UsageError):
        Transport("https://x.example/", headers=headers, tls=tls, timeout_seconds=1)
    with pytest.raises(UsageError):
        Endpoint(OwnTransport(tls=tls, timeout_seconds=1), "https://x.example/", headers=headers)


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\nAuthorization: b"}, {"X": "a\x00"}, {"X Y": "a"}, {"": "a"}, {"X:": "a"}]
)
def test_header_that_would_end_its_line_is_refused(headers):
    """Otherwise a value could add headers of its own, or a second request."""
    own = OwnTransport(tls=tls_context(None), timeout_seconds=1)
    with pytest.raises(UsageError, match="make no request"):
        Endpoint(own, "https://x.example/", headers=headers)


@pytest.mark.parametrize("url", ["ftp://x.example/", "/messages/", "https:///messages/"])
def test_address_that_own_transport_can_not_reach_is_refused(url):
    """The job's model refuses most of them before."""
    own = OwnTransport(tls=tls_context(None), timeout_seconds=1)
    with pytest.raises(UsageError, match="make no request"):
        Endpoint(own, url, headers={})


@pytest.mark.parametrize("transport", ["own", "httpx"])
def test_no_repr_shows_the_token(tmp_path, transport):
    """Values end up in tracebacks and logs."""
    opened = client(tmp_path, transport=transport)
    sender = opened.sender()
    plain = Transport(
        "https://x.example/", headers={"Authorization": TOKEN}, tls=tls_context(None), timeout_seconds=1
    )

    assert TOKEN not in repr(opened) + repr(sender) + repr(plain) + repr(Secret(TOKEN))


def test_no_repr_shows_an_answers_content():
    """A server can echo anything."""
    answer = RawAnswer(status=200, headers={"x-echo": TOKEN}, body=b"My parcel")

    assert repr(answer) == "RawAnswer(status=200)"
    assert (
        repr(Failure(phase=Phase.SENT, kind="reset")) == "Failure(phase=<Phase.SENT: 'sent'>, kind='reset')"
    )
