"""Report files that the platform mailed: CSV, JSON lines or a workbook."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from etl.config.reading import Input
from etl.config.verify import ReportColumns
from etl.errors import InputError
from etl.model.schemas import FileSummary, RowBatch
from etl.source.discover import discover
from etl.source.reader import read
from etl.source.workbook import is_workbook, read_workbook
from etl.verify.cells import renamed
from etl.verify.theirs import Theirs


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRead:
    """A report file that was read."""

    label: str
    source: int
    """Its number among the report's sources."""
    rows: int
    damaged: int
    """Records that could not be read: with any of them, absence from this file proves nothing."""


def read_files(paths: Sequence[Path], theirs: Theirs, columns: ReportColumns) -> list[FileRead]:
    """Read report files into `theirs`.

    Raises:
        InputError: a file is missing, no table, or lacks a column.
        UsageError: a workbook needs an extra that is not installed.
    """
    return [_read_file(path, number, theirs, columns) for number, path in enumerate(paths)]


def _read_file(path: Path, source: int, theirs: Theirs, columns: ReportColumns) -> FileRead:
    rows = damaged = 0
    try:
        for batch, rejected in _batches(path, columns.mapped):
            damaged += rejected
            if batch is not None:
                theirs.add(source, renamed(batch, columns, first=rows))
                rows += batch.num_rows
    except InputError as error:
        hint = error.hint.replace("`[columns]`", "[verify.columns]")
        raise InputError(error.message, hint="" if "[input]" in hint else hint) from error
    return FileRead(label=str(path), source=source, rows=rows, damaged=damaged)


def _batches(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[pa.RecordBatch | None, int]]:
    """Yield batches of rows, and how many records were damaged."""
    if is_workbook(path):
        for rows in read_workbook(path, columns):
            yield rows, 0
        return
    for file in discover([str(path.resolve())], base=path.parent):
        for item in read(file, columns, Input()):
            if isinstance(item, RowBatch):
                yield item.rows, 0
            elif not isinstance(item, FileSummary):
                yield None, item.num_rows
