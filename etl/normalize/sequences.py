"""The explicit order of messages of one instant."""

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from etl.model.rejects import RejectCode
from etl.normalize.verdict import Fault, mask, matches, missing, shapes_of

_WHOLE: Final = r"^[+-]?\d+$"
_DIGITS: Final = 19
_LARGEST: Final = "9223372036854775807"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """The numbers of a batch and what is wrong with them."""

    numbers: pa.Array
    """`int64`; null where there is none."""
    faults: tuple[Fault, ...]


def read_sequence(column: str | None, cells: pa.Array | None, rows: int) -> Sequence:
    """Read whole numbers that fit 64 bits; a blank cell has none."""
    if column is None or cells is None:
        return Sequence(numbers=pa.nulls(rows, pa.int64()), faults=())
    absent = missing(cells)
    digits = pc.utf8_ltrim(cells, "+-0")
    length = pc.binary_length(digits)
    # Equally long digits compare as texts do.
    fits = pc.or_(
        pc.less(length, _DIGITS),
        pc.and_(pc.equal(length, _DIGITS), pc.less_equal(digits, _LARGEST)),
    )
    sound = matches(cells, _WHOLE) & mask(fits)
    sign = pc.if_else(pc.starts_with(cells, "-"), "-", "")
    plain = pc.if_else(
        pa.array(sound), pc.binary_join_element_wise(sign, "0", digits, ""), pa.scalar(None, pa.string())
    )
    fault = Fault(
        code=RejectCode.BAD_SEQUENCE,
        column=column,
        hit=~sound & ~absent,
        details=shapes_of(cells),
    )
    return Sequence(numbers=plain.cast(pa.int64()), faults=(fault,))
