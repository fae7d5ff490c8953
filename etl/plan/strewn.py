"""Rows picked out of many batches as if these were one, and each value copied only once.

Joining the batches first would copy every text twice, into memory that the system has to clear beforehand.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.int64]

_LARGE: Final = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}


class Strewn:
    """The rows of batches of one schema, numbered through in their order."""

    def __init__(self, batches: Sequence[pa.RecordBatch], schema: pa.Schema) -> None:
        """Prepare to take rows by `schema`, whose columns all batches have; there is at least one."""
        self._schema = schema
        self._ends = np.cumsum([batch.num_rows for batch in batches])
        self._columns: dict[str, pa.Array] = {}
        for field in schema:
            parts = [batch.column(field.name) for batch in batches]
            if field.type in _LARGE:
                self._columns[field.name] = _spanning(parts, field.type)
            else:
                self._columns[field.name] = pa.concat_arrays(parts)

    def take(self, rows: Numbers) -> pa.RecordBatch:
        """Return the rows of these numbers, in this order."""
        numbers = pa.array(rows)
        elements = pa.array(rows + 1 + np.searchsorted(self._ends, rows, side="right"))
        return pa.RecordBatch.from_arrays(
            [
                self._columns[field.name].take(elements).cast(field.type)
                if field.type in _LARGE
                else self._columns[field.name].take(numbers)
                for field in self._schema
            ],
            schema=self._schema,
        )


def _spanning(parts: Sequence[pa.Array], kind: pa.DataType) -> pa.Array:
    """Return one array over the values of all parts where they lie, with one element more around each part.

    Its data are all of the memory from the first value to the last. What lies between parts may be anybody's,
    and parts need not lie in their order: what makes it safe is that those elements are never looked at.
    """
    elements = sum(map(len, parts)) + len(parts) + 1
    if all(part.null_count == len(part) for part in parts):
        return pa.nulls(elements, _LARGE[kind])
    buffers = [part.buffers() for part in parts]
    base = min((data.address for _, _, data in buffers if data is not None), default=0)
    offsets = [
        np.frombuffer(ends, np.int32)[part.offset : part.offset + len(part) + 1].astype(np.int64)
        + (0 if data is None else data.address - base)
        for part, (_, ends, data) in zip(parts, buffers, strict=True)
    ]
    memory = pa.foreign_buffer(base, max(int(ends[-1]) for ends in offsets), base=parts)
    # By the last offset Arrow reckons how much memory it needs for what it takes.
    octets = sum(int(ends[-1] - ends[0]) for ends in offsets)
    spans = pa.py_buffer(np.concatenate([[0], *offsets, [octets]]))
    return pa.Array.from_buffers(_LARGE[kind], elements, [_validity(parts), spans, memory])


def _validity(parts: Sequence[pa.Array]) -> pa.Buffer | None:
    """Return the bitmap of which elements of `_spanning` are no nulls; None: all."""
    if not any(part.null_count for part in parts):
        return None
    there = [part.is_valid().to_numpy(zero_copy_only=False) for part in parts]
    none = np.zeros(1, np.bool_)
    bits = np.concatenate([none, *(piece for one in there for piece in (one, none))])
    return pa.array(bits).buffers()[1]
