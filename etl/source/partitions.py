"""Columns that stand in the path: `…/dt=2024-01-01/role=agent/part.parquet`, as Hive and Spark write them."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

import pyarrow as pa

from etl.model.schemas import RowBatch

_NULL: Final = "__HIVE_DEFAULT_PARTITION__"

Partitions = tuple[tuple[str, str | None], ...]
"""Key and value, URL-decoded, outermost first; None is a missing value."""


def partitions_of(path: str) -> Partitions:
    """Return the keys in the folders of `path`; the innermost of equal ones counts."""
    found: dict[str, str | None] = {}
    for folder in path.split("/")[:-1]:
        key, equals, value = folder.partition("=")
        if key and equals:
            found[unquote(key)] = None if value == _NULL else unquote(value)
    return tuple(found.items())


def filled(batch: RowBatch, columns: Sequence[str], partitions: Partitions) -> RowBatch:
    """Return the batch with all `columns` in their order; those that it lacks are constants of the path."""
    names = batch.rows.schema.names
    if names == list(columns):
        return batch
    constants = dict(partitions)
    values = [
        batch.rows.column(name) if name in names else _constant(constants[name], len(batch.lines))
        for name in columns
    ]
    rows = pa.RecordBatch.from_arrays(values, names=list(columns))
    return RowBatch(file=batch.file, rows=rows, lines=batch.lines)


def _constant(value: str | None, size: int) -> pa.StringArray:
    return pa.repeat(pa.scalar(value, pa.string()), size)
