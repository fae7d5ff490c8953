"""Which one format a column of times is in, told from a file's first rows; never guessed.

At least nine cells in ten must have one form, and most of those must name real times; the others become
rejects when the format is enforced. Day and month are told apart only by a day above 12, and Excel's
serial days are never taken unasked.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.config.reading import Time
from etl.errors import InputError
from etl.normalize.forms import ISO, NUMBER, Form, form_of
from etl.normalize.instants import EARLIEST_US, EPOCHS, numbers_as_text, read_epochs
from etl.normalize.times import AUTO, SERIAL, is_number, latest_us, reader_of
from etl.normalize.verdict import matches, missing

_ENOUGH: Final = 0.9
"""The share of cells that must have the one form."""
_REAL: Final = 0.5
"""The share that must also name times that exist: fillers such as 0000-00-00 have the form and no date."""
_LONGEST: Final = 64
_SHAPES: Final = 500
"""So many shapes, the most frequent ones, are looked at; no format comes near."""
_LISTED: Final = 3
_NO_VALUE: Final = r"(?i)^(?:|null|none|nan|nat|nil|na|n/a|#n/a|undefined|\\N|[-.?]+)$"
_DATE: Final = r"^(?:[A-Za-z]{3},? )?(?P<date>(?P<one>\d{1,2})[/.-](?P<two>\d{1,2})[/.-]\d{4})(?:\D|$)"
_MONTHS, _DAYS = 12, 31
_SERIAL_DAYS: Final = r"^(?:3652[6-9]|365[3-9]\d|36[6-9]\d\d|3[7-9]\d{3}|4\d{4}|5[0-4]\d{3})(?:[.,]\d+)?$"
"""The days of 2000 to 2050."""
_HINT: Final = (
    'state the format that is right under [time], such as format = "%d/%m/%Y %H:%M", iso8601 or epoch_ms; '
    "cells in another one become rejects"
)


def detect(cells: pa.Array, time: Time, *, column: str, now_us: int) -> str:
    """Return the format of a file's times: the job's own, or with `auto` the one that its first rows show.

    Args:
        cells: the column's cells in the first rows; any type, from Parquet too.
        time: the job's settings.
        column: the column's name, for errors.
        now_us: no time later than a day after it is plausible.

    Raises:
        InputError: no format fits nearly all cells, or more than one does.
    """
    if time.format != AUTO:
        return time.format
    kind = _kind(cells)
    if pa.types.is_timestamp(kind) or pa.types.is_null(kind):
        return ISO
    if not (_is_text(kind) or is_number(kind)):
        reason = "has no time of day" if pa.types.is_date(kind) else "is no instant"
        raise _refusal(column, f"has the type {kind}, which {reason}", hint="map a column of times")
    sample = _Sample(cells=_values(cells), column=column, now_us=now_us)
    if not len(sample.cells):
        raise _refusal(column, f"has no time in its first {len(cells)} rows to tell the format by")
    form = _common_form(sample)
    if form.flaw:
        raise _refusal(column, f"has times like {form.shown}: {form.flaw}")
    if form.format == NUMBER:
        return _epoch(sample)
    return _real(sample, _order(sample, form) if form.open else form.format)


def tells(cells: pa.Array) -> bool:
    """Return whether any cell has a value that `detect` could go by."""
    kind = _kind(cells)
    if _is_text(kind) or is_number(kind):
        return len(_values(cells)) > 0
    return bool(cells.null_count < len(cells))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sample:
    """The first times of a file."""

    cells: pa.Array
    """Those with a value, as trimmed text."""
    column: str
    now_us: int

    def share(self, hits: int) -> float:
        """Return which share of the cells `hits` are."""
        return hits / len(self.cells)


def _common_form(sample: _Sample) -> Form:
    """Return the form that nearly all cells have."""
    counted = pc.value_counts(pc.replace_substring_regex(sample.cells, r"\d", "9"))
    counts = counted.field("counts")
    most = pc.select_k_unstable(counts, _SHAPES, sort_keys=[("", "descending")])
    forms: Counter[Form] = Counter()
    for found in counted.take(most).to_pylist():
        form = form_of(found["values"])
        if form is not None:
            forms[form] += found["counts"]
    if not forms:
        raise _refusal(sample.column, f"holds nothing that looks like a time in {len(sample.cells)} cells")
    form, hits = forms.most_common(1)[0]
    if sample.share(hits) < _ENOUGH:
        listed = [f"{count} are {form.shown}" for form, count in forms.most_common(_LISTED)]
        other = len(sample.cells) - forms.total()
        said = ", ".join([*listed, *([f"{other} look like no time"] if other else [])])
        raise _refusal(sample.column, f"has no one format: of its first {len(sample.cells)} times {said}")
    return form


def _order(sample: _Sample, form: Form) -> str:
    """Return an open form's format by the days above 12; without one it stays open."""
    dates = pc.drop_null(pc.extract_regex(sample.cells, _DATE))
    one, two = (pc.struct_field(dates, name).cast(pa.int32()).to_numpy() for name in ("one", "two"))
    day_first = np.count_nonzero((one > _MONTHS) & (one <= _DAYS) & (two <= _MONTHS))
    month_first = np.count_nonzero((two > _MONTHS) & (two <= _DAYS) & (one <= _MONTHS))
    if day_first and month_first:
        raise _refusal(
            sample.column,
            f"mixes orders: {day_first} dates can only have the day first, {month_first} only the month",
            hint="export it again in one format: the other dates can't be told apart",
        )
    if not day_first and not month_first:
        example = pc.struct_field(dates, "date")[0].as_py()
        raise _refusal(
            sample.column,
            f"is ambiguous: {example} may have the day or the month first, and no day above 12 settles it",
            hint=f'state [time] format = "{form.format}" or "{form.month_first}"',
        )
    return form.format if day_first else form.month_first


def _epoch(sample: _Sample) -> str:
    """Return the unit whose plausible window holds nearly all numbers."""
    latest = latest_us(sample.now_us)
    inside = {}
    for unit in EPOCHS:
        readings = read_epochs(sample.cells, unit)
        hits = readings.real & (readings.us >= EARLIEST_US) & (readings.us <= latest)
        inside[unit] = int(np.count_nonzero(hits))
    best = max(inside, key=lambda unit: inside[unit])
    if sample.share(inside[best]) >= _ENOUGH:
        return best
    if sample.share(int(np.count_nonzero(matches(sample.cells, _SERIAL_DAYS)))) >= _REAL:
        raise _refusal(
            sample.column,
            "has numbers that look like Excel's serial days (45352 is 2024-03-01)",
            hint=f'state [time] format = "{SERIAL}" and the zone, or export texts',
        )
    fitting = (
        ", ".join(f"{count} fit {unit}" for unit, count in inside.items() if count) or "none fits a unit"
    )
    raise _refusal(
        sample.column,
        f"has numbers of no one unit: of its first {len(sample.cells)} times {fitting} "
        "between 2001-09-09 and now",
    )


def _real(sample: _Sample, found: str) -> str:
    """Return the format if enough of the cells name real times in it."""
    readings, _ = reader_of(found)(sample.cells)
    real = int(np.count_nonzero(readings.real))
    if sample.share(real) < _REAL:
        raise _refusal(
            sample.column,
            f"looks like {found}, but only {real} of its first {len(sample.cells)} times name a date and "
            "time that exist",
        )
    return found


def _values(cells: pa.Array) -> pa.Array:
    """Return the cells that have a value, as trimmed text."""
    plain = cells.cast(cells.type.value_type) if pa.types.is_dictionary(cells.type) else cells
    text = numbers_as_text(plain) if is_number(plain.type) else plain.cast(pa.string())
    text = pc.drop_null(pc.utf8_trim_whitespace(pc.utf8_slice_codeunits(text, 0, _LONGEST)))
    return text.filter(pa.array(~(missing(text) | matches(text, _NO_VALUE))))


def _kind(cells: pa.Array) -> pa.DataType:
    return cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _refusal(column: str, what: str, *, hint: str = "") -> InputError:
    return InputError(f"column {column!r} {what}", hint=hint or _HINT)
