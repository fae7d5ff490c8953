"""Our own transport: kept connections, one write and one future a message, and the truth about each.

It never sends anything twice by itself: a kept connection that is no longer fit is replaced before the
write, and after the write there is no second try. It follows no redirect, knows no proxy and no cookie.
No client can tell a second answer on its way from the next one, nor a close on its way from none: where a
server surprises once, each further message has a connection of its own.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from typing import Final

import httpx

from etl.api.connection import Connection, Origin, connect
from etl.api.transport import ANSWER_LIMIT_BYTES, RawAnswer, parse_address
from etl.clock import SYSTEM
from etl.errors import UsageError
from etl.model.exchange import Failure, Phase

DELIVERY: Final = "delivery"
"""The extension of a request that says how far it got: a value of `Phase`, or `answered`."""

_PORTS: Final = {"http": 80, "https": 443}
_UNREADABLE: Final = frozenset({"HEAD", "CONNECT"})
"""Methods whose answers are framed unlike all others."""

_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNPRINTABLE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

_ERRORS: Final[dict[str, type[httpx.TransportError]]] = {
    "connect_timeout": httpx.ConnectTimeout,
    "timeout": httpx.ReadTimeout,
    "reset": httpx.ReadError,
}


class OwnTransport(httpx.AsyncBaseTransport):
    """Sends requests to any address; keeps what connections it can.

    As a transport of httpx it puts `delivery` into the request's extensions, whatever comes of it. Its
    one deadline stands for all four of httpx's timeouts; of repeated headers the answer has the last.
    """

    def __init__(
        self,
        *,
        tls: ssl.SSLContext,
        timeout_seconds: float,
        answer_limit_bytes: int = ANSWER_LIMIT_BYTES,
    ) -> None:
        self._tls = tls
        self._timeout_seconds = timeout_seconds
        self._answer_limit_bytes = answer_limit_bytes
        self._origins: dict[tuple[str, int, str], Origin] = {}
        self._idle: dict[Origin, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._surprising: set[Origin] = set()

    def origin(self, url: httpx.URL) -> Origin:
        """Return where requests to `url` go.

        Raises:
            UnsupportedProtocol: of httpx, when it is neither http nor https.
        """
        if url.scheme not in _PORTS or not url.host:
            raise httpx.UnsupportedProtocol("only http and https addresses with a host can be reached")
        port = _PORTS[url.scheme] if url.port is None else url.port
        place = (url.raw_host.decode("ascii"), port, url.scheme)
        if place not in self._origins:
            tls = self._tls if url.scheme == "https" else None
            self._origins[place] = Origin(host=place[0], port=place[1], tls=tls)
        return self._origins[place]

    def kept(self, origin: Origin) -> Connection | None:
        """Return a kept connection for the caller alone that may well be fit, if there is one."""
        return self._take(origin, Connection.warm)

    async def reserve(self, origin: Origin) -> Connection | Failure:
        """Return a new connection for the caller alone, or why there is none."""
        return await self._connect(origin, self._deadline())

    async def send(
        self, origin: Origin, request: bytes, *, reserved: Connection | None = None
    ) -> RawAnswer | Failure:
        """Send one request once, on the reserved connection if it is still fit.

        Nothing but a cancellation escapes.
        """
        deadline = self._deadline()
        connection = reserved
        if connection is None or not self._usable(origin, connection, Connection.fit):
            connection = self._take(origin, Connection.fit)
        if connection is None:
            opened = await self._connect(origin, deadline)
            if isinstance(opened, Failure):
                return opened
            connection = opened
        outcome = await connection.exchange(request, deadline=deadline, limit_bytes=self._answer_limit_bytes)
        self._keep(origin, connection)
        return outcome

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request of httpx and return its whole answer.

        Raises:
            TransportError: of httpx; `delivery` says whether the message may have been taken.
        """
        request.extensions[DELIVERY] = Phase.CONNECT.value
        if request.method in _UNREADABLE:
            raise httpx.UnsupportedProtocol(f"{request.method} is not supported", request=request)
        body = await request.aread()
        headers = request.headers.copy()
        if headers.pop("Transfer-Encoding", None) is not None:
            headers["Content-Length"] = str(len(body))
        head = serialize_head(request.method, request.url, headers)
        outcome = await self.send(self.origin(request.url), head + b"\r\n" + body)
        if isinstance(outcome, Failure):
            request.extensions[DELIVERY] = outcome.phase.value
            raise _error(outcome, request)
        request.extensions[DELIVERY] = "answered"
        return httpx.Response(
            outcome.status,
            headers=outcome.headers,
            stream=httpx.ByteStream(outcome.body),
            request=request,
        )

    async def aclose(self) -> None:
        """Close every connection and wait until their sockets are released."""
        self._idle.clear()
        for connection in self._open:
            connection.abort()
        await asyncio.gather(*(connection.closed for connection in self._open))

    def _deadline(self) -> float:
        return SYSTEM.monotonic() + self._timeout_seconds

    async def _connect(self, origin: Origin, deadline: float) -> Connection | Failure:
        opened = await connect(origin, deadline=deadline)
        if isinstance(opened, Connection):
            self._open.add(opened)
            opened.closed.add_done_callback(lambda _: self._forget(origin, opened))
        return opened

    def _take(self, origin: Origin, fitness: Callable[[Connection], bool]) -> Connection | None:
        """Return the connection used last, if it is still fit: few stay warm, the rest grow too old."""
        idle = self._idle.get(origin, ())
        while idle:
            connection = idle.pop()
            if self._usable(origin, connection, fitness):
                return connection
        return None

    def _usable(self, origin: Origin, connection: Connection, fitness: Callable[[Connection], bool]) -> bool:
        """Return whether a connection may carry a request; end it if not."""
        usable = fitness(connection) and (connection.fresh or origin not in self._surprising)
        if not usable:
            connection.abort()
        return usable

    def _forget(self, origin: Origin, connection: Connection) -> None:
        self._open.discard(connection)
        if connection.surprised:
            self._surprising.add(origin)

    def _keep(self, origin: Origin, connection: Connection) -> None:
        if connection.surprised:
            self._surprising.add(origin)
        if origin in self._surprising:
            connection.abort()
        elif connection.pristine:
            self._idle.setdefault(origin, []).append(connection)


class Endpoint:
    """One address to which bodies are posted; everything but the body is made once.

    Raises:
        UsageError: the address or the headers can't become a request.
    """

    def __init__(self, transport: OwnTransport, url: str, *, headers: dict[str, str]) -> None:
        address = parse_address(url)
        self._transport = transport
        try:
            self._origin = transport.origin(address)
            # As a GET it gets a Host and nothing else of httpx's own.
            fixed = httpx.Request("GET", address, headers={**headers, "Accept-Encoding": "identity"})
            head = serialize_head("POST", address, fixed.headers)
        except (httpx.TransportError, ValueError):
            raise UsageError(
                "the address and headers make no request",
                hint="look for odd characters in target.base_url, path, auth_scheme and the token",
            ) from None
        self._head = head + b"Content-Length: "
        self._reserved: Connection | Failure | None = None

    async def prepare(self) -> None:
        """Have a connection ready for the next exchange, which tells if there is none to be had."""
        if isinstance(self._reserved, Connection) and self._reserved.warm():
            return
        self._reserved = self._transport.kept(self._origin)
        if self._reserved is None:
            self._reserved = await self._transport.reserve(self._origin)

    async def exchange(self, body: bytes) -> RawAnswer | Failure:
        """Post a body once; nothing but a cancellation escapes."""
        reserved, self._reserved = self._reserved, None
        if isinstance(reserved, Failure):
            return reserved
        request = b"%s%d\r\n\r\n%s" % (self._head, len(body), body)
        return await self._transport.send(self._origin, request, reserved=reserved)

    async def close(self) -> None:
        """Do nothing: the connections belong to the transport."""


def serialize_head(method: str, url: httpx.URL, headers: httpx.Headers) -> bytes:
    """Return request line and header lines, all but the empty line that ends them.

    Raises:
        LocalProtocolError: of httpx, when a header would end its line or is no header at all.
    """
    if any(not _NAME.fullmatch(name) or _UNPRINTABLE.search(value) for name, value in headers.raw):
        raise httpx.LocalProtocolError("a header's name or value holds characters that it can't")
    lines = [b"%s %s HTTP/1.1" % (method.encode("ascii"), url.raw_path)]
    lines += [b"%s: %s" % pair for pair in headers.raw]
    return b"\r\n".join([*lines, b""])


def _error(failure: Failure, request: httpx.Request) -> httpx.TransportError:
    """Return httpx's error for a failure; `delivery` tells more than its class."""
    before = failure.phase is not Phase.SENT
    kind = _ERRORS.get(failure.kind, httpx.ConnectError if before else httpx.RemoteProtocolError)
    return kind(f"{failure.kind} ({failure.phase})", request=request)
