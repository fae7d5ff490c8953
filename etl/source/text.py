"""The bytes of a CSV or JSON lines file as UTF-8: unpacked, decoded strictly, counted on the way."""

import codecs
from collections.abc import Iterator
from itertools import chain
from typing import Final, Self

import pyarrow as pa

from etl.errors import InputError
from etl.source.chunk import Chunk
from etl.source.decode import Decoder, text_codec
from etl.source.discover import SourceFile
from etl.source.formats import Compression
from etl.source.unpack import Unpacked, even
from etl.storage.stores import reason

_BOMS: Final = (
    # The UTF-32 marks come first: the little-endian one begins like that of UTF-16.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE: Final = 4_096
_GROWTH: Final = 3
"""One byte of another encoding becomes at most three of UTF-8."""
_SPARE: Final = 8
"""What a chunk may grow by: the rest of a cut character and a CR held back."""
_NUL_SHARE: Final = 4
"""A text where every fourth byte is NUL is UTF-16; stray NULs are far rarer."""


class Text:
    """A file's text in chunks of UTF-8, none larger than `chunk_bytes`.

    A byte order mark decides the encoding, else the declared one, strictly. No chunk ends on CR but the
    file's very last: pyarrow loses the LF of a quoted CRLF that falls between two reads (arrow#51368).
    Not for two threads at once.

    Attributes:
        line_feeds: LF that passed, in the decoded text.
        carriage_returns: CR that passed, alone or before LF.
        marked: whether a byte order mark said the encoding; known after the first read.
    """

    def __init__(self, file: SourceFile, *, encoding: str, chunk_bytes: int) -> None:
        self._label = file.label
        self._chunk = chunk_bytes - _SPARE
        self.line_feeds = 0
        self.carriage_returns = 0
        self._encoding = text_codec(encoding)
        self._compression = file.compression
        self.marked = False
        self._closed = True
        try:
            size = file.place.size()
            self._stream = file.place.open()
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{file.label}: can't be opened ({reason(error)})") from error
        if size != file.size:
            self._stream.close()
            raise InputError(
                f"{file.label}: has {size} bytes now and had {file.size} when it was listed",
                hint="something still writes to it; wait until it is complete",
            )
        self._source = Unpacked(file.label, self._stream, file.compression, piece_bytes=self._chunk)
        self._chunks = self._guarded()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @property
    def consumed(self) -> int:
        """Return how many bytes of the file were read so far, on the scale of its (compressed) size."""
        return self._source.consumed

    @property
    def bytes_read(self) -> int:
        """Return how many unpacked bytes have passed."""
        return self._source.passed

    @property
    def open_end(self) -> bool:
        """Return whether the text that passed does not end with a line end."""
        return not self._closed

    @property
    def description(self) -> str:
        """Return encoding and compression for people, as `utf-16 (byte order mark), gzip`."""
        name = self._encoding
        if self.marked:
            name = f"{name.removesuffix('-le').removesuffix('-be')} (byte order mark)"
        return name if self._compression is Compression.NONE else f"{name}, {self._compression}"

    def read(self) -> Chunk:
        """Return the next chunk, empty only at the end.

        Raises:
            InputError: the file can't be read, is damaged, or is not in its encoding.
        """
        chunk = Chunk.of(next(self._chunks, b""))
        self.line_feeds += chunk.line_feeds
        self.carriage_returns += chunk.carriage_returns
        self._closed = chunk.data.endswith(b"\n") if chunk.data else self._closed
        return chunk

    def _guarded(self) -> Iterator[bytes]:
        held = b""
        for chunk in self._decoded():
            whole = held + chunk if held else chunk
            held = b"\r" if whole.endswith(b"\r") else b""
            whole = whole[:-1] if held else whole
            if whole:
                yield whole
        if held:
            yield held

    def _decoded(self) -> Iterator[bytes]:
        pieces = self._source.pieces()
        head = b""
        while len(head) < _SAMPLE and (piece := next(pieces, b"")):
            head += piece
        mark, name = next(
            ((mark, name) for mark, name in _BOMS if head.startswith(mark)), (b"", self._encoding)
        )
        self._encoding, self.marked = name, bool(mark)
        if not mark:
            self._refuse_utf16(head, name)
        decoder = Decoder(self._label, name, len(mark), self._ends_passed, declared=not mark)
        step = self._chunk if name == "utf-8" else self._chunk // _GROWTH
        for piece in even(chain([head[len(mark) :]], pieces), step):
            yield decoder.decode(piece)
        yield decoder.decode(b"", final=True)

    def _ends_passed(self) -> tuple[int, int]:
        return self.line_feeds, self.carriage_returns

    def _refuse_utf16(self, head: bytes, name: str) -> None:
        nuls = head[:_SAMPLE].count(0)
        if name.startswith(("utf-16", "utf-32")) or nuls * _NUL_SHARE < len(head[:_SAMPLE]) or not nuls:
            return
        likely = "utf-16-be" if head[::2].count(0) > head[1::2].count(0) else "utf-16-le"
        raise InputError(
            f"{self._label}: every second byte is NUL: it is probably {likely} without a byte order mark",
            hint=f'set `[input] encoding = "{likely}"`',
        )
