"""Times that are numbers already: epochs as text, and typed columns. Integers only, so nothing is rounded."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.normalize.verdict import Mask, mask, matches

Micros = npt.NDArray[np.int64]

SECOND_US: Final = 1_000_000
DAY_US: Final = 86_400 * SECOND_US
EARLIEST_US: Final = 1_000_000_000 * SECOND_US
"""2001-09-09: the first time of ten digits, which is what the API takes."""
FAR_US: Final = 2**61
"""Stands, with its sign, for every time too far away for microseconds; out of range in every zone."""

EPOCHS: Final = {"epoch_s": 6, "epoch_ms": 3, "epoch_us": 0, "epoch_ns": -3}
"""How many decimal places each unit lies above the microsecond."""

_NUMBER: Final = r"^[+-]?\d{1,20}(?:\.\d{1,20})?$"
_TICKS: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
# About the years -3000 to +7000: far beyond any time that is taken, far from overflow in every unit.
_REPRESENTABLE_SECONDS: Final = 160_000_000_000
_LONGEST: Final = 18
_WHOLE_FLOAT: Final = 1e15


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What cells say before any zone or range is applied."""

    us: Micros
    """Microseconds since 1970, of UTC or (`naive`) of a clock on a wall; 0 where not `real`, and
    `FAR_US` or its negative where it is too far away to be told."""
    real: Mask
    """Which cells follow the format and name a date that exists."""
    naive: Mask
    """Which say nothing of an offset."""


def read_timestamps(cells: pa.Array) -> Readings:
    """Read a typed timestamp column; nanoseconds are cut, never rounded."""
    ticks = _TICKS[cells.type.unit]
    raw = pc.fill_null(cells.cast(pa.int64()), 0).to_numpy(zero_copy_only=False)
    beyond = np.abs(raw // ticks) > _REPRESENTABLE_SECONDS
    near = np.where(beyond, 0, raw)
    us = near // (ticks // SECOND_US) if ticks > SECOND_US else near * (SECOND_US // ticks)
    us = np.where(beyond, np.where(raw < 0, -FAR_US, FAR_US), us)
    rows = len(cells)
    return Readings(us=us, real=np.ones(rows, dtype=np.bool_), naive=np.full(rows, cells.type.tz is None))


def read_epochs(cells: pa.Array, unit: str) -> Readings:
    """Read numbers of a declared unit; digits beyond the microsecond are cut.

    Negative ones are cut towards 1970, which is long before any time that is taken.
    """
    real = matches(cells, _NUMBER)
    numbers = pc.if_else(real, cells, "0")
    negative = mask(pc.starts_with(numbers, "-"))
    point = mask(pc.match_substring(numbers, ".")).any()
    whole = pc.replace_substring_regex(numbers, r"\..*$", "") if point else numbers
    whole = pc.utf8_ltrim(whole, "+-0")
    places = EPOCHS[unit]
    if places >= 0:
        behind = pc.replace_substring_regex(numbers, r"^[^.]*\.?", "") if point else pa.repeat("", len(cells))
        behind = pc.utf8_slice_codeunits(pc.utf8_rpad(behind, places, "0"), 0, places)
        digits = pc.binary_join_element_wise("0", whole, behind, "")
    else:
        digits = pc.binary_join_element_wise("0", pc.utf8_slice_codeunits(whole, 0, places), "")
    beyond = mask(pc.greater(pc.binary_length(digits), _LONGEST))
    us = pc.if_else(beyond, "0", digits).cast(pa.int64()).to_numpy(zero_copy_only=False)
    us = np.where(beyond, FAR_US, us)
    us = np.where(negative, -us, us)
    return Readings(us=us, real=real, naive=np.zeros(len(cells), dtype=np.bool_))


def numbers_as_text(cells: pa.Array) -> pa.Array:
    """Return a column of numbers as a text file would hold them; NaN, pandas' way to write null, is null."""
    if not pa.types.is_floating(cells.type):
        return cells.cast(pa.string())
    wide = cells.cast(pa.float64())
    nan = pc.is_nan(wide)
    # From here on Arrow writes an exponent; such a float has at most three binary places left.
    large = mask(pc.and_(pc.greater_equal(pc.abs(wide), _WHOLE_FLOAT), pc.less(pc.abs(wide), 2.0**63)))
    values = pc.fill_null(wide, 0.0).to_numpy(zero_copy_only=False)
    whole = pa.array(np.where(large, np.floor(values), 0).astype(np.int64)).cast(pa.string())
    text = pc.if_else(pa.array(large), whole, wide.cast(pa.string()))
    return pc.if_else(nan, pa.scalar(None, pa.string()), text)
