"""Tables as CSV, Parquet or JSON lines. CSV cells are safe to open in a spreadsheet."""

import io
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, assert_never

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from etl.errors import UsageError
from etl.report.files import private_file

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_FORMULA: Final = r"^[=+\-@\t\r\n\x{ff1d}\x{ff0b}\x{ff0d}\x{ff20}]"
"""What a spreadsheet may take for a formula (OWASP's list and the full-width forms)."""


class TableFormat(StrEnum):
    """How a table is written."""

    CSV = "csv"
    """Every cell quoted; a leading ' before what could be a formula. JSON lines are the exact form."""
    PARQUET = "parquet"
    JSONL = "jsonl"


def write_table(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    sink: BinaryIO,
    *,
    table_format: TableFormat,
) -> int:
    """Write all batches and return how many rows that were; memory is bounded by one batch.

    The sink stays open, with everything flushed.

    Raises:
        UsageError: the sink can't take it (a full disk).
        BrokenPipeError: nobody reads it any more.
    """
    try:
        match table_format:
            case TableFormat.CSV:
                rows = _write_csv(batches, schema, sink)
            case TableFormat.PARQUET:
                rows = _write_parquet(batches, schema, sink)
            case TableFormat.JSONL:
                rows = _write_jsonl(batches, sink)
            case _:
                assert_never(table_format)
        sink.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UsageError(f"the table can't be written: {error.strerror or type(error).__name__}") from error
    return rows


def write_file(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    path: Path,
    *,
    table_format: TableFormat,
) -> int:
    """Write a private file that appears whole or not at all; return its rows.

    Raises:
        UsageError: it can't be written; what was there before stays.
    """
    with private_file(path) as sink:
        return write_table(batches, schema, sink, table_format=table_format)


def _write_csv(batches: Iterable[pa.RecordBatch], schema: pa.Schema, sink: BinaryIO) -> int:
    options = pa_csv.WriteOptions(quoting_style="all_valid")
    rows = 0
    with pa_csv.CSVWriter(sink, _text_schema(schema), write_options=options) as writer:
        for batch in batches:
            safe = [_safe(batch.column(place)) for place in range(batch.num_columns)]
            writer.write_batch(pa.record_batch(safe, schema=_text_schema(schema)))
            rows += batch.num_rows
    return rows


def _text_schema(schema: pa.Schema) -> pa.Schema:
    # A naive timestamp would be written without its zone; as text it is ISO 8601 with Z.
    return pa.schema(
        [pa.field(field.name, pa.string() if _is_text(field.type) else field.type) for field in schema],
    )


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_timestamp(kind))


def _safe(column: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(column.type):
        # Without its zone the value is the UTC one, and no zone database is asked.
        return pc.strftime(column.cast(pa.timestamp("us")), format="%Y-%m-%dT%H:%M:%SZ")
    if not pa.types.is_string(column.type):
        return column
    risky = pc.match_substring_regex(column, _FORMULA)
    return pc.if_else(risky, pc.binary_join_element_wise("'", column, ""), column)


class _Whole(io.RawIOBase):
    """Passes on what is written until `lost`.

    A writer of Parquet ends its file whatever happens, and half a table would then read as a whole one.
    """

    def __init__(self, sink: BinaryIO) -> None:
        super().__init__()
        self.lost = False
        self._sink = sink

    def writable(self) -> bool:
        """Return that it is."""
        return True

    def write(self, data: "ReadableBuffer") -> int:
        """Take all of it."""
        view = memoryview(data)
        if not self.lost:
            self._sink.write(view)
        return view.nbytes


def _write_parquet(batches: Iterable[pa.RecordBatch], schema: pa.Schema, sink: BinaryIO) -> int:
    rows, whole = 0, _Whole(sink)
    with pq.ParquetWriter(whole, schema, compression="zstd") as writer:
        try:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
        except BaseException:
            whole.lost = True
            raise
    return rows


def _write_jsonl(batches: Iterable[pa.RecordBatch], sink: BinaryIO) -> int:
    rows = 0
    for batch in batches:
        if not batch.num_rows:
            continue  # pandas would write a blank line
        # Without it an integer column with nulls would come out as 200.0.
        frame = batch.to_pandas(integer_object_nulls=True)
        text = frame.to_json(
            orient="records", lines=True, date_format="iso", date_unit="us", force_ascii=False
        )
        sink.write(text.encode())
        rows += batch.num_rows
    return rows
