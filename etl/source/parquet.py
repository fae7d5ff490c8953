"""Parquet -> row batches: the mapped columns only, ids and texts as exact strings, times as they are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyarrow as pa
from pyarrow import parquet

from etl.errors import InputError
from etl.model.schemas import FileSummary, RowBatch
from etl.source.discover import SourceFile
from etl.source.header import positions
from etl.source.literals import as_strings, as_times, check_text_type, check_time_type

_BATCH_ROWS = 16_384


def read_parquet(
    file: SourceFile, columns: tuple[str, ...], *, times: frozenset[str], progress: Callable[[int], None]
) -> Iterator[RowBatch | FileSummary]:
    """Yield a Parquet file's rows, and at last its summary; a row's line is its number from 1.

    Raises:
        InputError: the file is damaged (the message says how many rows were readable), lacks a column, or
            a column's type can't be what it is mapped as.
    """
    done = 0
    with _readable(file, columns), parquet.ParquetFile(file.path, pre_buffer=False) as source:
        schema = source.schema_arrow
        positions(file.label, schema.names, columns)
        for name in columns:
            check = check_time_type if name in times else check_text_type
            check(file.label, name, schema.field(name).type)
        total = source.metadata.num_rows
        for batch in source.iter_batches(_BATCH_ROWS, columns=list(columns), use_threads=False):
            values = [
                as_times(batch.column(name)) if name in times else as_strings(batch.column(name))
                for name in columns
            ]
            rows = pa.RecordBatch.from_arrays(values, names=list(columns))
            lines = pa.array(range(done + 1, done + 1 + rows.num_rows), pa.int64())
            done += rows.num_rows
            yield RowBatch(file=file.label, rows=rows, lines=lines)
            progress(file.size * done // max(total, 1))
    if done != total:
        raise InputError(f"{file.label}: its footer says {total} rows but {done} could be read")
    progress(file.size)
    yield FileSummary(file=file.label, format=file.format, records=done, blank_lines=0, bytes_read=file.size)


@contextmanager
def _readable(file: SourceFile, columns: tuple[str, ...]) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{file.label}: the Parquet file is damaged or can't be read ({type(error).__name__}); "
            f"{_sound_rows(file, columns)} rows were readable",
            hint="copy or export it again; nothing of it was taken",
        ) from error


def _sound_rows(file: SourceFile, columns: tuple[str, ...]) -> int:
    """Return how many rows stand in the row groups before the first damaged one."""
    rows = 0
    try:
        with parquet.ParquetFile(file.path, pre_buffer=False) as source:
            for group in range(source.num_row_groups):
                batches = source.iter_batches(_BATCH_ROWS, row_groups=[group], columns=list(columns))
                rows += sum(batch.num_rows for batch in batches)
    except (pa.ArrowException, OSError):
        pass  # that is the damage
    return rows
