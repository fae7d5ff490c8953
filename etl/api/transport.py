"""One exchange over httpx: complete answer, or a failure that says whether a byte may have left.

httpcore announces each step of a request to its `trace` extension; `send_request_headers.started` is
the last moment at which surely nothing was written. Every message has a connection of its own: a reused
one can hand over an earlier request's second answer, and its closing races with the next write
(measured for this project). It stands on httpx's transport rather than its client: that one would keep
cookies, follow redirects and read proxies from the environment.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

import httpx

from etl.errors import UsageError
from etl.model.exchange import Failure, Phase

ANSWER_LIMIT_BYTES: Final = 1_048_576

_FIRST_BYTE: Final = frozenset({"http11.send_request_headers.started", "http2.send_connection_init.started"})

_CONNECTED: Final = "connection.connect_tcp.complete"

KINDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (httpx.ConnectTimeout, "connect_timeout"),
    (httpx.ReadTimeout, "timeout"),
    (httpx.WriteTimeout, "timeout"),
    (httpx.PoolTimeout, "pool_timeout"),
    (httpx.ConnectError, "connect_failed"),
    (httpx.ReadError, "reset"),
    (httpx.WriteError, "reset"),
    (httpx.CloseError, "reset"),
    (httpx.RemoteProtocolError, "protocol_error"),
    (httpx.LocalProtocolError, "request_invalid"),
    (httpx.ProxyError, "proxy_error"),
    (httpx.UnsupportedProtocol, "unsupported_protocol"),
    (httpx.InvalidURL, "request_invalid"),
    (httpx.RequestNotRead, "request_invalid"),
    (httpx.DecodingError, "answer_encoded"),
    (httpx.TooManyRedirects, "redirected"),
    (httpx.HTTPStatusError, "transport_error"),
    (httpx.CookieConflict, "transport_error"),
    (httpx.StreamConsumed, "transport_error"),
    (httpx.StreamClosed, "transport_error"),
    (httpx.ResponseNotRead, "transport_error"),
)
"""Every concrete exception of httpx and its short name; a test fails when a version adds one."""


class RawAnswer(NamedTuple):
    """A complete answer, unread; a tuple, since one is made for every message."""

    status: int
    headers: dict[str, str]
    """Lower-case names; of repeated ones the last."""
    body: bytes

    def __repr__(self) -> str:
        """Return its status alone: the rest may quote a message."""
        return f"RawAnswer(status={self.status})"


class Exchanger(Protocol):
    """Sends bodies to one address, each once."""

    async def prepare(self) -> None:
        """Have ready what the next exchange needs; nothing but a cancellation escapes."""

    async def exchange(self, body: bytes) -> RawAnswer | Failure:
        """Return what came of it; nothing but a cancellation escapes."""

    async def close(self) -> None:
        """Release what it holds."""


class Transport:
    """Sends single requests to one address. One for each lane that is served at a time.

    Raises:
        UsageError: the address or the headers can't become a request.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: dict[str, str],
        tls: ssl.SSLContext,
        timeout_seconds: float,
        method: str = "POST",
        answer_limit_bytes: int = ANSWER_LIMIT_BYTES,
    ) -> None:
        self._url = parse_address(url)
        try:
            self._headers = httpx.Headers({**headers, "Accept-Encoding": "identity", "Connection": "close"})
        except UnicodeEncodeError:
            raise UsageError(
                "a header of the request is not ASCII",
                hint="look for odd characters in target.auth_scheme and the token",
            ) from None
        self._timeout_seconds = timeout_seconds
        self._method = method
        self._answer_limit_bytes = answer_limit_bytes
        # No timeouts per read or write: one deadline for the whole exchange stands around it.
        self._http = httpx.AsyncHTTPTransport(
            verify=tls,
            trust_env=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=0),
        )

    async def prepare(self) -> None:
        """Do nothing: httpx connects as it sends."""

    async def close(self) -> None:
        """Release the connection."""
        await self._http.aclose()

    async def exchange(self, body: bytes) -> RawAnswer | Failure:
        """Send one request once; whatever network and server do, nothing but a cancellation escapes."""
        left = False
        streams = []

        async def trace(event: str, told: dict[str, Any]) -> None:
            nonlocal left
            left = left or event in _FIRST_BYTE
            if event == _CONNECTED:
                streams.append(told["return_value"])

        request = httpx.Request(
            self._method,
            self._url,
            content=body,
            headers=self._headers,
            extensions={"trace": trace},
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._read(request)
        except TimeoutError:
            return Failure(phase=_phase(left=left), kind="timeout" if left else "connect_timeout")
        except Exception as error:  # noqa: BLE001  below httpx, a TLS alert escapes as ssl.SSLError or anyio's own
            return _failure(error, left=left)
        finally:
            # httpcore forgets the socket when the deadline cancels a TLS handshake; closing twice is allowed.
            for stream in streams:
                await stream.aclose()

    async def _read(self, request: httpx.Request) -> RawAnswer | Failure:
        response = await self._http.handle_async_request(request)
        try:
            if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
                return Failure(phase=Phase.SENT, kind="answer_encoded")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > self._answer_limit_bytes:
                    return Failure(phase=Phase.SENT, kind="answer_too_large")
        finally:
            await response.aclose()
        return RawAnswer(
            status=response.status_code,
            headers=dict(response.headers.multi_items()),
            body=bytes(body),
        )


def parse_address(url: str) -> httpx.URL:
    """Return an address of httpx.

    Raises:
        UsageError: it can't be one.
    """
    try:
        return httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"target.base_url and path make no address: {error}") from error


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies; there is no way to switch verification off.

    Raises:
        UsageError: the file of extra authorities can't be used.
    """
    context = ssl.create_default_context()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"target.ca_file {ca_file} can't be used: {type(error).__name__}") from error
    return context


def _phase(*, left: bool) -> Phase:
    return Phase.SENT if left else Phase.CONNECT


def _failure(error: Exception, *, left: bool) -> Failure:
    if not left and _is_certificate_error(error):
        return Failure(phase=Phase.CERTIFICATE, kind="certificate")
    kind = next((name for known, name in KINDS if isinstance(error, known)), "transport_error")
    return Failure(phase=_phase(left=left), kind=kind)


def _is_certificate_error(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
