"""The face of stage 1: any source file -> row batches, rejects and one summary."""

from collections.abc import Callable, Iterator

import pyarrow as pa

from etl.config.reading import Input
from etl.model.schemas import FileSummary, RowBatch
from etl.source.delimited import read_delimited
from etl.source.discover import SourceFile
from etl.source.parquet import read_parquet


def _silent(_: int) -> None:
    """Tell nobody."""


def read(
    file: SourceFile,
    columns: tuple[str, ...],
    settings: Input,
    *,
    times: frozenset[str] = frozenset(),
    progress: Callable[[int], None] = _silent,
) -> Iterator[RowBatch | pa.RecordBatch | FileSummary]:
    """Yield the rows of `file`, its rejects (by `REJECT_SCHEMA`), and at the very end one summary.

    `columns` are the mapped ones; those named in `times` keep their type when the file is Parquet, all
    others are exact strings. `progress` is told how many bytes of the file are consumed so far: a total,
    not a step, on the scale of `file.size` (compressed bytes of a gzip file), ending with `file.size`.

    Raises:
        InputError: the file as a whole is no good. What was yielded before must be discarded.
    """
    if file.format == "parquet":
        yield from read_parquet(file, columns, times=times, progress=progress)
    else:
        yield from read_delimited(file, columns, settings, progress)
