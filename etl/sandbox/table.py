"""What was taken as a table: every message in order of arrival."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from etl.sandbox.store import Store

SCHEMA: Final = pa.schema(
    [
        ("seq", pa.int64()), ("deployment_id", pa.string()), ("id", pa.string()), ("user_id", pa.string()),
        ("conversation_id", pa.int64()), ("kind", pa.string()), ("timestamp", pa.int64()),
        ("received_us", pa.int64()), ("answer", pa.string()), ("text", pa.string()),
        ("user_cvars", pa.string()), ("user_profile", pa.string()),
    ],
)  # fmt: skip
"""`timestamp` is in Unix seconds, `received_us` in microseconds; the last two are JSON objects."""

_ROWS: Final = f"SELECT {', '.join(SCHEMA.names)} FROM message WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608  names of columns


def tables(store: Store) -> Iterator[pa.RecordBatch]:
    """Yield all messages of an open store in batches of `SCHEMA`, while others may write."""
    for page in store.pages(_ROWS):
        columns = [
            pa.array(column, field.type)
            for column, field in zip(zip(*page, strict=True), SCHEMA, strict=True)
        ]
        yield pa.record_batch(columns, schema=SCHEMA)
