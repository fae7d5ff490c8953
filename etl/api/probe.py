"""Looks at a target without sending anything to it: name, connection, certificate, the deployment's config.

Each step is asked for alone, so that `doctor` can say which one fails. The token takes no part.
"""

import socket
import ssl
import threading
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from queue import Empty, SimpleQueue
from typing import Final
from urllib.parse import urlsplit

from etl import __version__
from etl.api.transport import RawAnswer, Transport
from etl.clock import MICROSECONDS
from etl.model.exchange import Failure

_PORTS: Final = {"http": 80, "https": 443}
_ANSWER_LIMIT_BYTES: Final = 262_144
_MESSAGES: Final = ("/bot/{deployment_id}/messages/", "/{deployment_id}/messages/", "/{deployment_id}/")


class ProbeError(Exception):
    """A step failed; the text says how, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Whom a URL means."""

    host: str
    port: int
    tls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate that was verified."""

    names: tuple[str, ...]
    issuer: str
    expires_us: int
    protocol: str
    """Such as TLSv1.3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigAnswer:
    """What the config endpoint said."""

    status: int
    is_json: bool
    """Whether the body begins as a JSON object does."""
    location: str | None
    date_us: int | None
    """The server's clock, from its Date header."""


def address_of(url: str) -> Address:
    """Return host and port of an http or https URL."""
    parts = urlsplit(url)
    port = parts.port or _PORTS[parts.scheme]
    return Address(host=parts.hostname or "", port=port, tls=parts.scheme == "https")


def config_url(base_url: str, path: str, deployment_id: str) -> str | None:
    """Return the config endpoint beside a messages path; None beside a path that is like no known one."""
    for end in _MESSAGES:
        if path.endswith(end):
            return f"{base_url.rstrip('/')}{path.removesuffix(end)}/{deployment_id}/config/"
    return None


def resolve(address: Address, *, timeout_seconds: float) -> tuple[str, ...]:
    """Return the addresses of a host.

    Raises:
        ProbeError: it has none, or no name server says so in time.
    """
    answers: SimpleQueue[tuple[str, ...] | Exception] = SimpleQueue()
    # The system's resolver knows no deadline; a thread that is left waiting ends with the program.
    threading.Thread(target=_look_up, args=(address, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=timeout_seconds)
    except Empty:
        raise ProbeError(f"no name server tells the address of {address.host} in time") from None
    if isinstance(answer, Exception):
        raise ProbeError(f"{address.host} has no address ({_reason(answer)})") from answer
    return answer


def _look_up(address: Address, answers: "SimpleQueue[tuple[str, ...] | Exception]") -> None:
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        answers.put(error)
    else:
        answers.put(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))


def connect(address: Address, *, timeout_seconds: float) -> None:
    """Open and close a connection.

    Raises:
        ProbeError: nobody takes it.
    """
    try:
        socket.create_connection((address.host, address.port), timeout=timeout_seconds).close()
    except OSError as error:
        raise ProbeError(f"{address.host}:{address.port} takes no connection ({_reason(error)})") from error


def handshake(address: Address, *, tls: ssl.SSLContext, timeout_seconds: float) -> Certificate:
    """Return the certificate that the server shows and `tls` accepts.

    Raises:
        ProbeError: there is none, or it is not accepted.
    """
    place = (address.host, address.port)
    try:
        with (
            socket.create_connection(place, timeout=timeout_seconds) as plain,
            tls.wrap_socket(plain, server_hostname=address.host) as secured,
        ):
            shown = secured.getpeercert() or {}
            protocol = secured.version() or "TLS"
    except ssl.SSLCertVerificationError as error:
        raise ProbeError(f"the certificate is not accepted: {error.verify_message}") from error
    except OSError as error:
        raise ProbeError(f"no TLS with {address.host}:{address.port} ({_reason(error)})") from error
    names = tuple(str(name[1]) for name in shown.get("subjectAltName", ()))
    return Certificate(
        names=names,
        issuer=_organization(shown.get("issuer", ())),
        expires_us=int(ssl.cert_time_to_seconds(str(shown["notAfter"])) * MICROSECONDS),
        protocol=protocol,
    )


async def read_config(url: str, *, tls: ssl.SSLContext, timeout_seconds: float) -> ConfigAnswer | Failure:
    """Ask the config endpoint, which needs no token and changes nothing."""
    transport = Transport(
        url,
        headers={"Accept": "application/json", "User-Agent": f"etl/{__version__}"},
        tls=tls,
        timeout_seconds=timeout_seconds,
        method="GET",
        answer_limit_bytes=_ANSWER_LIMIT_BYTES,
    )
    try:
        answer = await transport.exchange(b"")
    finally:
        await transport.close()
    return answer if isinstance(answer, Failure) else _config(answer)


def _config(answer: RawAnswer) -> ConfigAnswer:
    return ConfigAnswer(
        status=answer.status,
        is_json=answer.body.lstrip()[:1] == b"{",
        location=answer.headers.get("location"),
        date_us=_date_us(answer.headers.get("date")),
    )


def _date_us(value: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(value or "").timestamp()) * MICROSECONDS
    except (ValueError, TypeError, OverflowError):
        return None


def _organization(names: object) -> str:
    """Return who issued a certificate: the organization, else whatever name there is."""
    pairs = [pair for group in names for pair in group] if isinstance(names, tuple) else []
    found = {str(name): str(value) for name, value in pairs}
    return found.get("organizationName") or found.get("commonName") or "an unknown authority"


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or type(error).__name__
