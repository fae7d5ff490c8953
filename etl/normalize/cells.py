"""A batch's columns by their source names."""

import pyarrow as pa

from etl.errors import InputError
from etl.model.schemas import RowBatch


class Cells:
    """Gives columns as the checks want them, or says which of the job's names is wrong."""

    def __init__(self, batch: RowBatch) -> None:
        self._batch = batch

    def __contains__(self, column: str) -> bool:
        return column in self._batch.rows.schema.names

    def text(self, column: str) -> pa.Array:
        """Return a column as exact strings.

        Raises:
            InputError: it is not there, or its type can hold no text.
        """
        cells = self._column(column)
        try:
            return cells.cast(pa.string())
        except pa.ArrowException as problem:
            raise self._unusable(column, f"has cells of type {cells.type}, which are no texts") from problem

    def optional(self, column: str | None) -> pa.Array | None:
        """Return a column that may not be mapped."""
        return None if column is None else self.text(column)

    def time(self, column: str) -> pa.Array:
        """Return a column with its type, unless its cells are strings in some way of storing them."""
        cells = self._column(column)
        kind = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
        textual = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        return cells.cast(pa.string()) if textual or pa.types.is_null(kind) else cells

    def _column(self, column: str) -> pa.Array:
        if column not in self:
            raise self._unusable(column, "is not there")
        return self._batch.rows.column(column)

    def _unusable(self, column: str, fault: str) -> InputError:
        return InputError(
            f"{self._batch.file}: column {column!r} {fault}",
            hint="compare the names under [columns] and [rows] with the file's header, and map columns of "
            "plain values",
        )
