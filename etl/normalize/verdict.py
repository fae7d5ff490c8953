"""Where the rows of a batch end up: message, reject or skipped; the first decision about a row stands."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.model.rejects import RejectCode, SkipReason
from etl.model.schemas import REJECT_SCHEMA
from etl.normalize.octets import edge_bytes, octets_of, table

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
Details = Callable[[Rows], pa.Array]
"""Given the rows that are rejected, their details, one each; so no detail is made for a sound row."""

SHOWN_CHARACTERS: Final = 40
ID_CHARACTERS: Final = 12

BLANK: Final = r"^[\s\x0b\x{85}\p{Z}\x{200B}-\x{200D}\x{2060}\x{FEFF}]*$"
"""Nothing that a reader sees: Unicode white space and characters without width."""

UNSEEN_SPACE: Final = "\u200b\u200c\u200d\u2060\ufeff" + "".join(
    character for character in map(chr, range(0x3001)) if character.isspace()
)
"""The characters of `BLANK`, for `str.strip`."""

_BEGINS_BLANK: Final = table(b"\t\n\v\f\r \xc2\xe1\xe2\xe3\xef")
"""The bytes that a character of `BLANK` begins with."""

_UNSEEN: Final = r"[\x00-\x1f\x7f-\x{9f}\x{200B}-\x{200F}\x{2028}-\x{202E}\x{2060}-\x{2069}\x{FEFF}]"
_UNSEEN_CODES: Final = (
    *range(0x20), *range(0x7F, 0xA0), *range(0x200B, 0x2010), *range(0x2028, 0x202F),
    *range(0x2060, 0x206A), 0xFEFF,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One check that some rows fail."""

    code: RejectCode
    column: str | None
    hit: Mask
    """Which rows fail it, whatever came of the checks before."""
    details: Details | None = None


class Verdicts:
    """The decisions about one batch; `open` are the rows without one."""

    def __init__(self, rows: int) -> None:
        self.open: Mask = np.ones(rows, dtype=np.bool_)
        self.skipped: dict[str, int] = {}
        self._rejected: list[tuple[Rows, pa.RecordBatch]] = []

    def skip(self, reason: SkipReason, hit: Mask, *, at: Rows | None = None) -> None:
        """Leave out the open rows of `hit` by a rule; with `at` it speaks of those rows of the batch only."""
        local = np.flatnonzero(hit & (self.open if at is None else self.open[at]))
        self.open[local if at is None else at[local]] = False
        self.leave_out(reason, len(local))

    def leave_out(self, reason: SkipReason, count: int) -> None:
        """Count rows that a rule has left out already."""
        if count:
            self.skipped[reason.value] = self.skipped.get(reason.value, 0) + count

    def reject(self, faults: Iterable[Fault], *, at: Rows | None = None) -> None:
        """Reject the open rows that fail; with `at` the faults speak of those rows of the batch only."""
        for fault in faults:
            local = np.flatnonzero(fault.hit & (self.open if at is None else self.open[at]))
            if not len(local):
                continue
            rows = local if at is None else at[local]
            self.open[rows] = False
            nothing = pa.nulls(len(local), pa.string())
            columns = {
                "code": pa.repeat(fault.code.value, len(local)),
                "column": pa.repeat(pa.scalar(fault.column, pa.string()), len(local)),
                "detail": nothing if fault.details is None else fault.details(local).cast(pa.string()),
            }
            self._rejected.append((rows, pa.RecordBatch.from_pydict(columns)))

    def rejects(self, file: str, lines: pa.Array) -> pa.RecordBatch:
        """Return the rejects by `REJECT_SCHEMA`, in row order."""
        if not self._rejected:
            empty = [pa.array([], field.type) for field in REJECT_SCHEMA]
            return pa.RecordBatch.from_arrays(empty, schema=REJECT_SCHEMA)
        rows = np.concatenate([rows for rows, _ in self._rejected])
        order = np.argsort(rows, kind="stable")
        faults = pa.concat_batches([batch for _, batch in self._rejected]).take(pa.array(order))
        line = lines.take(pa.array(rows[order]))
        return pa.RecordBatch.from_arrays(
            [pa.repeat(file, len(rows)), line, *faults.columns],
            schema=REJECT_SCHEMA,
        )


def mask(booleans: pa.Array) -> Mask:
    """Return Arrow booleans as a mask; null is false."""
    known = booleans if booleans.null_count == 0 else pc.fill_null(booleans, fill_value=False)
    hit: Mask = known.to_numpy(zero_copy_only=False)
    return hit


def matches(cells: pa.Array, pattern: str) -> Mask:
    """Return which cells a regular expression is found in; null has nothing."""
    return mask(pc.match_substring_regex(cells, pattern))


def among(cells: pa.Array, values: tuple[str, ...]) -> Mask:
    """Return which cells are exactly one of some values; null is none."""
    return mask(pc.is_in(cells, value_set=pa.array(values, pa.string())))


def chosen(cells: pa.Array, rows: Rows) -> pa.Array:
    """Return some cells, of rows that are given once and in order."""
    return cells if len(rows) == len(cells) else cells.take(pa.array(rows))


def missing(cells: pa.Array) -> Mask:
    """Return which strings are null or show nothing."""
    octets, ends = octets_of(cells)
    empty = ends[1:] == ends[:-1]
    first, _ = edge_bytes(octets, ends)
    absent: Mask = empty.copy() if cells.null_count == 0 else empty | mask(cells.is_null())
    rows = np.flatnonzero(_BEGINS_BLANK[first] & ~absent)
    if len(rows):
        absent[rows] = matches(cells.take(pa.array(rows)), BLANK)
    return absent


def shown(cells: pa.Array, characters: int) -> pa.Array:
    """Return cells fit for a report: shortened, and what can't be seen written as its code point."""
    cut = pc.utf8_slice_codeunits(cells, 0, characters)
    if matches(cut, _UNSEEN).any():
        words = cut.dictionary_encode()
        visible = words.dictionary
        for code in _UNSEEN_CODES:
            visible = pc.replace_substring(visible, chr(code), f"<U+{code:04X}>")
        cut = visible.take(words.indices)
    longer = pc.greater(pc.utf8_length(cells), characters)
    return pc.binary_join_element_wise(cut, pc.if_else(longer, "…", ""), "")


def details_of(cells: pa.Array, characters: int) -> Details:
    """Return details that show the cells themselves; never for texts."""
    return lambda rows: shown(cells.take(pa.array(rows)), characters)


def shapes_of(cells: pa.Array) -> Details:
    """Return details that show what cells look like, digits as 9 and letters as a.

    For columns of numbers and times: a wrongly mapped one may hold texts.
    """

    def details(rows: Rows) -> pa.Array:
        cut = shown(cells.take(pa.array(rows)).cast(pa.string()), SHOWN_CHARACTERS)
        masked = pc.replace_substring_regex(pc.replace_substring_regex(cut, r"\pL", "a"), r"\pN", "9")
        return pc.binary_join_element_wise("looks like ", masked, "")

    return details
