"""Bytes of a declared encoding -> UTF-8, strictly, with an error that says where and what it looks like."""

import codecs
from collections.abc import Callable
from typing import Final

import numpy as np
import pyarrow as pa

from etl.errors import InputError

_SAMPLE: Final = 4_096
_LONGEST: Final = 4
"""Bytes of the longest character."""
_CONTINUATION: Final = 0x80
_LEAD: Final = 0xC0
_LEAD_OF_3: Final = 0xE0
_LEAD_OF_4: Final = 0xF0
_PLAUSIBLE: Final = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "mac_roman",
    "shift_jis", "gb18030", "big5", "euc_kr", "utf_16_le", "utf_16_be",
]  # fmt: skip
"""What exports are written in, the commonest first. A few bytes fit many rarer encodings just as well."""


def text_codec(name: str) -> str:
    """Return the codec's own name; `utf-8-sig` is `utf-8`, because marks are removed anyway."""
    try:
        found = codecs.lookup(name)
        "".encode(name)
        codecs.getincrementaldecoder(name)
    except (LookupError, UnicodeError, ValueError) as error:
        raise InputError(
            f"[input] encoding: {name!r} is no text encoding that Python knows",
            hint="for example utf-8, utf-16-le, cp1252, iso-8859-1, shift_jis, gb18030",
        ) from error
    return "utf-8" if found.name in {"utf-8", "utf-8-sig", "ascii"} else found.name


class Decoder:
    """Bytes of one encoding -> UTF-8, strict."""

    def __init__(
        self,
        label: str,
        name: str,
        offset: int,
        ends_passed: Callable[[], tuple[int, int]],
        *,
        declared: bool,
    ) -> None:
        self._label = label
        self._name = name
        self._declared = declared
        self._offset = offset
        self._ends_passed = ends_passed
        self._pending = b""
        self._decoder = codecs.getincrementaldecoder(name)("strict")

    def decode(self, piece: bytes, *, final: bool = False) -> bytes:
        """Return `piece` as UTF-8; a character that it cuts comes with the next one."""
        try:
            out = self._utf8(piece, final=final) if self._name == "utf-8" else self._other(piece, final=final)
        except UnicodeDecodeError as error:
            raise self._undecodable(error) from error
        except UnicodeError as error:
            raise InputError(f"{self._label}: can't be decoded as {self._name}") from error
        self._offset += len(piece)
        return out

    def _utf8(self, piece: bytes, *, final: bool) -> bytes:
        # UTF-8 stays as it is: it is only checked, by Arrow, whose check needs no copy.
        data = self._pending + piece if self._pending else piece
        used = len(data) if final else len(data) - _cut_bytes(data)
        if not _is_utf8(data, used):
            # Raises with the exact place.
            codecs.utf_8_decode(data, "strict", final)
        self._pending = data[used:]
        return data[:used] if self._pending else data

    def _other(self, piece: bytes, *, final: bool) -> bytes:
        self._pending = self._decoder.getstate()[0]
        text = self._decoder.decode(piece, final)
        self._pending = b""
        return text.encode("utf-8")

    def _undecodable(self, error: UnicodeDecodeError) -> InputError:
        data = bytes(error.object)
        start = error.start
        before = data[:start].decode(self._name, "ignore")
        # A file without a single LF has lines that end in CR.
        line_feeds, carriage_returns = self._ends_passed()
        if line_feeds or "\n" in before:
            line = 1 + line_feeds + before.count("\n")
        else:
            line = 1 + carriage_returns + before.count("\r")
        offset = self._offset - len(self._pending) + start
        likely = _likely_encoding(data[max(0, start - _SAMPLE) : start + _SAMPLE], self._name)
        looks = f"; it looks like {likely}" if likely else ""
        how = "" if self._declared else " (its byte order mark says so)"
        return InputError(
            f"{self._label}: line {line}, byte {offset}: not valid {self._name}{how}{looks}",
            hint=(
                f'if the whole file is so, set `[input] encoding = "{likely or "cp1252"}"`; '
                "if only some lines are, export it again"
            ),
        )


def _is_utf8(data: bytes, size: int) -> bool:
    offsets = pa.py_buffer(np.array([0, size], np.int32))
    try:
        pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(data)]).validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _cut_bytes(data: bytes) -> int:
    """Return how many bytes at the end begin a character that is not complete."""
    for back in range(1, min(_LONGEST, len(data) + 1)):
        byte = data[-back]
        if byte >= _LEAD:
            needed = 2 + (byte >= _LEAD_OF_3) + (byte >= _LEAD_OF_4)
            return back if back < needed else 0
        if byte < _CONTINUATION:
            return 0
    return 0


def _likely_encoding(sample: bytes, failed: str) -> str | None:
    # Heavy and only ever needed for a message.
    from charset_normalizer import from_bytes  # noqa: PLC0415  heavy, and only for a message

    # Where two encodings are mixed, sound lines would speak for the wrong one.
    foreign = [line for line in sample.split(b"\n") if not _is_utf8(line, len(line))]
    matches = from_bytes(b"\n".join(foreign) or sample, cp_isolation=_PLAUSIBLE)
    best = matches.best()
    if best is None:
        return None
    # Of those that fit equally well the first by name comes first: ours go by how common they are.
    fitting = {
        name
        for match in matches
        if (match.chaos, match.coherence) == (best.chaos, best.coherence)
        for name in match.could_be_from_charset
    }
    name = next((name for name in _PLAUSIBLE if name in fitting), best.encoding).replace("_", "-")
    return None if name in {"utf-8", "ascii", failed} else name
