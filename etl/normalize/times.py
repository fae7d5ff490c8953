"""When a message was written: strict, exact, and the same under any zone of the machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.config.reading import Time
from etl.config.values import TIME_FORMATS
from etl.errors import UsageError
from etl.model.rejects import RejectCode
from etl.normalize.excel import read_serials
from etl.normalize.forms import ISO
from etl.normalize.instants import (
    DAY_US,
    EARLIEST_US,
    EPOCHS,
    SECOND_US,
    Micros,
    Readings,
    numbers_as_text,
    read_epochs,
    read_timestamps,
)
from etl.normalize.iso import read_iso
from etl.normalize.patterns import Pattern, read_pattern, written_offsets
from etl.normalize.reasons import instants, out_of_range, unreadable
from etl.normalize.verdict import Details, Fault, Mask, matches, missing

if TYPE_CHECKING:
    import pandas as pd

AUTO: Final = "auto"
SERIAL: Final = "excel_serial"
NO_OFFSET: Final = "none"
_NOT_A_TIME: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True, kw_only=True)
class Instants:
    """The times of a batch and what is wrong with them."""

    at_us: Micros
    """Microseconds since 1970 UTC; meaningless where there is a fault."""
    faults: tuple[Fault, ...]
    offsets: dict[str, int]
    """How many readable times carried which offset: `Z`, `UTC`, `+02:00` as written (`-0800` counts as
    `-08:00`), `none`, and for what has no place for one `typed` (Parquet instants) or `epoch`."""


class TimeReader:
    """Reads the timestamp column in one format; nothing is guessed from the cells."""

    def __init__(self, settings: Time, column: str, *, now_us: int, fmt: str | None = None) -> None:
        """Prepare to read; `fmt` is the format where the job says `auto`, as `detect` found it.

        Raises:
            UsageError: the pattern has a directive that nothing knows.
            ValueError: the job says `auto` and no format was found for it: a defect of the caller.
        """
        self.format = fmt or settings.format
        if self.format == AUTO:
            raise ValueError("the format of times must be detected before they are read")
        self._zone, self._ambiguous = settings.zone, settings.ambiguous
        self._column = column
        self._latest_us = latest_us(now_us)
        self._read = reader_of(self.format)

    def __call__(self, cells: pa.Array) -> Instants:
        """Return when each row was written; a cell without offset is read in the job's zone."""
        typed = cells.type
        absent = cells.is_null().to_numpy(zero_copy_only=False)
        if pa.types.is_timestamp(typed):
            readings = read_timestamps(cells)
            label = NO_OFFSET if typed.tz is None else "typed"
            return self._judged(readings, absent, unreadable(cells), {label: int(np.count_nonzero(~absent))})
        if not (is_number(typed) or pa.types.is_string(typed)):
            return self._judged(
                _unreadable(len(cells)), absent, _constant(f"a column of {typed} holds no instants"), {}
            )
        text = pc.utf8_trim_whitespace(numbers_as_text(cells) if is_number(typed) else cells)
        readings, offsets = self._read(text)
        details = unreadable(cells)
        if is_number(typed) and self.format == ISO:
            details = _constant(f"a column of {typed}: declare its unit in [time] format, such as epoch_ms")
        return self._judged(readings, missing(text), details, offsets)

    def _judged(self, readings: Readings, absent: Mask, bad: Details, offsets: dict[str, int]) -> Instants:
        def fault(code: RejectCode, hit: Mask, details: Details | None = None) -> Fault:
            return Fault(code=code, column=self._column, hit=hit, details=details)

        at_us, twice, never = self._localized(readings)
        early_or_late = (at_us < EARLIEST_US) | (at_us > self._latest_us)
        no_zone = readings.naive if self._zone is None else np.zeros_like(readings.naive)
        return Instants(
            at_us=at_us,
            faults=(
                fault(RejectCode.MISSING_TIMESTAMP, absent),
                fault(RejectCode.BAD_TIMESTAMP, ~readings.real, bad),
                fault(RejectCode.TIMESTAMP_WITHOUT_ZONE, no_zone),
                fault(RejectCode.TIMESTAMP_NONEXISTENT, never, instants(readings.us)),
                fault(RejectCode.TIMESTAMP_AMBIGUOUS, twice, instants(readings.us)),
                fault(RejectCode.TIMESTAMP_OUT_OF_RANGE, early_or_late, out_of_range(at_us)),
            ),
            offsets={label: count for label, count in offsets.items() if count},
        )

    def _localized(self, readings: Readings) -> tuple[Micros, Mask, Mask]:
        """Return UTC times, and which wall times happened twice or never."""
        us, zone, ambiguous = readings.us, self._zone, self._ambiguous
        twice = np.zeros(len(us), dtype=np.bool_)
        never = np.zeros(len(us), dtype=np.bool_)
        # No offset reaches two days, and what lies farther out is out of range in every zone.
        near = (us >= EARLIEST_US - 2 * DAY_US) & (us <= self._latest_us + 2 * DAY_US)
        rows = np.flatnonzero(readings.naive & near)
        if zone is None or not len(rows):
            return us, twice, never
        import pandas as pd  # noqa: PLC0415  slow, and seldom needed here

        walls = pd.DatetimeIndex(us[rows].astype("datetime64[us]"))
        first = np.full(len(rows), ambiguous != "later")
        local = walls.tz_localize(zone, ambiguous=first, nonexistent="NaT")
        lost = np.asarray(local.isna())
        never[rows] = lost
        if ambiguous == "reject":
            either = walls.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
            twice[rows] = np.asarray(either.isna()) & ~lost
        at_us = us.copy()
        at_us[rows] = np.where(never[rows], us[rows], _micros(local))
        return at_us, twice, never


def latest_us(now_us: int) -> int:
    """Return the last instant that is taken: the end of the second that comes a day after `now_us`."""
    return now_us // SECOND_US * SECOND_US + DAY_US + SECOND_US - 1


def is_number(kind: pa.DataType) -> bool:
    """Return whether a column's cells are numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


Read = Callable[[pa.Array], tuple[Readings, dict[str, int]]]


def reader_of(declared: str) -> Read:
    """Return what reads trimmed texts of a concrete format and counts the offsets they carry.

    Raises:
        UsageError: the pattern has a directive that nothing knows.
    """
    if declared == ISO:
        return read_iso
    if declared in EPOCHS:
        return lambda cells: _counted(read_epochs(cells, declared), "epoch")
    if declared == SERIAL:
        return lambda cells: _counted(read_serials(cells), NO_OFFSET)
    import pandas as pd  # noqa: PLC0415  slow, and seldom needed here

    pattern = read_pattern(declared)
    try:
        pd.to_datetime(pd.Series(["0"], dtype=object), format=pattern.pandas, errors="coerce", utc=True)
    except Exception as problem:  # pandas lets errors of `re` and of its own parser through
        raise UsageError(
            f"[time] format {declared!r} is no usable pattern: {problem}",
            hint=f"use the directives of Python's strptime, or one of {', '.join(TIME_FORMATS)}",
        ) from problem
    return lambda cells: _read_pattern(cells, pattern)


def _read_pattern(cells: pa.Array, pattern: Pattern) -> tuple[Readings, dict[str, int]]:
    import pandas as pd  # noqa: PLC0415  slow, and seldom needed here

    fits = matches(cells, r"\d")  # pandas takes `now` and `today` for times under any pattern
    if pattern.leap is not None:
        fits &= ~matches(cells, pattern.leap)
    plain = cells
    if pattern.zone_word:
        plain = pc.replace_substring_regex(plain, r"\bGMT\b", "UTC")
    if pattern.long_fraction:
        plain = pc.replace_substring_regex(plain, r"([.,:]\d{6})\d+", r"\1")
    texts = pc.if_else(pa.array(fits), plain, pa.scalar(None, pa.string())).to_numpy(zero_copy_only=False)
    parsed = pd.DatetimeIndex(pd.to_datetime(texts, format=pattern.pandas, errors="coerce", utc=True))
    us = _micros(parsed)
    real = us != _NOT_A_TIME
    naive = real if not pattern.aware else np.zeros(len(us), dtype=np.bool_)
    readings = Readings(us=np.where(real, us, 0), real=real, naive=naive)
    if pattern.offset is not None:
        return readings, written_offsets(cells.filter(pa.array(real)), pattern.offset)
    return _counted(readings, pattern.word or NO_OFFSET)


def _counted(readings: Readings, label: str) -> tuple[Readings, dict[str, int]]:
    return readings, {label: int(np.count_nonzero(readings.real))}


def _micros(times: "pd.DatetimeIndex") -> Micros:
    micros: Micros = times.as_unit("us").asi8
    return micros


def _unreadable(rows: int) -> Readings:
    nothing = np.zeros(rows, dtype=np.bool_)
    return Readings(us=np.zeros(rows, dtype=np.int64), real=nothing, naive=nothing)


def _constant(detail: str) -> Details:
    return lambda rows: pa.repeat(detail, len(rows))
