"""One connection of our own transport: a protocol of asyncio with a single future.

No lock, no task, no stream: one write for a request, one future for its outcome. A connection is used
again only in the state in which it was opened: nothing unread, nothing unasked, nothing half done.
"""

import asyncio
import select
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, cast

from etl.api.answer import AnswerReader, KnownHead
from etl.api.connecting import open_socket
from etl.api.transport import RawAnswer
from etl.clock import SYSTEM
from etl.model.exchange import Failure, Phase

IDLE_LIMIT_SECONDS: Final = 0.5
"""A quarter of the shortest idle limit among common servers (gunicorn's 2 s; uvicorn and Apache have 5 s):
writing while the server closes costs an uncertain message, a handshake costs milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Origin:
    """Where a connection leads; compared by identity, since each message looks up its connections by it."""

    host: str
    port: int
    tls: ssl.SSLContext | None


class Connection(asyncio.Protocol):
    """One connection; one exchange at a time.

    Attributes:
        closed: done once the socket is released.
        surprised: whether the server said what nobody asked for, or ended a kept connection under a request.
    """

    __slots__ = (
        "_deadline",
        "_exchanges",
        "_idle_since",
        "_known",
        "_limit_bytes",
        "_loop",
        "_poll",
        "_reader",
        "_tainted",
        "_timed",
        "_timer",
        "_transport",
        "_waiter",
        "closed",
        "surprised",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._limit_bytes = 0
        self._reader: AnswerReader | None = None
        """Of the answer that is coming, unless its head is the known one."""
        self._known: KnownHead | None = None
        """The head of the answer before, as most are: parsing one costs as much as sending."""
        self._waiter: asyncio.Future[RawAnswer | Failure] | None = None
        self._poll = select.poll()
        self._tainted = False
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._timed = 0.0
        self._idle_since = 0.0
        self._exchanges = 0
        self.surprised = False
        self.closed: asyncio.Future[None] = loop.create_future()

    @property
    def pristine(self) -> bool:
        """Whether nothing but requests and their answers has passed, and the other side is there."""
        return not self._tainted and self._transport is not None and not self._transport.is_closing()

    @property
    def fresh(self) -> bool:
        """Whether no request has gone over it yet."""
        return self._exchanges == 0

    def warm(self) -> bool:
        """Return whether it may well carry another request."""
        return self.pristine and SYSTEM.monotonic() - self._idle_since < IDLE_LIMIT_SECONDS

    def fit(self) -> bool:
        """Return whether an idle connection may carry another request now."""
        # What the loop has not read yet counts too: an unasked answer must not go to the next message.
        return self.warm() and not self._poll.poll(0)

    async def exchange(self, request: bytes, *, deadline: float, limit_bytes: int) -> RawAnswer | Failure:
        """Write a request and return what came of it; from the write on every failure is in `SENT`.

        `deadline` is on the monotonic clock. A cancellation ends the connection.
        """
        transport = cast("asyncio.Transport", self._transport)
        self._limit_bytes = limit_bytes
        waiter: asyncio.Future[RawAnswer | Failure] = self._loop.create_future()
        self._waiter = waiter
        self._deadline = deadline
        if self._timer is None or self._timed > deadline:
            self._arm()
        transport.write(request)
        try:
            outcome = await waiter
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            reader, self._reader = self._reader, None
            if reader is not None:
                reader.release()
        if reader is not None or isinstance(outcome, Failure):
            self._look_back(outcome, reader)
        if transport.get_write_buffer_size():
            self.abort()
        self._exchanges += 1
        self._idle_since = SYSTEM.monotonic()
        return outcome

    def abort(self) -> None:
        """End it without ceremony; its socket is released by the loop's next turn."""
        self._tainted = True
        self._disarm()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take over an open connection; for TLS after the handshake."""
        self._idle_since = SYSTEM.monotonic()
        self._transport = cast("asyncio.Transport", transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Read an answer; bytes that nobody asked for end the connection."""
        if self._waiter is None or self._waiter.done():
            self.surprised = True
            self.abort()
            return
        outcome: RawAnswer | Failure | None = None
        if self._reader is None and self._known is not None:
            outcome = self._known.read(data)
        if outcome is None:
            reader = self._reading()
            outcome = reader.feed(data)
            self._known = reader.known(data)
        if outcome is not None:
            self._waiter.set_result(outcome)

    def eof_received(self) -> None:
        """Take an orderly close as the end of an answer that has no other."""
        if self._waiter is not None and not self._waiter.done():
            self._settle(self._reading().end())
        self._tainted = True

    def connection_lost(self, error: Exception | None) -> None:
        """Settle what was under way: a lost connection says nothing of the message."""
        self._tainted = True
        self._disarm()
        orderly = error is None or isinstance(error, ssl.SSLError)
        self._settle(Failure(phase=Phase.SENT, kind="protocol_error" if orderly else "reset"))
        if not self.closed.done():
            self.closed.set_result(None)

    def _look_back(self, outcome: RawAnswer | Failure, reader: AnswerReader | None) -> None:
        """Decide whether another exchange may follow one that the known head did not answer."""
        if reader is None or not reader.reusable:
            self.abort()
        ended = isinstance(outcome, Failure) and outcome.kind != "timeout" and not (reader and reader.begun)
        overrun = reader is not None and reader.overrun
        self.surprised = self.surprised or overrun or (ended and self._exchanges > 0)

    def _reading(self) -> AnswerReader:
        if self._reader is None:
            self._reader = AnswerReader(self._limit_bytes)
        return self._reader

    def _arm(self) -> None:
        # One timer for many exchanges: it looks at the deadline that then counts.
        self._disarm()
        self._timed = self._deadline
        self._timer = self._loop.call_later(self._deadline - SYSTEM.monotonic(), self._overdue)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _overdue(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done():
            return
        if SYSTEM.monotonic() < self._deadline:
            self._arm()
        else:
            self._settle(Failure(phase=Phase.SENT, kind="timeout"))

    def _settle(self, outcome: RawAnswer | Failure) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(outcome)


async def connect(origin: Origin, *, deadline: float) -> Connection | Failure:
    """Return an open connection, or why there is none; no byte of a request has left.

    `deadline` is on the monotonic clock; it covers name, TCP and TLS. A cancellation leaves nothing open.
    """
    loop = asyncio.get_running_loop()
    connection = Connection(loop)
    host, port, tls = origin.host, origin.port, origin.tls
    try:
        async with asyncio.timeout(deadline - SYSTEM.monotonic()):
            if _is_address(host):
                await loop.create_connection(lambda: connection, host, port, ssl=tls)
            else:
                opened = await open_socket(host, port)
                name = None if tls is None else host
                await loop.create_connection(lambda: connection, sock=opened, ssl=tls, server_hostname=name)
    except TimeoutError:
        return Failure(phase=Phase.CONNECT, kind="connect_timeout")
    except ssl.SSLCertVerificationError:
        return Failure(phase=Phase.CERTIFICATE, kind="certificate")
    except Exception:  # noqa: BLE001  a name or port that can't be one raises whatever the resolver likes
        return Failure(phase=Phase.CONNECT, kind="connect_failed")
    # The server may have closed already, or spoken first, which ends a connection too.
    return connection if connection.pristine else Failure(phase=Phase.CONNECT, kind="connect_failed")


def _is_address(host: str) -> bool:
    """Return whether there is nothing to choose from."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
