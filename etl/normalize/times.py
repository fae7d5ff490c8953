"""When a message was written: strict, exact, and the same under any zone of the machine."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from etl.config.reading import Time
from etl.errors import UsageError
from etl.model.rejects import RejectCode
from etl.normalize.instants import (
    EPOCHS,
    SECOND_US,
    Micros,
    Readings,
    numbers_as_text,
    read_epochs,
    read_timestamps,
)
from etl.normalize.patterns import Pattern, read_pattern
from etl.normalize.verdict import Details, Fault, Mask, matches, missing, shapes_of

DAY_US: Final = 86_400 * SECOND_US
EARLIEST_US: Final = 1_000_000_000 * SECOND_US
"""2001-09-09: the first time of ten digits, which is what the API takes."""

_YEAR: Final = r"(?:[1-9]\d{3}|0[1-9]\d\d|00[1-9]\d|000[1-9])"
_CLOCK: Final = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
_OFFSET: Final = r"(?: ?(?:[Zz]|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)| UTC)"
_SHAPE: Final = rf"^{_YEAR}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[T ]{_CLOCK}{_OFFSET}?$"
_AWARE: Final = rf":[0-5]\d(?:\.\d+)?{_OFFSET}$"
_ODD: Final = r"\.\d{7}|z$| UTC$"
_NOT_A_TIME: Final = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True, kw_only=True)
class Instants:
    """The times of a batch and what is wrong with them."""

    at_us: Micros
    """Microseconds since 1970 UTC; meaningless where there is a fault."""
    faults: tuple[Fault, ...]


class TimeReader:
    """Reads the timestamp column as the job declares it; nothing is guessed from the cells."""

    def __init__(self, settings: Time, column: str, *, now_us: int) -> None:
        """Prepare the declared format.

        Raises:
            UsageError: the pattern has a directive that nothing knows.
        """
        self._settings = settings
        self._column = column
        self._latest_us = now_us // SECOND_US * SECOND_US + DAY_US + SECOND_US - 1
        self._read = _reader(settings.format)

    def __call__(self, cells: pa.Array) -> Instants:
        """Return when each row was written; a cell without offset is read in the job's zone."""
        typed = cells.type
        hint = ""
        if pa.types.is_timestamp(typed):
            absent = cells.is_null().to_numpy(zero_copy_only=False)
            readings = read_timestamps(cells)
        elif _is_number(typed) or pa.types.is_string(typed):
            if _is_number(typed) and self._settings.format == "iso8601":
                hint = f"a column of {typed}: declare its unit in [time] format, such as epoch_ms"
            text = pc.utf8_trim_whitespace(numbers_as_text(cells) if _is_number(typed) else cells)
            absent = missing(text)
            readings = self._read(text)
        else:
            hint = f"a column of {typed} holds no instants"
            absent = cells.is_null().to_numpy(zero_copy_only=False)
            readings = _unreadable(len(cells))
        details = _constant(hint) if hint else shapes_of(cells)
        return self._judged(readings, absent, details)

    def _judged(self, readings: Readings, absent: Mask, bad: Details) -> Instants:
        def fault(code: RejectCode, hit: Mask, details: Details | None = None) -> Fault:
            return Fault(code=code, column=self._column, hit=hit, details=details)

        at_us, twice, never = self._localized(readings)
        early_or_late = (at_us < EARLIEST_US) | (at_us > self._latest_us)
        no_zone = readings.naive if self._settings.zone is None else np.zeros_like(readings.naive)
        return Instants(
            at_us=at_us,
            faults=(
                fault(RejectCode.MISSING_TIMESTAMP, absent),
                fault(RejectCode.BAD_TIMESTAMP, ~readings.real, bad),
                fault(RejectCode.TIMESTAMP_WITHOUT_ZONE, no_zone),
                fault(RejectCode.TIMESTAMP_OUT_OF_RANGE, readings.beyond),
                fault(RejectCode.TIMESTAMP_NONEXISTENT, never, _instants(readings.us)),
                fault(RejectCode.TIMESTAMP_AMBIGUOUS, twice, _instants(readings.us)),
                fault(RejectCode.TIMESTAMP_OUT_OF_RANGE, early_or_late, _instants(at_us)),
            ),
        )

    def _localized(self, readings: Readings) -> tuple[Micros, Mask, Mask]:
        """Return UTC times, and which wall times happened twice or never."""
        us, zone, ambiguous = readings.us, self._settings.zone, self._settings.ambiguous
        twice = np.zeros(len(us), dtype=np.bool_)
        never = np.zeros(len(us), dtype=np.bool_)
        # No offset reaches two days, and what lies farther out is out of range in every zone.
        near = (us >= EARLIEST_US - 2 * DAY_US) & (us <= self._latest_us + 2 * DAY_US)
        rows = np.flatnonzero(readings.naive & near)
        if zone is None or not len(rows):
            return us, twice, never
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


def _reader(declared: str) -> Callable[[pa.Array], Readings]:
    if declared == "iso8601":
        return _read_iso
    if declared in EPOCHS:
        return lambda cells: read_epochs(cells, declared)
    pattern = read_pattern(declared)
    try:
        pd.to_datetime(pd.Series(["0"], dtype=object), format=pattern.pandas, errors="coerce", utc=True)
    except Exception as problem:  # pandas lets errors of `re` and of its own parser through
        raise UsageError(
            f"[time] format {declared!r} is no usable pattern: {problem}",
            hint="use the directives of Python's strptime, or iso8601, epoch_s, epoch_ms, epoch_us, epoch_ns",
        ) from problem
    return lambda cells: _read_pattern(cells, pattern)


def _read_iso(cells: pa.Array) -> Readings:
    fits = matches(cells, _SHAPE)
    naive = ~matches(cells, _AWARE)
    if matches(cells, _ODD).any():
        # One cell of seven digits would turn the whole column to nanoseconds, and far years to nothing.
        cells = pc.replace_substring_regex(cells, r"(\.\d{6})\d+", r"\1")
        cells = pc.replace_substring_regex(cells, r"z$| UTC$", "Z")
    return _parsed(cells, fits, naive, "ISO8601")


def _read_pattern(cells: pa.Array, pattern: Pattern) -> Readings:
    fits = matches(cells, r"\d")  # pandas takes `now` and `today` for times under any pattern
    if pattern.leap is not None:
        fits &= ~matches(cells, pattern.leap)
    if pattern.zone_word:
        cells = pc.replace_substring_regex(cells, r"\bGMT\b", "UTC")
    if pattern.long_fraction:
        cells = pc.replace_substring_regex(cells, r"([.,:]\d{6})\d+", r"\1")
    return _parsed(cells, fits, np.full(len(cells), not pattern.aware), pattern.pandas)


def _parsed(cells: pa.Array, fits: Mask, naive: Mask, form: str) -> Readings:
    texts = pc.if_else(pa.array(fits), cells, pa.scalar(None, pa.string())).to_numpy(zero_copy_only=False)
    parsed = pd.DatetimeIndex(pd.to_datetime(texts, format=form, errors="coerce", utc=True))
    us = _micros(parsed)
    real = us != _NOT_A_TIME
    nothing = np.zeros(len(us), dtype=np.bool_)
    return Readings(us=np.where(real, us, 0), real=real, beyond=nothing, naive=naive & real)


def _micros(times: pd.DatetimeIndex) -> Micros:
    micros: Micros = times.as_unit("us").asi8
    return micros


def _unreadable(rows: int) -> Readings:
    nothing = np.zeros(rows, dtype=np.bool_)
    return Readings(us=np.zeros(rows, dtype=np.int64), real=nothing, beyond=nothing, naive=nothing)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _constant(detail: str) -> Details:
    return lambda rows: pa.repeat(detail, len(rows))


def _instants(us: Micros) -> Details:
    return lambda rows: pc.cast(pa.array(us[rows].astype("datetime64[us]")), pa.string())
