"""The bytes of a file, gzip unpacked: every member, checked to its last byte."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from etl.errors import InputError

_GZIP: Final = b"\x1f\x8b"


class Unpacked:
    """A file's unpacked bytes.

    Attributes:
        consumed: bytes of the file that were read so far.
        passed: unpacked bytes that were handed out.
    """

    def __init__(self, label: str, stream: BinaryIO, *, piece_bytes: int) -> None:
        self._label = label
        self._stream = stream
        self._piece = piece_bytes
        self.consumed = 0
        self.passed = 0

    def pieces(self) -> Iterator[bytes]:
        """Yield pieces of exactly `piece_bytes` but the last.

        Raises:
            InputError: the file can't be read, or the gzip data is damaged.
        """
        raw = self._raw()
        first = next(raw, b"")
        unpacked = self._gunzip(first, raw) if first.startswith(_GZIP) else chain(first, raw)
        for piece in even(unpacked, self._piece):
            self.passed += len(piece)
            yield piece

    def _gunzip(self, data: bytes, raw: Iterator[bytes]) -> Iterator[bytes]:
        """Unpack every member; what follows the last one may only be zero bytes."""
        while data:
            member = zlib.decompressobj(wbits=31)
            while not member.eof:
                data = data or next(raw, b"")
                yield self._inflate(member, data)
                data = member.unconsumed_tail
            data = self._next_member(member.unused_data, raw)

    def _inflate(self, member: "zlib._Decompress", data: bytes) -> bytes:
        if not data:
            raise self._damaged("it ends in the middle", 0)
        before = member.copy()
        try:
            return member.decompress(data, self._piece)
        except zlib.error as error:
            # zlib's own words carry no data: "incorrect data check" is the CRC.
            why = str(error).rpartition(": ")[2]
            raise self._damaged(why, len(data) - _sound_bytes(before, data)) from error

    def _next_member(self, data: bytes, raw: Iterator[bytes]) -> bytes:
        data = data.lstrip(b"\0")
        while len(data) < len(_GZIP) and (more := next(raw, b"")):
            data = (data + more).lstrip(b"\0")
        if data and not data.startswith(_GZIP):
            raise self._damaged("something that is not gzip follows it", len(data))
        return data

    def _damaged(self, why: str, unread: int) -> InputError:
        return InputError(
            f"{self._label}: the gzip file is damaged at byte {self.consumed - unread}: {why}",
            hint="copy or export it again; nothing of it was taken",
        )

    def _raw(self) -> Iterator[bytes]:
        try:
            while piece := self._stream.read(self._piece):
                self.consumed += len(piece)
                yield piece
        except OSError as error:
            raise InputError(
                f"{self._label}: reading failed after {self.consumed} bytes ({error.strerror})"
            ) from error


def _sound_bytes(member: "zlib._Decompress", data: bytes) -> int:
    """Return how many bytes of `data` unpack before the one at which the damage shows."""
    for position in range(len(data)):
        try:
            member.decompress(data[position : position + 1])
        except zlib.error:
            return position
    return len(data)


def even(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    """Yield the same bytes in pieces of `size`: a short one makes pyarrow give up on its neighbours."""
    held = b""
    for piece in pieces:
        held = held + piece if held else piece
        while len(held) >= size:
            yield held[:size]
            held = held[size:]
    if held:
        yield held


def chain(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield `first`, if there is anything in it, and then `pieces`."""
    if first:
        yield first
    yield from pieces
