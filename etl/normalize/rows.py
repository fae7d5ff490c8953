"""Which rows count at all: soft-deleted ones, drafts and histories are left out before any check."""

import numpy as np
import pyarrow as pa

from etl.config.reading import Rows
from etl.model.schemas import RowBatch
from etl.normalize.cells import Cells
from etl.normalize.verdict import among, missing


def wanted_rows(batch: RowBatch, rules: Rows) -> RowBatch:
    """Return the rows that every `keep` lists and no `drop` does; values are compared exactly.

    A null cell is in no list. Of `filled` and `empty` a cell that shows nothing is empty.

    Raises:
        InputError: a column of the rules is absent.
    """
    if not rules.columns:
        return batch
    cells = Cells(batch)
    wanted = np.ones(batch.rows.num_rows, dtype=np.bool_)
    for column, values in rules.keep.items():
        wanted &= among(cells.text(column), values)
    for column, values in rules.drop.items():
        wanted &= ~among(cells.text(column), values)
    for column in rules.filled:
        wanted &= ~missing(cells.text(column))
    for column in rules.empty:
        wanted &= missing(cells.text(column))
    chosen = pa.array(wanted)
    return RowBatch(file=batch.file, rows=batch.rows.filter(chosen), lines=batch.lines.filter(chosen))
