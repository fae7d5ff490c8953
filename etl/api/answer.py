"""The bytes of one answer in, what they say out: strict HTTP/1.1, and no I/O.

llhttp refuses by itself both lengths at once, repeated or unreadable lengths, folded or malformed header
lines, bare line feeds and bad chunks. What it lets pass is refused here: other versions, other transfer
codings, encoded content, and sizes beyond the bounds.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import httptools

from etl.api.transport import RawAnswer
from etl.model.exchange import Failure, Phase

HEAD_LIMIT_BYTES: Final = 65_536
"""Of status lines and header lines of one answer, interim answers and trailers included."""

_INTERIM: Final = range(100, 200)
_SWITCHING_PROTOCOLS: Final = 101
_NO_ANSWERS: Final = frozenset({_SWITCHING_PROTOCOLS, *range(100)})
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_WITHOUT_BODY: Final = frozenset({204, 304})
_LAST_CHUNK: Final = b"0\r\n\r\n"


@lru_cache(maxsize=256)
def _lower(name: bytes) -> str:
    """Return a header's name; a server's answers all have the same few."""
    return name.lower().decode("latin-1")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KnownHead:
    """The head of an answer that was read: one that begins with the same bytes is framed the same."""

    data: bytes
    status: int
    headers: dict[str, str]
    body_bytes: int

    def read(self, data: bytes) -> RawAnswer | None:
        """Return the answer that `data` is, if it is a whole one with this head and nothing after it."""
        head_bytes = len(self.data)
        if len(data) != head_bytes + self.body_bytes or not data.startswith(self.data):
            return None
        return RawAnswer(self.status, self.headers, data[head_bytes:])


class _RefusedError(Exception):
    """Stops the parser; the answer's fault says why."""


class AnswerReader:
    """Reads the answer to one request.

    `feed` and `end` return the outcome as soon as it is decided: a complete answer, or a failure in the
    phase `SENT`. Its `on_*` methods are llhttp's callbacks.

    Attributes:
        overrun: whether more came after the complete answer, as a second one.
    """

    __slots__ = (
        "_chunked",
        "_complete",
        "_ends_in_order",
        "_fault",
        "_head_bytes",
        "_headers",
        "_interim",
        "_keep_alive",
        "_limit_bytes",
        "_pairs",
        "_parser",
        "_pieces",
        "_received_bytes",
        "_size_bytes",
        "_status",
        "_until_close",
        "overrun",
    )

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._parser = httptools.HttpResponseParser(self)
        self._pairs: list[tuple[bytes, bytes]] = []
        self._headers: dict[str, str] | None = None
        self._pieces: list[bytes] = []
        self._status = 0
        self._received_bytes = 0
        self._head_bytes = 0
        self._size_bytes = 0
        self._fault = "protocol_error"
        self._interim = False
        self._chunked = False
        self._until_close = False
        self._complete = False
        self._keep_alive = False
        self._ends_in_order = True
        self.overrun = False

    def feed(self, data: bytes) -> RawAnswer | Failure | None:
        """Return the outcome once `data` decides it; not to be called again after that."""
        self._received_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # What follows a complete answer spoils the connection, not the answer.
            if not self._complete:
                return Failure(phase=Phase.SENT, kind=self._fault)
            self.overrun = True
        if self._complete:
            self._ends_in_order = self._ends_in_order and self._ends_with_the_answer(data)
            return self._answer()
        if self._headers is None and self._received_bytes > HEAD_LIMIT_BYTES:
            return Failure(phase=Phase.SENT, kind="protocol_error")
        if self._received_bytes > self._limit_bytes + HEAD_LIMIT_BYTES:
            return Failure(phase=Phase.SENT, kind="answer_too_large")
        return None

    def known(self, data: bytes) -> KnownHead | None:
        """Return the head of an answer that came whole, as `data`, with its length told; else None."""
        if not self.reusable or self._chunked or self._received_bytes != len(data):
            return None
        return KnownHead(
            data=data[: -self._size_bytes],
            status=self._status,
            headers=self._headers or {},
            body_bytes=self._size_bytes,
        )

    def end(self) -> RawAnswer | Failure:
        """Return the outcome when the server has closed; only without a length is that an end.

        A TLS connection that is cut without its closing alert looks the same here; a cut JSON object is none.
        """
        if self._until_close:
            return self._answer()
        return Failure(phase=Phase.SENT, kind="protocol_error")

    def release(self) -> None:
        """Let go of the parser: it refers back to its reader, so that only the collector would find both."""
        del self._parser

    @property
    def reusable(self) -> bool:
        """Whether the answer ended by its own framing, nothing came after it, and the server stays."""
        return self._complete and self._keep_alive and self._ends_in_order and not self.overrun

    @property
    def begun(self) -> bool:
        """Whether any byte of an answer has come."""
        return self._received_bytes > 0

    def on_message_begin(self) -> None:
        """Notice a second answer."""
        if self._complete:
            raise _RefusedError

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header line, or a trailer, which nobody reads."""
        if self._headers is None:
            self._pairs.append((name, value))

    def on_headers_complete(self) -> None:
        """Decide from status and headers how the body is framed, and whether it may come at all."""
        self._status = status = self._parser.get_status_code()
        if status in _INTERIM and status != _SWITCHING_PROTOCOLS:
            self._interim = True
            self._ends_in_order = False
            self._count_head()
            self._pairs.clear()
            return
        version = self._parser.get_http_version()
        if version not in _VERSIONS or status in _NO_ANSWERS:
            raise _RefusedError
        # All that has come is no less than the heads, and seldom as much as they may be.
        if self._received_bytes > HEAD_LIMIT_BYTES:
            self._count_head()
        self._headers = {_lower(name): value.decode("latin-1") for name, value in self._pairs}
        self._frame(version)

    def on_body(self, data: bytes) -> None:
        """Collect a piece of the body."""
        self._size_bytes += len(data)
        if self._size_bytes > self._limit_bytes:
            self._refuse("answer_too_large")
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        """Notice the end of the answer; interim answers are not it."""
        if self._interim:
            self._interim = False
            return
        self._keep_alive = self._parser.should_keep_alive()
        self._complete = True

    def _count_head(self) -> None:
        self._head_bytes += sum(len(name) + len(value) for name, value in self._pairs)
        if self._head_bytes > HEAD_LIMIT_BYTES:
            raise _RefusedError

    def _frame(self, version: str) -> None:
        headers = self._headers or {}
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            self._refuse("answer_encoded")
        coding = headers.get("transfer-encoding")
        self._chunked = coding is not None
        # A second coding, or one in HTTP/1.0, means that two parties may see different ends (RFC 9112, 6.1).
        if self._chunked and (version == "1.0" or self._codings() != [b"chunked"]):
            raise _RefusedError
        length = headers.get("content-length")
        if length is not None and int(length) > self._limit_bytes:
            self._refuse("answer_too_large")
        self._until_close = not self._chunked and length is None and self._status not in _WITHOUT_BODY

    def _codings(self) -> list[bytes]:
        return [value.strip().lower() for name, value in self._pairs if name.lower() == b"transfer-encoding"]

    def _ends_with_the_answer(self, data: bytes) -> bool:
        """Return whether nothing follows, not even the empty lines that llhttp passes over silently."""
        if self._chunked:
            return data.endswith(_LAST_CHUNK)
        return bool(self._pieces) and data.endswith(self._pieces[-1])

    def _answer(self) -> RawAnswer:
        return RawAnswer(status=self._status, headers=self._headers or {}, body=b"".join(self._pieces))

    def _refuse(self, fault: str) -> None:
        self._fault = fault
        raise _RefusedError
