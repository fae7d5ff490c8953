"""Arrow schemas and batch values that cross from one stage to the next."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pyarrow as pa

from etl.model.keys import KEY_BYTES


class Role(StrEnum):
    """Who wrote a message."""

    CUSTOMER = "customer"
    AGENT = "agent"
    BOT = "bot"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowBatch:
    """Rows of one source file, as found: source -> normalize."""

    file: str
    """The file's name as shown to people: the path as given."""
    rows: pa.RecordBatch
    """The mapped columns under their source names. From CSV all are `string`, exact literals, and an
    empty cell is the empty string; from JSON lines strings too, null where there is none. From Parquet
    ids and texts are exact strings (null stays null) and times keep their type. Columns that a path gives
    (hive partitions) are strings."""
    lines: pa.Int64Array
    """Per row the physical line (CSV: where the record starts, 1-based, a line ends in LF) or the row
    number (Parquet, 1-based)."""


REJECT_SCHEMA: Final = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("code", pa.string(), nullable=False),
        pa.field("column", pa.string()),
        pa.field("detail", pa.string()),
    ],
)
"""Rejects. `code` is a `RejectCode`; `column` the source column; `detail` never holds message text."""

MESSAGE_SCHEMA: Final = pa.schema(
    [
        pa.field("lane", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("sequence", pa.int64()),
        pa.field("role", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("native_id", pa.string()),
        pa.field("conversation", pa.string()),
        pa.field("profile", pa.string()),
        pa.field("variables", pa.string()),
        pa.field("file", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("part", pa.int32(), nullable=False),
        pa.field("whole", pa.binary(KEY_BYTES)),
    ],
)
"""Messages: normalize -> plan. `lane` is the `user_id` to be sent. `role` is a `Role`. `profile` and
`variables` are JSON objects of strings. `part` counts from 1 the messages that one row was split into; they
share file, line, time and sequence, and `whole`, the content digest (`keys.content_digest`) of the row
before it was split; null elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalizedBatch:
    """One row batch after normalizing: rows in = messages + rejects + skipped, always."""

    messages: pa.RecordBatch
    """By `MESSAGE_SCHEMA`, in row order."""
    rejects: pa.RecordBatch
    """By `REJECT_SCHEMA`."""
    skipped: dict[str, int]
    """Rows left out by a rule, counted by `SkipReason` value."""
    changed: dict[str, int]
    """Texts that were altered, counted by what was done: `controls_removed`, `html_converted`,
    `truncated`, `quotes_stripped`, `composed`, `attachments_named`, `masked_email` …"""
    found: dict[str, int]
    """Texts in which something was noticed and left: personal data by kind (`email` …), `html`."""
    split: int
    """Messages beyond one a row: rows + split = messages + rejects + skipped."""
    offsets: dict[str, int]
    """Times by the offset they were written with, as `+02:00`, `Z`, `none`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSummary:
    """What was read of one file, once its end was reached and its counts were checked."""

    file: str
    format: str
    """How it was read, for people: `csv, delimiter ;` or `parquet`."""
    records: int
    """Data records, header and blank lines excluded: messages - split + rejects + skipped of this file."""
    blank_lines: int
    bytes_read: int
    """Uncompressed bytes that passed (CSV), the file's size (Parquet)."""
    overlooked: tuple[str, ...] = ()
    """Columns that can tell notes, drafts or deleted rows from messages and that the job does not use."""
