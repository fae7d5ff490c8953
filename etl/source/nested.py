"""Columns inside Arrow structs and lists: dotted paths and exploding."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from etl.errors import InputError

_ROWS = 16_384
"""Rows of a batch at most: an exploded list may be long."""
_LISTS = (
    types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view,
    types.is_large_list_view,
)  # fmt: skip


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
    for start in range(0, len(parents), _ROWS):
        rows = parents.slice(start, _ROWS)
        part = elements.slice(start, _ROWS)
        values = [
            pc.struct_field(part, list(column.steps)) if column.of_element else own[column].take(rows)
            for column in columns
        ]
        yield values, rows
