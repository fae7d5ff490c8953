"""What separates the fields of a CSV file: the job says so, the file's `sep=` line, or its header line."""

import re
from collections import Counter
from typing import Final

import numpy as np

from etl.config.reading import Input
from etl.errors import InputError, UsageError
from etl.source.chunk import CR, LF
from etl.source.window import Window

_CANDIDATES: Final = {b",": "a comma", b";": "a semicolon", b"\t": "a tab", b"|": "a pipe"}
_SEP_BYTES: Final = 16
_SEP_LINE: Final = re.compile(rb'"?sep=([\x20-\x7e\t])"?(?:\r\n|\n|\r|\Z)', re.IGNORECASE)


def settle(window: Window, settings: Input, label: str) -> Input:
    """Return the settings with a delimiter in place of `auto`; the window stands at the header.

    The lines to skip and a `sep=` line, which overrules the job, are passed.

    Raises:
        InputError: two delimiters fit the header equally well.
        UsageError: delimiter and quote are the same.
    """
    _skip(window, settings.skip_lines)
    delimiter = _sep_line(window) or settings.delimiter
    if delimiter == "auto":
        delimiter = _sniffed(window, settings, label)
    if delimiter == settings.quote:
        raise UsageError("[input] delimiter and quote are the same character", hint="change one of them")
    return settings.model_copy(update={"delimiter": delimiter})


def named(delimiter: str) -> str:
    """Return a delimiter so that it can be seen."""
    return {"\t": "tab", " ": "space"}.get(delimiter, delimiter)


def _skip(window: Window, lines: int) -> None:
    """Pass over whole lines, whatever quotes stand on them."""
    while lines and (chunk := window.take()):
        mark = LF if LF in chunk else CR
        ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord(mark))
        passed = min(lines, len(ends))
        lines -= passed
        cut = int(ends[passed - 1]) + 1 if passed and not lines else len(chunk)
        window.give_back(chunk[cut:], window.line + chunk[:cut].count(window.mark))


def _sep_line(window: Window) -> str | None:
    head = _head(window, _SEP_BYTES)
    found = _SEP_LINE.match(head)
    if not found:
        return None
    _skip(window, 1)
    return found[1].decode()


def _sniffed(window: Window, settings: Input, label: str) -> str:
    """Return the candidate that stands most often outside quotes in the header."""
    token = _token(settings.quote.encode())
    size, complete = 1, False
    counts = None
    while counts is None and not complete and size <= settings.max_record_bytes:
        head = _head(window, size)
        complete = len(head) < size
        counts = _count(head, token, settings.quote.encode(), complete=complete)
        size = len(head) + 1
    # A header that does not end is for the reader to explain; a single column for whom it fails.
    (best, most), *others = (counts or Counter({b",": 1})).most_common(2)
    if others and others[0][1] == most:
        names = f"{_CANDIDATES[best]} and {_CANDIDATES[others[0][0]]}"
        raise InputError(
            f"{label}: {names} stand equally often in the header, so the delimiter can't be told",
            hint="set `[input] delimiter`",
        )
    return best.decode()


def _token(quote: bytes) -> re.Pattern[bytes]:
    mark = re.escape(quote)
    ends = re.escape(b"".join(candidate for candidate in _CANDIDATES if candidate != quote)) + rb"\r\n"
    return re.compile(
        rb"(%b[^%b]*+(?:%b%b[^%b]*+)*+%b)?[^%b]*+([%b]|\Z)" % (mark, mark, mark, mark, mark, mark, ends, ends)
    )


def _count(head: bytes, token: re.Pattern[bytes], quote: bytes, *, complete: bool) -> Counter[bytes] | None:
    """Return how often each candidate separates fields of the first record; None when it has no end here."""
    counts: Counter[bytes] = Counter()
    place = len(head) - len(head.lstrip(b"\r\n"))
    while found := token.match(head, place):
        quoted, ending = found.groups()
        if quoted is None and head.startswith(quote, place):
            return None
        if ending in {LF, CR} or (not ending and complete):
            return counts
        if not ending:
            return None
        counts[ending] += 1
        place = found.end()
    return None


def _head(window: Window, size: int) -> bytes:
    """Return what is in memory, after reading on until it has `size` bytes; shorter only at the end."""
    parts = [chunk.data for chunk in window.retained()]
    while sum(map(len, parts)) < size and (more := window.extend()):
        parts.append(more.data)
    return b"".join(parts)
