"""Parquet -> row batches: the mapped columns only, ids and texts as exact strings, times as they are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from etl.errors import InputError
from etl.model.schemas import FileSummary, RowBatch
from etl.source.discover import SourceFile
from etl.source.header import explode_advice, missing_columns, present
from etl.source.literals import as_strings, as_times, check_text_type, check_time_type, is_sound
from etl.source.nested import Column, element_type, exploded, is_explodable, locate, names_of, values_of

_BATCH_ROWS = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """Where everything that is mapped stands in a file."""

    columns: list[Column]
    list_steps: tuple[str, ...] | None
    """The way to the list that is exploded."""

    @property
    def read(self) -> list[str]:
        """Return what Parquet must decode."""
        own = [".".join(column.steps) for column in self.columns if not column.of_element]
        return [*own, ".".join(self.list_steps)] if self.list_steps else own


def read_parquet(
    file: SourceFile,
    columns: tuple[str, ...],
    explode: str | None,
    *,
    times: frozenset[str],
    progress: Callable[[int], None],
) -> Iterator[RowBatch | FileSummary]:
    """Yield a Parquet file's rows, and at last its summary; a row's line is its number from 1.

    A mapped column may be a path into structs, as `author.type`. With `explode`, when a mapped column is
    inside that list, each element is a row with its parent's line; an empty list gives none.

    Raises:
        InputError: the file is damaged (the message says how many rows were readable), lacks a column, or
            a column's type can't be what it is mapped as.
    """
    records = 0
    reading: list[str] = []
    with _readable(file, reading), _opened(file) as source:
        groups = range(*(file.row_groups or (0, source.num_row_groups)))
        before = sum(source.metadata.row_group(group).num_rows for group in range(groups.start))
        done, total = before, before + sum(source.metadata.row_group(group).num_rows for group in groups)
        layout = _layout(file, source.schema_arrow, columns, explode)
        reading += layout.read
        for column in layout.columns:
            check = check_time_type if column.name in times else check_text_type
            check(file.label, column.name, column.kind)
        for batch in source.iter_batches(
            _BATCH_ROWS, row_groups=list(groups), columns=reading, use_threads=False
        ):
            for values, parents in _rows(batch, layout):
                rows = pa.RecordBatch.from_arrays(
                    [
                        _cells(file, value, column.name, is_time=column.name in times, before=done)
                        for column, value in zip(layout.columns, values, strict=True)
                    ],
                    names=[column.name for column in layout.columns],
                )
                records += len(parents)
                yield RowBatch(file=file.label, rows=rows, lines=pa.array(parents + (done + 1), pa.int64()))
            done += batch.num_rows
            progress(file.size * done // max(source.metadata.num_rows, 1))
    if done != total:
        raise InputError(f"{file.label}: its footer says {total} rows but {done} could be read")
    if file.row_groups is None:
        progress(file.size)
    yield FileSummary(
        file=file.label,
        format=f"parquet, {done - before} rows exploded by {explode}" if layout.list_steps else "parquet",
        records=records,
        blank_lines=0,
        bytes_read=file.size,
    )


def _cells(file: SourceFile, column: pa.Array, name: str, *, is_time: bool, before: int) -> pa.Array:
    cells = as_times(column) if is_time else as_strings(column)
    if not is_sound(cells):
        raise InputError(
            f"{file.label}: column {name!r} holds bytes that are no UTF-8, in the rows after {before}",
            hint="the file is damaged or was written wrongly: export it again; nothing of it was taken",
        )
    return cells


def _rows(batch: pa.RecordBatch, layout: _Layout) -> Iterator[tuple[list[pa.Array], Any]]:
    """Yield the mapped columns, and for each row its number in the batch."""
    if layout.list_steps is None:
        yield [values_of(batch, column.steps) for column in layout.columns], np.arange(batch.num_rows)
        return
    for values, parents in exploded(batch, layout.columns, layout.list_steps):
        yield values, parents.to_numpy(zero_copy_only=False)


def _layout(file: SourceFile, schema: pa.Schema, columns: tuple[str, ...], explode: str | None) -> _Layout:
    """Return where the columns stand.

    Raises:
        InputError: one of them is not there, or what is to be exploded is no list of structs.
    """
    prefix = f"{explode}."
    list_steps = None
    places: dict[str, Column] = {}
    names = names_of(schema)
    element: pa.StructType | None = None
    if explode and any(name.startswith(prefix) for name in columns):
        found = locate(schema, explode)
        if found is None:
            raise missing_columns(file.label, names, [explode])
        list_steps, element = found[0], element_type(file.label, explode, found[1])
        names += [f"{prefix}{name}" for name in names_of(element)]
    for name in columns:
        inner = element is not None and name.startswith(prefix)
        found = locate(element, name[len(prefix) :]) if inner else locate(schema, name)
        if found is not None:
            places[name] = Column(name=name, steps=found[0], kind=found[1], of_element=inner)
    present(file, schema.names, [])
    advice = explode_advice([field.name for field in schema if is_explodable(field.type)])
    own = present(file, list(dict.fromkeys([*names, *places])), columns, advice)
    return _Layout(columns=[places[name] for name in own], list_steps=list_steps)


@contextmanager
def _opened(file: SourceFile) -> Iterator[parquet.ParquetFile]:
    with file.place.open_seekable() as stream, parquet.ParquetFile(stream, pre_buffer=False) as source:
        yield source


@contextmanager
def _readable(file: SourceFile, columns: list[str]) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{file.label}: the Parquet file is damaged or can't be read ({type(error).__name__}); "
            f"{_sound_rows(file, columns)} rows were readable",
            hint="copy or export it again; nothing of it was taken",
        ) from error


def _sound_rows(file: SourceFile, columns: list[str]) -> int:
    """Return how many rows stand in the row groups before the first damaged one."""
    rows = 0
    try:
        with _opened(file) as source:
            for group in range(source.num_row_groups):
                batches = source.iter_batches(_BATCH_ROWS, row_groups=[group], columns=columns)
                rows += sum(batch.num_rows for batch in batches)
    except (pa.ArrowException, OSError):
        pass  # that is the damage
    return rows
