"""Small tables of a report: the same on a page and as files."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from etl.report.export import TableFormat, write_file

Cell = str | int | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table with a row for each thing; a column holds words or numbers, never both."""

    name: str
    """Its file's name: lower case letters and underscores."""
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    here: int | None = None
    """The row to point out."""


def write_grids(grids: Iterable[Grid], folder: Path, *, table_format: TableFormat) -> None:
    """Write each table with rows as a private file of its name into a folder.

    Raises:
        UsageError: one can't be written.
    """
    for grid in grids:
        if grid.rows:
            columns = [pa.array(column) for column in zip(*grid.rows, strict=True)]
            batch = pa.record_batch(columns, names=list(grid.head))
            path = folder / f"{grid.name}.{table_format.value}"
            write_file([batch], batch.schema, path, table_format=table_format)
