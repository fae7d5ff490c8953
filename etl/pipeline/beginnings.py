"""The first rows of a file in one batch: what a column's format is told from."""

from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from etl.model.schemas import FileSummary, RowBatch

_ENOUGH_ROWS: Final = 1_000
_ENOUGH_BYTES: Final = 16 << 20
"""Few rows may hold long texts."""


def together(items: Iterator[Any]) -> Iterator[Any]:
    """Yield a file's items with its first row batches made one, of 1,000 rows or 16 MiB where it has them.

    Readers cut batches as it suits them, so the first may be a single row; a format told from that would
    depend on how a file happens to be cut.
    """
    held: list[RowBatch] = []
    begun = False
    for item in items:
        if begun or not isinstance(item, (RowBatch, FileSummary)):
            yield item
            continue
        if isinstance(item, RowBatch):
            held.append(item)
            size = sum(batch.rows.nbytes for batch in held)
            begun = sum(batch.rows.num_rows for batch in held) >= _ENOUGH_ROWS or size >= _ENOUGH_BYTES
        if held and (begun or isinstance(item, FileSummary)):
            yield _joined(held)
        if isinstance(item, FileSummary):
            yield item


def _joined(batches: list[RowBatch]) -> RowBatch:
    if len(batches) == 1:
        return batches[0]
    return RowBatch(
        file=batches[0].file,
        rows=pa.concat_batches([batch.rows for batch in batches]),
        lines=pa.concat_arrays([batch.lines for batch in batches]),
    )
