"""On which physical line each record starts, from the line ends inside values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etl.source.marks import masks


@dataclass(frozen=True, slots=True, kw_only=True)
class Ragged:
    """A record that pyarrow did not take: its fields do not match the header."""

    before: int
    """Good records that stand before it in its batch."""
    height: int
    """Lines that it covers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """Where records start."""

    good: NDArray[np.int64]
    ragged: NDArray[np.int64]
    end: int
    """The line after the last of them."""


def heights(batch: pa.RecordBatch, mark: bytes) -> NDArray[np.int64]:
    """Return per record how many lines it covers: one, and one for each `mark` inside its values."""
    result = np.ones(batch.num_rows, np.int64)
    for column in batch.columns:
        offsets, data = spans(column)
        (found,) = masks(data, mark)
        # Most columns have none, and looking for one is several times as fast as listing all.
        if found.any():
            inside = np.flatnonzero(found)
            rows = np.searchsorted(offsets, inside, side="right") - 1
            result += np.bincount(rows, minlength=len(result))
    return result


def spans(column: pa.StringArray) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    """Return a string column's offsets, from zero, and the bytes that they point into."""
    _, offset_buffer, data_buffer = column.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[column.offset : column.offset + len(column) + 1]
    if data_buffer is None or not len(offsets):
        return np.zeros(len(column) + 1, np.int32), np.zeros(0, np.uint8)
    data = np.frombuffer(data_buffer, np.uint8)[offsets[0] : offsets[-1]]
    return offsets - offsets[0], data


def place(line: int, good: NDArray[np.int64], ragged: Sequence[Ragged]) -> Placed:
    """Return the start of every record of a batch that begins on `line`."""
    at = np.array([one.before for one in ragged], np.int64)
    covered = np.insert(good, at, np.array([one.height for one in ragged], np.int64))
    is_ragged = np.insert(np.zeros(len(good), np.bool_), at, np.ones(len(ragged), np.bool_))
    ends = line + np.cumsum(covered)
    starts = ends - covered
    return Placed(good=starts[~is_ragged], ragged=starts[is_ragged], end=int(ends[-1]) if len(ends) else line)


def all_empty(batch: pa.RecordBatch) -> NDArray[np.bool_]:
    """Return per record whether every value is empty."""
    result = np.ones(batch.num_rows, np.bool_)
    for column in batch.columns:
        if not result.any():
            break
        result &= np.diff(spans(column)[0]) == 0
    return result
