"""What the first rows of an export show of each column. Pure: cells in, observations out."""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Final, Literal

_ISO: Final = re.compile(
    r"\d{4}-[01]\d-[0-3]\d[T ][0-2]\d:[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
    r" ?(?P<offset>[Zz]|[+-]\d\d(?::?\d\d)?|UTC)?",
)
_EPOCHS: Final = {10: "epoch_s", 13: "epoch_ms", 16: "epoch_us", 19: "epoch_ns"}
"""Digits of a time between 2001 and 2286 in each unit."""
_EPOCH: Final = re.compile(r"[1-9]\d{9}(?:\.\d+)?|[1-9]\d{12}|[1-9]\d{15}|[1-9]\d{18}")
_HTML: Final = re.compile(
    r"</?(?:p|br|div|span|a|ul|ol|li|b|i|strong|em|table|blockquote)(?:\s[^<>]*)?/?>", re.IGNORECASE
)
_DATES: Final = ("%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%m.%d.%Y", "%Y/%m/%d")
_CLOCKS: Final = ("%H:%M:%S", "%H:%M", "%H.%M.%S", "%H.%M", "%I:%M:%S %p", "%I:%M %p")
_PATTERNS: Final = (
    "%a %b %d %H:%M:%S %z %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d %b %Y %H:%M:%S",
    "%b %d, %Y %H:%M:%S",
    *(f"{date}{gap}{clock}" for date, gap, clock in product(_DATES, (" ", ", "), _CLOCKS)),
    *(f"{date} {clock} %z" for date, clock in product(_DATES, ("%H:%M:%S", "%H:%M"))),
)
_MOST: Final = 0.9
"""The share of cells that must be times of one format for the column to hold times."""
_PATTERN_CELLS: Final = 200
_TEXT_CELLS: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How a column's times are written."""

    formats: tuple[str, ...]
    """The format; two where day and month can't be told apart; none where the file's own type says it."""
    offsets: dict[str, int]
    """How many cells have which offset; `none` for those without."""
    others: int = 0
    """Cells that are written in another way."""

    @property
    def naive(self) -> int:
        """Return how many cells have no offset."""
        return self.offsets.get("none", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The first cells of one column, in row order; `typed` is what a Parquet file says of it."""

    name: str
    cells: tuple[str | None, ...] = field(repr=False)
    typed: Literal["text", "instant", "naive-instant", "nested"] = "text"

    @property
    def filled(self) -> tuple[str, ...]:
        """Return the cells that are not blank."""
        return tuple(cell for cell in self.cells if cell is not None and cell.strip())

    def distinct(self) -> int:
        """Return how many different values there are."""
        return len(set(self.filled))

    def times(self) -> Times | None:
        """Return how the column's times are written; None if it holds none."""
        cells = self.filled
        if self.typed == "instant":
            return Times(formats=(), offsets={"UTC": len(cells)})
        if self.typed == "naive-instant":
            return Times(formats=(), offsets={"none": len(cells)})
        if self.typed == "nested" or not cells:
            return None
        return _iso(cells) or _epoch(cells) or _pattern(cells)

    def characters(self) -> float:
        """Return the average length of what is there."""
        cells = self.filled[:_TEXT_CELLS]
        return sum(map(len, cells)) / len(cells) if cells else 0.0

    def wordy(self) -> bool:
        """Return whether the column reads like messages: mostly several words, mostly different."""
        cells = self.filled[:_TEXT_CELLS]
        spaced = sum(1 for cell in cells if " " in cell.strip())
        return bool(cells) and spaced > len(cells) / 2 and len(set(cells)) > len(cells) / 2

    def html_share(self) -> float:
        """Return the share of cells with HTML tags."""
        cells = self.filled[:_TEXT_CELLS]
        return sum(1 for cell in cells if _HTML.search(cell)) / len(cells) if cells else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was looked at: the first rows, and for columns of few values their counts over more rows."""

    looks: dict[str, Look]
    rows: int
    """Rows of `looks`."""
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    counted: int = 0
    """Rows of `counts`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Return the columns, in the file's order."""
        return tuple(self.looks)


def _iso(cells: tuple[str, ...]) -> Times | None:
    found = [match for cell in cells if (match := _ISO.fullmatch(cell.strip()))]
    if len(found) < _MOST * len(cells):
        return None
    offsets = Counter(match["offset"] or "none" for match in found)
    return Times(formats=("iso8601",), offsets=dict(offsets.most_common()), others=len(cells) - len(found))


def _epoch(cells: tuple[str, ...]) -> Times | None:
    digits = [cell.strip().partition(".")[0] for cell in cells if _EPOCH.fullmatch(cell.strip())]
    lengths = Counter(map(len, digits))
    if not lengths:
        return None
    length, count = lengths.most_common(1)[0]
    if count < _MOST * len(cells):
        return None
    return Times(formats=(_EPOCHS[length],), offsets={"UTC": count}, others=len(cells) - count)


def _pattern(cells: tuple[str, ...]) -> Times | None:
    likely = [pattern for pattern in _PATTERNS if _fitting(cells[:_PATTERN_CELLS], pattern)]
    fits = {pattern: count for pattern in likely if (count := _fitting(cells, pattern))}
    most = max(fits.values(), default=0)
    if most < _MOST * len(cells):
        return None
    formats = tuple(pattern for pattern, count in fits.items() if count == most)
    offset = "written out" if formats[0].find("%z") >= 0 else "none"
    return Times(formats=formats, offsets={offset: most}, others=len(cells) - most)


def _fitting(cells: tuple[str, ...], pattern: str) -> int:
    """Return how many cells a pattern reads; it gives up where too few can fit."""
    misses = 0
    for cell in cells:
        try:
            datetime.strptime(cell.strip(), pattern)  # noqa: DTZ007  only whether it fits
        except ValueError:
            misses += 1
            if misses > (1 - _MOST) * len(cells):
                return 0
    return len(cells) - misses
