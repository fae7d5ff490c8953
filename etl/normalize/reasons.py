"""Why a time is refused, in the words of a reject's detail; made for rejected rows only."""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.normalize.instants import DAY_US, EARLIEST_US, SECOND_US, Micros
from etl.normalize.verdict import Details, Rows, matches, shapes_of

_YEAR_1_ENDS_US: Final = -62_104_060_800 * SECOND_US
"""A few days into year 2: an offset may carry the first day of year 1 either way."""
_JANUARY_1970_US: Final = 31 * DAY_US
"""Where seconds land that are read as milliseconds."""
_SHOWABLE_US: Final = 253_402_300_800 * SECOND_US
"""The end of year 9999; nobody reads dates beyond it."""

_WHY_BAD: Final = (
    (
        r"^0{4}[-/.]0{1,2}[-/.]0{1,2}(?:\D|$)|^0{1,2}[-/.]0{1,2}[-/.]0{4}(?:\D|$)",
        "0000-00-00: an empty value?",
    ),
    (r"\d[T ,]+24[:.]00(?:[:.]00(?:[.,]0+)?)?(?:\D|$)", "24:00 is no time of a day"),
    (r"\d[T ,]+[0-2]?\d[:.][0-5]\d[:.]6[01](?:\D|$)", "a leap second"),
)


def instants(us: Micros) -> Details:
    """Return details that show the instants themselves."""
    return lambda rows: _shown(us[rows])


def out_of_range(us: Micros) -> Details:
    """Return details that say on which side a time is out of range and what it may stand for."""

    def details(rows: Rows) -> pa.Array:
        at = us[rows]
        reasons = [
            (at < _YEAR_1_ENDS_US, "year 1"),
            (np.abs(at) <= DAY_US, "1970: an empty value?"),
            ((at > 0) & (at < _JANUARY_1970_US), "1970: another unit?"),
            (at < EARLIEST_US, "before 2001-09-09"),
        ]
        words = np.select([hit for hit, _ in reasons], [word for _, word in reasons], default="in the future")
        near = np.abs(at) < _SHOWABLE_US
        dates = pc.binary_join_element_wise(" (", _shown(np.where(near, at, 0)), ")", "")
        return pc.binary_join_element_wise(
            pa.array(words, pa.string()), pc.if_else(pa.array(near), dates, ""), ""
        )

    return details


def unreadable(cells: pa.Array) -> Details:
    """Return details that name the well-known oddities, and else show what the cell looks like."""
    shapes = shapes_of(cells)

    def details(rows: Rows) -> pa.Array:
        said = shapes(rows)
        if pa.types.is_string(cells.type):
            texts = cells.take(pa.array(rows))
            for pattern, reason in _WHY_BAD:
                said = pc.if_else(pa.array(matches(texts, pattern)), reason, said)
        return said

    return details


def _shown(us: Micros) -> pa.Array:
    return pc.cast(pa.array(us.astype("datetime64[us]")), pa.string())
