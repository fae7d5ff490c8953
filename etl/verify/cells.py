"""Rows of an answer -> the columns that are compared, as strings. An answer has a few hundred rows."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from etl.config.verify import ReportColumns
from etl.errors import UsageError
from etl.verify.theirs import HEARD

_SHOWN: Final = 40


def heard(rows: Sequence[Mapping[str, Any]], columns: ReportColumns) -> pa.Table:
    """Return rows by `HEARD`.

    Raises:
        UsageError: no row has a column that the job names; the message lists those that there are.
    """
    missing = [name for name in columns.mapped if rows and not any(_has(row, name) for row in rows)]
    if missing:
        found = sorted({str(name)[:_SHOWN] for row in rows for name in row})[:_SHOWN]
        raise UsageError(
            f"the report has no column {', '.join(map(repr, missing))}; found {', '.join(map(repr, found))}",
            hint="name its columns under [verify.columns]",
        )
    cells = [[_text(_value(row, name)) if name else None for row in rows] for name in names(columns)]
    arrays = [pa.array(range(len(rows)), pa.int64()), *(pa.array(column, pa.string()) for column in cells)]
    return pa.Table.from_arrays(arrays, schema=HEARD)


def names(columns: ReportColumns) -> tuple[str | None, ...]:
    """Return the report's columns in the order of `HEARD`, without the place."""
    return (columns.user, columns.text, columns.timestamp, columns.id, columns.order)


def renamed(rows: pa.RecordBatch, columns: ReportColumns, *, first: int) -> pa.Table:
    """Return rows of a file, strings under the report's names, by `HEARD`; `first` is their first place."""
    nothing = pa.nulls(rows.num_rows, pa.string())
    cells = [rows.column(name) if name else nothing for name in names(columns)]
    return pa.Table.from_arrays(
        [pa.array(range(first, first + rows.num_rows), pa.int64()), *cells], schema=HEARD
    )


def _has(row: Mapping[str, Any], name: str) -> bool:
    return name in row or (
        isinstance(row.get(name.partition(".")[0]), dict) and _value(row, name) is not None
    )


def _value(row: Mapping[str, Any], name: str) -> object:
    if name in row:
        return row[name]
    value: object = row
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: object) -> str | None:
    if isinstance(value, bool) or value is None or isinstance(value, (list, dict)):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # JSON can spell half a surrogate pair.
    return str(value).encode("utf-8", "replace").decode()
