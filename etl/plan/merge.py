"""The messages of a plan in their order, out of all its parts at once.

Lanes of consecutive rank lie in different parts, but within a part they stand in order of rank: so every part
is read from its beginning to its end, side by side, and what is in memory of each is about a row group.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

BATCH_ROWS: Final = 8_192
_MERGED_ROWS: Final = 32_768
"""Rows put in order at once: each part gives a piece of them."""
_LANES: Final = 65_536

Numbers = npt.NDArray[np.int64]


def in_order(messages: Sequence[Path], lanes: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the columns of all messages of a plan, in its order.

    Raises:
        OSError: a file can't be read.
        pyarrow.ArrowException: a file is damaged.
    """
    if len(messages) == 1:
        with pq.ParquetFile(messages[0], pre_buffer=False) as file:  # else all of the file is held at once
            yield from file.iter_batches(BATCH_ROWS, columns=list(columns))
        return
    with ExitStack() as stack:
        files = [stack.enter_context(pq.ParquetFile(path, pre_buffer=False)) for path in messages]
        parts = [_Part(file, columns) for file in files]
        for windows in _windows(stack.enter_context(pq.ParquetFile(lanes, pre_buffer=False))):
            for part_of_row in windows:
                yield _merged(parts, part_of_row)


class _Part:
    """One file, read from its beginning on."""

    def __init__(self, file: pq.ParquetFile, columns: Sequence[str]) -> None:
        self._batches = file.iter_batches(BATCH_ROWS, columns=list(columns), use_threads=False)
        self._held: deque[pa.RecordBatch] = deque()

    def take(self, rows: int) -> list[pa.RecordBatch]:
        """Return the next rows."""
        taken: list[Any] = []
        while rows:
            batch = self._held.popleft() if self._held else next(self._batches, None)
            if batch is None:
                raise pa.ArrowInvalid("a part of the plan has fewer rows than its lanes say")
            if batch.num_rows > rows:
                self._held.appendleft(batch.slice(rows))
                batch = batch.slice(0, rows)
            rows -= batch.num_rows
            taken.append(batch)
        return taken


def _windows(lanes: pq.ParquetFile) -> Iterator[Iterator[Numbers]]:
    """Yield, for so many lanes at a time, the part of each row in order of the plan, in pieces."""
    for batch in lanes.iter_batches(_LANES, columns=["length", "part"]):
        length, part = (batch.column(name).to_numpy().astype(np.int64) for name in ("length", "part"))
        yield _pieces(part, np.cumsum(length))


def _pieces(part: Numbers, ends: Numbers) -> Iterator[Numbers]:
    """Yield the part of each row; lane i ends before row `ends[i]`. A lane may be longer than a piece."""
    total = int(ends[-1]) if len(ends) else 0
    for start in range(0, total, _MERGED_ROWS):
        stop = min(start + _MERGED_ROWS, total)
        first, last = np.searchsorted(ends, [start, stop - 1], side="right")
        cut = np.clip(ends[first : last + 1], start, stop)
        yield np.repeat(part[first : last + 1], np.diff(cut, prepend=start))


def _merged(parts: Sequence[_Part], part_of_row: Numbers) -> pa.RecordBatch:
    """Return the next rows, each from its part."""
    counts = np.bincount(part_of_row, minlength=len(parts)).tolist()
    batches = [batch for part, rows in zip(parts, counts, strict=True) if rows for batch in part.take(rows)]
    by_part = np.argsort(part_of_row.astype(np.uint16), kind="stable")
    places = np.empty(len(by_part), dtype=np.int64)
    places[by_part] = np.arange(len(by_part))
    return pa.concat_batches(batches).take(pa.array(places))
