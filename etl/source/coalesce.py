"""Small row batches -> larger ones: every step behind costs the same for a batch of few rows as for many."""

from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

import pyarrow as pa

from etl.model.schemas import RowBatch

BATCH_ROWS: Final = 32_768
_BATCH_BYTES: Final = 8 << 20

Item: TypeAlias = Any
"""A `RowBatch`, or whatever else stands between rows and keeps its place."""


def coalesced(items: Iterable[Item]) -> Iterator[Item]:
    """Yield the same items in their order, neighbouring row batches of one file in one.

    None grows beyond `BATCH_ROWS` or 8 MiB by what is added to it, so memory is bounded as before.
    """
    held: list[RowBatch] = []
    rows = size = 0
    for item in items:
        more, added = (item.rows.num_rows, item.rows.nbytes) if isinstance(item, RowBatch) else (0, 0)
        full = rows + more > BATCH_ROWS or size + added > _BATCH_BYTES
        if held and (full or not isinstance(item, RowBatch)):
            yield _joined(held)
            held, rows, size = [], 0, 0
        if isinstance(item, RowBatch):
            held.append(item)
            rows, size = rows + more, size + added
        else:
            yield item
    if held:
        yield _joined(held)


def _joined(batches: list[RowBatch]) -> RowBatch:
    if len(batches) == 1:
        return batches[0]
    return RowBatch(
        file=batches[0].file,
        rows=pa.concat_batches([batch.rows for batch in batches]),
        lines=pa.concat_arrays([batch.lines for batch in batches]),
    )
