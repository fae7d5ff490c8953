"""The tables of a plan as Parquet, written while they are read: no more than a row group is in memory."""

from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from etl.model.schemas import REJECT_SCHEMA

ROWS_PER_GROUP: Final = 8_192
"""Small row groups: many lanes are open at once and each holds a piece of its own."""

BYTES_PER_GROUP: Final = 8 << 20
"""Long texts make them smaller still, since readers keep several decoded."""

MESSAGES: Final = pa.schema(
    [
        ("key", pa.binary()), ("content", pa.binary()), ("lane", pa.string()), ("at_us", pa.int64()),
        ("sequence", pa.int64()), ("role", pa.string()), ("text", pa.string()),
        ("conversation", pa.string()), ("profile", pa.string()), ("variables", pa.string()),
        ("file", pa.string()), ("line", pa.int64()),
    ],
)  # fmt: skip
LANES: Final = pa.schema(
    [
        ("lane", pa.string()), ("first", pa.int64()), ("length", pa.int64()),
        ("first_at_us", pa.int64()), ("last_at_us", pa.int64()),
        ("part", pa.int32()), ("row", pa.int64()),
    ],
)  # fmt: skip
"""`first` is the ordinal of a lane's first message in the plan, `row` its row in the file of that `part`."""

_PLACES: Final = pa.schema([("file_number", pa.int32()), ("place", pa.int64())])
_COMPUTED: Final = frozenset({"key", "content"})
ARRIVED: Final = pa.schema(
    [
        *(field for field in MESSAGES if field.name not in _COMPUTED), *_PLACES,
        ("native_id", pa.string()), ("whole", pa.binary()), ("part", pa.int32()),
    ],
)  # fmt: skip
STAGED: Final = pa.schema([*MESSAGES, *_PLACES, ("characters", pa.int32())])
STAGED_REJECTS: Final = pa.schema([*REJECT_SCHEMA, *_PLACES])
TOUCHED: Final = pa.schema(
    [
        ("key", pa.binary()), ("content", pa.binary()), ("lane", pa.string()), ("at_us", pa.int64()),
        ("state", pa.string()),
    ],
)  # fmt: skip


def write_rows(
    reader: pa.RecordBatchReader,
    path: Path,
    schema: pa.Schema,
) -> None:
    """Write all rows into a private file.

    Raises:
        OSError: the disk is full, or what makes the rows failed.
        pyarrow.ArrowException: what makes the rows failed.
    """
    path.touch(mode=0o600, exist_ok=False)
    with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
        gathered: list[pa.RecordBatch] = []
        rows = 0
        for batch in reader:
            gathered.append(batch)
            rows += batch.num_rows
            if rows >= ROWS_PER_GROUP:
                _write_groups(writer, gathered, schema)
                gathered, rows = [], 0
        if rows:
            _write_groups(writer, gathered, schema)


def _write_groups(writer: pq.ParquetWriter, batches: list[pa.RecordBatch], schema: pa.Schema) -> None:
    table = pa.Table.from_batches(batches).cast(schema)
    fitting = table.num_rows * BYTES_PER_GROUP // table.nbytes
    writer.write_table(table, row_group_size=max(1, min(ROWS_PER_GROUP, fitting)))
