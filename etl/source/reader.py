"""The face of stage 1: any source file -> row batches, rejects and one summary."""

from collections.abc import Callable, Iterator
from typing import assert_never

import pyarrow as pa

from etl.config.reading import Input
from etl.errors import InputError
from etl.model.schemas import FileSummary, RowBatch
from etl.source.coalesce import coalesced
from etl.source.delimited import Item, read_delimited
from etl.source.discover import SourceFile
from etl.source.formats import Compression, Format
from etl.source.jsonl import read_jsonl
from etl.source.parquet import read_parquet
from etl.source.partitions import filled


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
    others are exact strings. One that the file lacks but that is a key in its path is a constant.
    `progress` is told how many bytes of the file are consumed so far: a total, not a step, on the scale of
    `file.size` (packed bytes of a packed file), ending with `file.size`.

    `skip_lines` and `delimiter` concern CSV only; `explode` only files in which a mapped column is inside
    that list.

    Raises:
        InputError: the file as a whole is no good. What was yielded before must be discarded.
    """
    for item in coalesced(_items(file, columns, settings, times, progress)):
        yield filled(item, columns, file.partitions) if isinstance(item, RowBatch) else item


def _items(
    file: SourceFile,
    columns: tuple[str, ...],
    settings: Input,
    times: frozenset[str],
    progress: Callable[[int], None],
) -> Iterator[Item]:
    kind = _format(file, settings)
    match kind:
        case Format.CSV:
            return read_delimited(file, columns, settings, progress)
        case Format.JSONL:
            return read_jsonl(file, columns, settings, progress)
        case Format.PARQUET:
            return read_parquet(file, columns, settings.explode, times=times, progress=progress)
        case Format.JSON_ARRAY:
            raise InputError(
                f"{file.label}: is one JSON array, not JSON lines: each line must be an object by itself",
                hint="turn it into lines with `jq -c '.[]' FILE > FILE.jsonl`",
            )
        case _:
            assert_never(kind)


def _format(file: SourceFile, settings: Input) -> Format:
    """Return how the file is to be read.

    Raises:
        InputError: the job says something that can't be.
    """
    found = file.format
    if found is Format.PARQUET and file.compression is not Compression.NONE:
        raise InputError(
            f"{file.label}: is a Parquet file inside {file.compression}",
            hint="unpack it first: Parquet is packed inside, and read from its end",
        )
    if settings.format == "auto" or (settings.format == "jsonl" and found is Format.JSON_ARRAY):
        return found
    wanted = Format(settings.format)
    if (wanted is Format.PARQUET) != (found is Format.PARQUET):
        what = "is a Parquet file" if found is Format.PARQUET else "is no Parquet file"
        raise InputError(
            f'{file.label}: {what}, but the job says `[input] format = "{wanted}"`',
            hint='set `[input] format = "auto"`, or leave the file out',
        )
    return wanted
