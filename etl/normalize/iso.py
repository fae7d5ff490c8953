"""ISO 8601 instants, a column at a time: `2024-05-01T10:00[:00[.123456]]`, with or without an offset.

The shape is checked by one expression; after it every field stands at a known place, counted from the
start or from the end of the cell, so fields are read straight from the column's bytes.
"""

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from etl.normalize.instants import SECOND_US, Micros, Readings
from etl.normalize.octets import octets_of
from etl.normalize.verdict import Mask, matches

_YEAR: Final = r"(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])"
_CLOCK: Final = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
_OFFSET: Final = r"(?: ?(?:[Zz]|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)| UTC)"
_SHAPE: Final = rf"^{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[T ]{_CLOCK}{_OFFSET}?$"

_SECONDS_AND_Z: Final = 20
"""Bytes of `2024-05-01T10:00:00Z`."""
_DIGITS: Final = (0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18)
_LOWER: Final = 0x20
_DATE_AND_MINUTE: Final = 16
_FRACTION_AT: Final = 20
_FRACTION_DIGITS: Final = 6
_SHORTEST_MONTH: Final = 28
_ZERO: Final = ord("0")
_MINUTE_US: Final = 60 * SECOND_US
_DAY_MINUTES: Final = 1_440
# An offset is kept as minutes: below the first word when it is one ahead, below zero when it is one behind.
_NOTHING, _Z, _UTC = _DAY_MINUTES, _DAY_MINUTES + 1, _DAY_MINUTES + 2
_WORDS: Final = {_NOTHING: "none", _Z: "Z", _UTC: "UTC"}
# A sign so far from the end is one of an offset: in a cell of this shape no other reaches there.
_SIGNED: Final = ((6, 2), (5, 2), (3, 0))

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]


def read_iso(cells: pa.Array) -> tuple[Readings, dict[str, int]]:
    """Read trimmed strings, and count the offsets they carry; digits beyond the microsecond are cut."""
    rows = len(cells)
    at = np.flatnonzero(has_shape(cells))
    column = cells if len(at) == rows else cells.take(pa.array(at))
    field = _Fields(column)
    minutes, exists = _minutes(field)
    offset, naive, offsets = _offsets(field, exists)
    us = np.zeros(rows, dtype=np.int64)
    us[at] = np.where(exists, (minutes - offset) * _MINUTE_US + _within_minute(field), 0)
    real = np.zeros(rows, dtype=np.bool_)
    real[at] = exists
    unsaid = np.zeros(rows, dtype=np.bool_)
    unsaid[at] = naive & exists
    return Readings(us=us, real=real, naive=unsaid), offsets


def has_shape(cells: pa.Array) -> Mask:
    """Return which cells are written like an ISO 8601 instant; a null is not."""
    _, ends = octets_of(cells)
    alike = len(cells) > 0 and cells.null_count == 0 and bool((np.diff(ends) == _SECONDS_AND_Z).all())
    # Nearly every column looks like this one, and is told without an expression.
    return _has_usual_shape(_Fields(cells)) if alike else matches(cells, _SHAPE)


def _has_usual_shape(field: "_Fields") -> Mask:
    """Return which cells are `2024-05-01T10:00:00Z`, all of them having so many bytes."""
    separators = (
        field.byte(4) == ord("-"),
        field.byte(7) == ord("-"),
        (field.byte(10) == ord("T")) | (field.byte(10) == ord(" ")),
        field.byte(13) == ord(":"),
        field.byte(16) == ord(":"),
        (field.byte(19) | _LOWER) == ord("z"),
    )
    digits = [field.byte(place) - np.uint8(_ZERO) < 10 for place in _DIGITS]  # noqa: PLR2004  one digit
    month, day, hour, minute, second = (field.number(place) for place in (5, 8, 11, 14, 17))
    ranges = (
        field.number(0) + field.number(2) > 0,
        (month > 0) & (month <= 12),  # noqa: PLR2004  the calendar's and the clock's own numbers
        (day > 0) & (day <= 31),  # noqa: PLR2004
        hour < 24,  # noqa: PLR2004
        minute < 60,  # noqa: PLR2004
        second < 60,  # noqa: PLR2004
    )
    fits: Mask = np.logical_and.reduce([*separators, *digits, *ranges])
    return fits


class _Fields:
    """The bytes of cells that are ASCII and no null."""

    def __init__(self, cells: pa.Array) -> None:
        octets, ends = octets_of(cells)
        self.data: Bytes = octets if len(octets) else np.zeros(1, dtype=np.uint8)
        self.start: Places = ends[:-1]
        self.length: Places = np.diff(ends)
        self._columns: list[Bytes] = []
        if len(cells) and (self.length == self.length[0]).all() and self.length[0]:
            # Of cells of one length every place is a column: no byte needs to be looked up.
            self._columns = list(np.ascontiguousarray(octets.reshape(len(cells), -1).T))

    def byte(self, place: int) -> Bytes:
        """Return the byte `place` from the start; of a shorter cell any byte of the column."""
        if self._columns:
            return self._columns[min(place, len(self._columns) - 1)]
        return self.data.take(self.start + place, mode="clip")

    def last(self, place: int) -> Bytes:
        """Return the byte `place` from the end, from 1."""
        if self._columns:
            return self._columns[-place]
        return self.data.take(self.start + self.length - place)

    def number(self, place: int) -> Numbers:
        """Return two digits from the start as a number."""
        return (self.byte(place).astype(np.int32) - _ZERO) * 10 + self.byte(place + 1) - _ZERO


def _minutes(field: _Fields) -> tuple[Micros, Mask]:
    """Return minutes since 1970 by the clock on the wall, and which dates exist."""
    year = field.number(0) * 100 + field.number(2)
    month = ((year - 1970) * 12 + field.number(5) - 1).astype("datetime64[M]")
    first = month.astype("datetime64[D]").astype(np.int64)
    day = first + field.number(8) - 1
    late = np.flatnonzero(field.number(8) > _SHORTEST_MONTH)
    exists = np.ones(len(day), dtype=np.bool_)
    exists[late] = day[late] < (month[late] + 1).astype("datetime64[D]").astype(np.int64)
    return day * _DAY_MINUTES + field.number(11) * 60 + field.number(14), exists


def _within_minute(field: _Fields) -> Micros:
    long = field.length > _DATE_AND_MINUTE
    seconds = long & (field.byte(_DATE_AND_MINUTE) == ord(":"))
    us = np.where(seconds, field.number(17), 0).astype(np.int64) * SECOND_US
    at = np.flatnonzero(seconds & (field.length > _FRACTION_AT) & (field.byte(_FRACTION_AT - 1) == ord(".")))
    if len(at):
        us[at] += _fraction(field, at)
    return us


def _fraction(field: _Fields, at: Places) -> Micros:
    fraction = np.zeros(len(at), dtype=np.int64)
    more = np.ones(len(at), dtype=np.bool_)
    start, length = field.start[at], field.length[at]
    for place in range(_FRACTION_AT, _FRACTION_AT + _FRACTION_DIGITS):
        digit = field.data.take(start + place, mode="clip").astype(np.int64) - _ZERO
        more &= (length > place) & (digit >= 0) & (digit <= 9)  # noqa: PLR2004  one digit
        fraction = fraction * 10 + np.where(more, digit, 0)
    return fraction


def _offsets(field: _Fields, exists: Mask) -> tuple[Micros, Mask, dict[str, int]]:
    """Return minutes ahead of UTC, which cells say none, and how many wrote which."""
    last = field.last(1) if len(field.start) else np.zeros(0, dtype=np.uint8)
    written = np.full(len(last), _NOTHING, dtype=np.int64)
    written[(last == ord("Z")) | (last == ord("z"))] = _Z
    written[last == ord("C")] = _UTC
    digits = np.flatnonzero(written == _NOTHING)
    ends = (field.start + field.length)[digits]
    minus = np.zeros(len(last), dtype=np.bool_)
    for place, minute_at in _SIGNED:
        sign = field.data.take(ends - place)
        hit = np.flatnonzero((sign == ord("-")) | (sign == ord("+")))
        rows, end = digits[hit], ends[hit]
        minutes = _pair(field, end - place + 1) * 60
        written[rows] = minutes + (_pair(field, end - minute_at) if minute_at else 0)
        minus[rows] = sign[hit] == ord("-")
    numeric = written < _NOTHING
    ahead = np.where(numeric, np.where(minus, -written, written), 0)
    return ahead, written == _NOTHING, _counts(np.where(minus, -1 - written, written)[exists])


def _pair(field: _Fields, places: Places) -> Micros:
    return (field.data.take(places).astype(np.int64) - _ZERO) * 10 + field.data.take(places + 1) - _ZERO


def _counts(written: Micros) -> dict[str, int]:
    counts = np.bincount(written + _DAY_MINUTES)
    return {_name(int(value) - _DAY_MINUTES): int(counts[value]) for value in np.flatnonzero(counts)}


def _name(value: int) -> str:
    if value in _WORDS:
        return _WORDS[value]
    sign, minutes = ("-", -1 - value) if value < 0 else ("+", value)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
