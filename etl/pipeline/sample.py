"""The first rows of a source file, and which columns it has: what `etl init` looks at."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, Final, Literal

import pyarrow as pa
from pyarrow import parquet, types

from etl.config.look import Look
from etl.config.reading import Input
from etl.errors import InputError
from etl.model.schemas import RowBatch
from etl.source.dialect import settle
from etl.source.discover import SourceFile
from etl.source.exact import Record, read_header
from etl.source.formats import Compression, Format
from etl.source.nested import locate, names_of
from etl.source.reader import read
from etl.source.strict import LineError, parse
from etl.source.text import Text
from etl.source.window import Window

Typed = Literal["text", "instant", "naive-instant", "nested"]
"""What a file says of a column by itself."""

COUNTED_ROWS: Final = 200_000
"""Rows in which the values of single columns are counted, over all files."""

_LOOKED_AT_ROWS: Final = 2_000
_LOOKED_AT_CELLS: Final = 1_000_000
_DISTINCT: Final = 200
"""Values counted in one column; a column of more holds no roles."""
_CHUNK_BYTES: Final = 1 << 20
_OBJECTS: Final = 500
"""JSON lines whose keys are taken for columns."""


def columns_of(file: SourceFile, settings: Input) -> dict[str, Typed]:
    """Return the columns of a file in its order, those without a name left out.

    Raises:
        InputError: the file can't be read.
    """
    packed_parquet = file.format is Format.PARQUET and file.compression is not Compression.NONE
    if packed_parquet or file.format is Format.JSON_ARRAY:
        # No row comes of it: the reader says why, in the words that `check` has.
        next(read(file, (), settings))
    found = _named(file, settings)
    found.update({key: "text" for key, _ in file.partitions if key not in found})
    return {name: kind for name, kind in found.items() if name}


def _named(file: SourceFile, settings: Input) -> dict[str, Typed]:
    if file.format is Format.PARQUET:
        return _parquet_columns(file)
    return _json_columns(file, settings) if file.format is Format.JSONL else _csv_columns(file, settings)


def look_at(file: SourceFile, columns: dict[str, Typed], settings: Input) -> dict[str, Look]:
    """Return what the first rows show of each column.

    Raises:
        InputError: the file can't be read.
    """
    readable = tuple(name for name, kind in columns.items() if kind != "nested")
    most = min(_LOOKED_AT_ROWS, max(_LOOKED_AT_CELLS // max(len(readable), 1), 1))
    cells: dict[str, list[str | None]] = {name: [] for name in readable}
    for rows in _first(file, readable, settings, most):
        for name, found in cells.items():
            found.extend(rows.column(name).to_pylist())
    return {
        name: Look(name=name, cells=tuple(cells.get(name, ())), typed=kind) for name, kind in columns.items()
    }


def count_values(
    files: Sequence[SourceFile], columns: Sequence[str], settings: Input
) -> tuple[dict[str, dict[str, int]], int]:
    """Return how often each value of the columns stands in the first rows, and how many rows that are.

    Columns of very many values are left out: they hold ids or texts.

    Raises:
        InputError: a file can't be read, or lacks a column.
    """
    counts: dict[str, Counter[str]] = {name: Counter() for name in columns}
    left = COUNTED_ROWS
    for file in files if columns else ():
        for rows in _first(file, tuple(columns), settings, left):
            left -= rows.num_rows
            for name, found in counts.items():
                for pair in rows.column(name).value_counts().to_pylist():
                    found[pair["values"] or ""] += pair["counts"]
        counts = {name: values for name, values in counts.items() if len(values) <= _DISTINCT}
        if left <= 0:
            break
    return {name: dict(values.most_common()) for name, values in counts.items()}, COUNTED_ROWS - max(left, 0)


def _first(
    file: SourceFile, columns: tuple[str, ...], settings: Input, most: int
) -> Iterator[pa.RecordBatch]:
    """Yield the first rows of a file, at most so many."""
    with closing(read(file, columns, settings)) as items:  # type: ignore[type-var]
        for item in items:
            if not isinstance(item, RowBatch):
                continue
            yield item.rows.slice(0, most)
            most -= item.rows.num_rows
            if most <= 0:
                return


def _csv_columns(file: SourceFile, settings: Input) -> dict[str, Typed]:
    with Text(file, encoding=settings.encoding, chunk_bytes=_CHUNK_BYTES) as text:
        window = Window(text)
        header, _ = read_header(window, settle(window, settings, file.label))
    if not isinstance(header, Record):
        raise InputError(f"{file.label}: no header line was found", hint="export it again, with column names")
    return dict.fromkeys(header.fields, "text")


def _parquet_columns(file: SourceFile) -> dict[str, Typed]:
    try:
        with file.place.open_seekable() as stream:
            schema = parquet.read_schema(stream)
    except (pa.ArrowException, OSError) as error:
        raise InputError(
            f"{file.label}: the Parquet file is damaged or can't be read ({type(error).__name__})",
            hint="copy or export it again",
        ) from error
    found: dict[str, Typed] = {}
    for name in names_of(schema):
        place = locate(schema, name)
        if place is not None and not types.is_struct(place[1]):
            found[name] = _typed(place[1])
    return found


def _typed(kind: pa.DataType) -> Typed:
    kind = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_timestamp(kind):
        return "naive-instant" if kind.tz is None else "instant"
    # Binary cells have no one text, as nested ones.
    return "nested" if types.is_nested(kind) or types.is_binary(kind) else "text"


def _json_columns(file: SourceFile, settings: Input) -> dict[str, Typed]:
    with Text(file, encoding=settings.encoding, chunk_bytes=_CHUNK_BYTES) as text:
        lines = text.read().data.split(b"\n")
    found: dict[str, Typed] = {}
    for line in lines[:_OBJECTS]:
        try:
            record = parse(line.decode("utf-8", "replace").strip())
        except LineError:
            continue  # `check` says which lines are none
        for name, value in _flat(record, ""):
            if isinstance(value, list):
                found[name] = "nested"
            else:
                found.setdefault(name, "text")
    if not found:
        raise InputError(f"{file.label}: none of its first lines is a JSON object", hint="export it again")
    return found


def _flat(record: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the values of an object by their dotted paths."""
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
