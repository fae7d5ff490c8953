"""The bytes of a file, unpacked: every member, frame or stream of it, checked to its last byte."""

import bz2
import zlib
from collections.abc import Iterator
from typing import BinaryIO, assert_never

import pyarrow as pa

from etl.errors import InputError
from etl.source.formats import MAGIC, Compression
from etl.storage.stores import reason

_GZIP = MAGIC[Compression.GZIP]
_BZIP2 = MAGIC[Compression.BZIP2]


class Unpacked:
    """A file's unpacked bytes.

    Attributes:
        consumed: bytes of the file that were read so far.
        passed: unpacked bytes that were handed out.
    """

    def __init__(self, label: str, stream: BinaryIO, compression: Compression, *, piece_bytes: int) -> None:
        self._label = label
        self._stream = stream
        self._compression = compression
        self._piece = piece_bytes
        self.consumed = 0
        self.passed = 0

    def pieces(self) -> Iterator[bytes]:
        """Yield pieces of exactly `piece_bytes` but the last.

        Raises:
            InputError: the file can't be read, or the packed data is damaged.
        """
        for piece in even(self._unpacked(), self._piece):
            self.passed += len(piece)
            yield piece

    def _unpacked(self) -> Iterator[bytes]:
        raw = self._raw()
        match self._compression:
            case Compression.NONE:
                return raw
            case Compression.GZIP:
                return self._gunzip(raw)
            case Compression.BZIP2:
                return self._bunzip2(raw)
            case Compression.ZSTD:
                return self._unzstd(raw)
            case _:
                assert_never(self._compression)

    def _gunzip(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        """Unpack every member; what follows the last one may only be zero bytes."""
        data = next(raw, b"")
        while data:
            member = zlib.decompressobj(wbits=31)
            while not member.eof:
                data = data or next(raw, b"")
                yield self._inflate(member, data)
                data = member.unconsumed_tail
            data = self._next_member(member.unused_data, raw, _GZIP)

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

    def _next_member(self, data: bytes, raw: Iterator[bytes], magic: bytes) -> bytes:
        data = data.lstrip(b"\0")
        while len(data) < len(magic) and (more := next(raw, b"")):
            data = (data + more).lstrip(b"\0")
        if data and not data.startswith(magic):
            raise self._damaged(f"something that is not {self._compression} follows it", len(data))
        return data

    def _bunzip2(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        """Unpack every stream; what follows the last one may only be zero bytes."""
        data = next(raw, b"")
        while data:
            stream = bz2.BZ2Decompressor()
            while not stream.eof:
                if stream.needs_input and not (data := data or next(raw, b"")):
                    raise self._damaged("it ends in the middle", 0)
                try:
                    yield stream.decompress(data, self._piece)
                except (OSError, ValueError) as error:
                    raise self._damaged("invalid data in the block before", 0) from error
                data = b""
            data = self._next_member(stream.unused_data, raw, _BZIP2)

    def _unzstd(self, raw: Iterator[bytes]) -> Iterator[bytes]:
        """Unpack every frame; nothing else may follow the last one."""
        source = _Source(raw)
        stream = pa.CompressedInputStream(pa.PythonFile(source, "r"), "zstd")
        try:
            while piece := stream.read(self._piece):
                yield piece
        except OSError as error:
            if source.error is not None:
                raise source.error from error
            ended = "truncated" in str(error).lower()
            why = "it ends in the middle" if ended else "invalid data, or something that is not zstd follows"
            raise self._damaged(why, source.unread) from error

    def _damaged(self, why: str, unread: int) -> InputError:
        return InputError(
            f"{self._label}: the {self._compression} file is damaged at byte {self.consumed - unread}: {why}",
            hint="copy or export it again; nothing of it was taken",
        )

    def _raw(self) -> Iterator[bytes]:
        try:
            while piece := self._stream.read(self._piece):
                self.consumed += len(piece)
                yield piece
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                f"{self._label}: reading failed after {self.consumed} bytes ({reason(error)})"
            ) from error


class _Source:
    """Packed bytes as the file that pyarrow reads.

    Attributes:
        unread: bytes that were read of the file and not handed over yet.
        error: what reading raised; kept, because pyarrow turns it into its own.
    """

    closed = False

    def __init__(self, raw: Iterator[bytes]) -> None:
        self._raw = raw
        self._data = b""
        self.error: InputError | None = None

    @property
    def unread(self) -> int:
        return len(self._data)

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, empty at the end."""
        try:
            self._data = self._data or next(self._raw, b"")
        except InputError as error:
            self.error = error
            raise
        piece, self._data = self._data[:size], self._data[size:]
        return piece

    def close(self) -> None:
        """Leave the file to its owner; pyarrow calls it."""


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
