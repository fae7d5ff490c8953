"""What a file is, by its first bytes and never by its name."""

import bz2
import codecs
import zlib
from enum import StrEnum
from typing import Final

import pyarrow as pa

_PEEK: Final = 4_096
_BLANK: Final = b" \t\r\n"
_MARKS: Final = (
    codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE,
)  # fmt: skip
_FOREIGN: Final = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook (.xlsx)", "unpack it, or save the sheet as CSV"),
    (b"PK\x05\x06", "an empty zip archive", "export it again"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "save the sheet as CSV (UTF-8)"),
)


class Format(StrEnum):
    """What a file's (unpacked) first bytes say; whatever is nothing else is taken for CSV."""

    CSV = "csv"
    PARQUET = "parquet"
    JSONL = "jsonl"
    JSON_ARRAY = "json array"
    """One JSON document, not lines: it can't be read."""


class Compression(StrEnum):
    """How a file is packed."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"
    BZIP2 = "bzip2"


MAGIC: Final = {
    Compression.GZIP: b"\x1f\x8b",
    Compression.ZSTD: b"\x28\xb5\x2f\xfd",
    Compression.BZIP2: b"BZh",
}
"""How a packed file begins."""


def compression_of(head: bytes) -> Compression:
    """Return how the file that begins with `head` is packed."""
    return next((kind for kind, magic in MAGIC.items() if head.startswith(magic)), Compression.NONE)


def format_of(head: bytes, compression: Compression) -> Format:
    """Return what stands in the file that begins with `head`; damage behind it is found by reading."""
    plain = _unpacked(head, compression)
    if plain.startswith(b"PAR1"):
        return Format.PARQUET
    mark = next((mark for mark in _MARKS if plain.startswith(mark)), b"")
    # Without its NULs UTF-16 and UTF-32 show the same ASCII.
    shown = plain[len(mark) :].replace(b"\0", b"").lstrip(_BLANK)
    if shown.startswith(b"{"):
        return Format.JSONL
    # `[id],[text]` is a CSV header as some databases write it.
    array = shown.startswith(b"[") and shown[1:].lstrip(_BLANK)[:1] in {b"{", b"[", b"]", b""}
    return Format.JSON_ARRAY if array else Format.CSV


def foreign(head: bytes) -> tuple[str, str] | None:
    """Return what it is and what to do when `head` begins a file that can't be read at all."""
    return next(((kind, remedy) for magic, kind, remedy in _FOREIGN if head.startswith(magic)), None)


def is_nothing(data: bytes) -> bool:
    """Return whether a file of these bytes has no content."""
    return not data or data in _MARKS


def _unpacked(head: bytes, compression: Compression) -> bytes:
    try:
        match compression:
            case Compression.NONE:
                return head[:_PEEK]
            case Compression.GZIP:
                return zlib.decompressobj(wbits=31).decompress(head, _PEEK)
            case Compression.BZIP2:
                return bz2.BZ2Decompressor().decompress(head, _PEEK)
            case Compression.ZSTD:
                with pa.CompressedInputStream(pa.BufferReader(head), "zstd") as stream:
                    return bytes(stream.read(_PEEK))
    except (zlib.error, OSError, EOFError, pa.ArrowException):
        return b""  # reading the file says what is wrong
