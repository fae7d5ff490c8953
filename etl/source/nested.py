"""Columns inside Arrow structs and lists: dotted paths and exploding."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import types

from etl.errors import InputError

_ROWS = 16_384
"""Rows of a batch at most: an exploded list may be long."""
_BYTES = 64 << 20
"""What a batch may repeat of its parents' texts: one long text beside a long list would fill any memory."""
_LISTS = (
    types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view,
    types.is_large_list_view,
)  # fmt: skip
_TEXTS = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Where a mapped column stands."""

    name: str
    steps: tuple[str, ...]
    """From struct to struct."""
    kind: pa.DataType
    of_element: bool
    """Inside the elements of the exploded list."""


def locate(fields: pa.Schema | pa.StructType, name: str) -> tuple[tuple[str, ...], pa.DataType] | None:
    """Return the way to a column and its type: a field of that very name, or a dotted path."""
    names = fields.names
    if name in names:
        return (name,), fields.field(name).type
    dot = name.find(".")
    while dot >= 0:
        outer = name[:dot]
        kind = fields.field(outer).type if outer in names else None
        if kind is not None and types.is_struct(kind) and (inner := locate(kind, name[dot + 1 :])):
            return (outer, *inner[0]), inner[1]
        dot = name.find(".", dot + 1)
    return None


def names_of(fields: pa.Schema | pa.StructType) -> list[str]:
    """Return the names of all columns, those inside structs as paths."""
    names: list[str] = []
    for field in fields:
        names.append(field.name)
        if types.is_struct(field.type):
            names += [f"{field.name}.{name}" for name in names_of(field.type)]
    return names


def is_explodable(kind: pa.DataType) -> bool:
    """Return whether a type is a list of structs."""
    return any(test(kind) for test in _LISTS) and types.is_struct(kind.value_type)


def element_type(label: str, name: str, kind: pa.DataType) -> pa.StructType:
    """Return the type of a list's elements.

    Raises:
        InputError: it is no list of structs.
    """
    if is_explodable(kind):
        return kind.value_type
    raise InputError(
        f"{label}: column {name!r} has the type {kind}, which is no list of structs",
        hint="`[input] explode` names a list whose elements have fields; other columns need none",
    )


def values_of(batch: pa.RecordBatch, steps: tuple[str, ...]) -> pa.Array:
    """Return the column at the end of `steps`; where a struct is null, so is everything in it."""
    column = batch.column(steps[0])
    return pc.struct_field(column, list(steps[1:])) if len(steps) > 1 else column


def exploded(
    batch: pa.RecordBatch, columns: list[Column], steps: tuple[str, ...]
) -> Iterator[tuple[list[pa.Array], pa.Array]]:
    """Yield the columns with a row for each element of the list at `steps`, and the row each came from."""
    lists = values_of(batch, steps)
    parents, elements = pc.list_parent_indices(lists), pc.list_flatten(lists)
    own = {column: values_of(batch, column.steps) for column in columns if not column.of_element}
    widths = sum((_widths(cells) for cells in own.values()), np.zeros(batch.num_rows, np.int64))
    for start, end in cuts(widths[parents.to_numpy(zero_copy_only=False)]):
        rows = parents.slice(start, end - start)
        part = elements.slice(start, end - start)
        values = [
            pc.struct_field(part, list(column.steps)) if column.of_element else own[column].take(rows)
            for column in columns
        ]
        yield values, rows


def cuts(widths: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the first row and the end of each batch of exploded rows, which repeat so many bytes each.

    A batch has at most 16,384 rows and 64 MiB of repeated texts, but always a row.
    """
    repeated = np.cumsum(widths)
    start = 0
    while start < len(widths):
        before = repeated[start - 1] if start else 0
        fitting = int(np.searchsorted(repeated, before + _BYTES, side="right"))
        end = max(start + 1, min(start + _ROWS, fitting))
        yield start, end
        start = end


def _widths(cells: pa.Array) -> NDArray[np.int64]:
    """Return how many bytes of text each cell has."""
    if types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    if not any(test(cells.type) for test in _TEXTS):
        return np.zeros(len(cells), np.int64)
    lengths = pc.fill_null(pc.binary_length(cells), 0)
    return np.asarray(lengths.to_numpy(zero_copy_only=False), np.int64)
