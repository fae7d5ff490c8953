"""Cells as they are stored and as they come back: always text, beside it the number of their Arrow type."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from etl.errors import InputError

TEXT: Final = 0
"""The kind of cells that are texts."""


class Kinds:
    """The Arrow types that were met, each with a number."""

    def __init__(self) -> None:
        self._types: list[pa.DataType] = [pa.string()]

    def encode(self, column: pa.Array) -> tuple[pa.Array, int | None]:
        """Return cells as texts that lose nothing, and their kind; a column without a type has none.

        Times become the digits of their ticks, so that no calendar limits them.

        Raises:
            pa.ArrowException: cells of this type can't be told as text.
        """
        if types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if types.is_null(column.type):
            return column.cast(pa.string()), None
        text = as_text(column.cast(pa.int64()) if types.is_timestamp(column.type) else column)
        textual = types.is_string(column.type) or types.is_large_string(column.type)
        if textual or types.is_string_view(column.type):
            return text, TEXT
        if column.type not in self._types:
            self._types.append(column.type)
        return text, self._types.index(column.type)

    def decode(self, text: pa.Array, kinds: set[int], kind: pa.Array) -> pa.Array:
        """Return cells of a file in which these `kinds` occur; `kind` is that of each cell.

        Of one kind they get their type back, exactly. Of several they are texts: times in ISO 8601 with
        `Z` where they had a zone, everything else as it was written.
        """
        if not kinds:
            return text
        if len(kinds) == 1:
            return _typed(text, self._types[next(iter(kinds))])
        for number in sorted(kinds):
            if types.is_timestamp(self._types[number]):
                mine = pc.equal(kind, number)
                told = _iso(pc.if_else(mine, text, pa.scalar(None, pa.string())), self._types[number])
                text = pc.if_else(pc.fill_null(mine, fill_value=False), told, text)
        return text

    def ticks_per_second(self) -> dict[int, int]:
        """Return the kinds that are times, with their unit."""
        units = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
        return {
            number: units[kind.unit] for number, kind in enumerate(self._types) if types.is_timestamp(kind)
        }


def as_text(column: pa.Array) -> pa.Array:
    """Return cells as plain strings.

    Raises:
        pa.ArrowException: cells of this type can't be told as text.
    """
    return column.cast(pa.string())


def cells_of(rows: pa.RecordBatch, name: str, file: str) -> pa.Array:
    """Return a column of a batch.

    Raises:
        InputError: it is not there.
    """
    if name not in rows.schema.names:
        raise InputError(
            f"{file}: column {name!r} is not there",
            hint="compare the names in the job with the file's header",
        )
    return rows.column(name)


def untellable(file: str, name: str, kind: pa.DataType) -> InputError:
    """Return the error for cells that are neither texts nor numbers nor times."""
    return InputError(
        f"{file}: column {name!r} has cells of type {kind}, which are no texts",
        hint="map a column of plain values",
    )


def _typed(text: pa.Array, kind: pa.DataType) -> pa.Array:
    return text.cast(pa.int64()).cast(kind) if types.is_timestamp(kind) else text.cast(kind)


def _iso(ticks: pa.Array, kind: pa.DataType) -> pa.Array:
    zone = None if kind.tz is None else "UTC"
    return ticks.cast(pa.int64()).cast(pa.timestamp(kind.unit, zone)).cast(pa.string())
