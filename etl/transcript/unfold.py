"""The stage: rows with a conversation each in, rows with a message each out."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from etl.config.job import Job
from etl.config.reading import POSITION_COLUMN
from etl.errors import InputError, UsageError
from etl.model.rejects import RejectCode
from etl.model.schemas import REJECT_SCHEMA, RowBatch
from etl.transcript.amazon_connect import parse_amazon_connect
from etl.transcript.columns import SPEAKER_COLUMN, refuse_shared
from etl.transcript.entry import Entry, Flaw, Parse
from etl.transcript.moments import written
from etl.transcript.salesforce import parse_salesforce
from etl.transcript.starts import read_starts
from etl.transcript.zendesk_chat import parse_zendesk_chat

MAX_ROWS: Final = 65_536
_MAX_BYTES: Final = 67_108_864
_PARSERS: Final[dict[str, Parse]] = {
    "salesforce": parse_salesforce,
    "zendesk-chat": parse_zendesk_chat,
    "amazon-connect": parse_amazon_connect,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfolded:
    """What became of a batch of conversations: rows in + extra = rows out + rejects, always."""

    rows: tuple[RowBatch, ...]
    """In order, none empty, at most `MAX_ROWS` rows each."""
    rejects: pa.RecordBatch
    """By `REJECT_SCHEMA`: conversations that can't be read; none of their messages is among the rows."""
    extra: int
    """Rows beyond one for each conversation; never negative."""


class Unfolder:
    """Unfolds conversations by a job. It keeps nothing from one batch to the next.

    Each message keeps its conversation's line and columns, but for the text, the time (ISO 8601 with an
    offset), the role (`customer`, `agent`, `bot` or `system`), the id (with `#` and the position behind it,
    unless it is empty), and `POSITION_COLUMN`, which is added.
    """

    def __init__(self, job: Job) -> None:
        """Prepare for a job.

        Raises:
            UsageError: the job names no parser, or maps a column twice that every message has its own of.
        """
        if job.input.transcript is None:
            raise UsageError("[input] transcript names no parser", hint=f"one of {', '.join(_PARSERS)}")
        self._parse = _PARSERS[job.input.transcript]
        self._columns = job.columns
        self._role = job.columns.role or SPEAKER_COLUMN
        self._time = job.time
        refuse_shared(job)

    def __call__(self, batch: RowBatch) -> Unfolded:
        """Return the messages of every conversation that can be read, and the rejects.

        Raises:
            InputError: the text column is absent, or it or the id column holds no texts.
        """
        texts = _cells(batch, self._columns.text)
        starts = self._starts(batch)
        widths = _widths(batch.rows.drop_columns([self._columns.text]))
        made = _Made()
        rows: list[RowBatch] = []
        rejects: list[tuple[int, str]] = []
        for parent in range(len(texts)):
            entries = self._read(texts[parent].as_py(), starts[parent])
            if not isinstance(entries, Flaw) and len(entries) * widths[parent] > _MAX_BYTES:
                entries = Flaw(detail=f"{len(entries)} messages beside cells too large to repeat that often")
            if isinstance(entries, Flaw):
                rejects.append((parent, entries.detail))
                continue
            made.add(parent, entries, widths[parent])
            if made.full:
                rows += self._batches(batch, made)
                made = _Made()
        rows += self._batches(batch, made)
        out = sum(one.rows.num_rows for one in rows)
        return Unfolded(
            rows=tuple(rows),
            rejects=self._rejects(batch, rejects),
            extra=out + len(rejects) - len(texts),
        )

    def _read(self, text: str | None, start: datetime | None) -> list[Entry] | Flaw:
        if text is None or not text.strip():
            return Flaw(detail="no transcript in the cell")
        return self._parse(text, start) or Flaw(detail="a transcript without any entry")

    def _starts(self, batch: RowBatch) -> list[datetime | None]:
        column = self._columns.timestamp
        if column not in batch.rows.schema.names:
            return [None] * batch.rows.num_rows
        return read_starts(self._time, batch.rows.column(column))

    def _batches(self, batch: RowBatch, made: "_Made") -> Iterator[RowBatch]:
        """Make rows of the entries gathered so far."""
        parents = pa.array(made.parents, pa.int64())
        own = {
            self._columns.text: pa.array(made.texts, pa.string()),
            self._columns.timestamp: pa.array(made.times, pa.string()),
            self._role: pa.array(made.speakers, pa.string()),
            POSITION_COLUMN: pa.array(made.positions, pa.string()),
        }
        identity = self._columns.id
        if identity is not None and identity in batch.rows.schema.names:
            ids = _cells(batch, identity).take(parents)
            numbered = pc.binary_join_element_wise(ids, own[POSITION_COLUMN], "#")
            own[identity] = pc.if_else(pc.greater(pc.binary_length(ids), 0), numbered, ids)
        kept = {
            name: batch.rows.column(name).take(parents) for name in batch.rows.schema.names if name not in own
        }
        order = dict.fromkeys([*batch.rows.schema.names, *own])
        rows = pa.RecordBatch.from_pydict({name: own[name] if name in own else kept[name] for name in order})
        lines = batch.lines.take(parents)
        for first in range(0, len(parents), MAX_ROWS):
            part = rows.slice(first, MAX_ROWS)
            yield RowBatch(file=batch.file, rows=part, lines=lines.slice(first, MAX_ROWS))

    def _rejects(self, batch: RowBatch, rejects: list[tuple[int, str]]) -> pa.RecordBatch:
        lines = batch.lines.take(pa.array([parent for parent, _ in rejects], pa.int64()))
        columns = (
            pa.repeat(batch.file, len(rejects)),
            lines,
            pa.repeat(RejectCode.TRANSCRIPT_UNREADABLE.value, len(rejects)),
            pa.repeat(self._columns.text, len(rejects)),
            pa.array([detail for _, detail in rejects], pa.string()),
        )
        return pa.RecordBatch.from_arrays(list(columns), schema=REJECT_SCHEMA)


@dataclass(slots=True)
class _Made:
    """Entries that were read and are no rows yet, column by column."""

    parents: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    speakers: list[str] = field(default_factory=list)
    positions: list[str] = field(default_factory=list)
    size: int = 0
    """About how many bytes the rows will have."""

    def add(self, parent: int, entries: list[Entry], width: int) -> None:
        self.parents += [parent] * len(entries)
        self.texts += [entry.text for entry in entries]
        self.times += [written(entry.at) for entry in entries]
        self.speakers += [entry.speaker.value for entry in entries]
        self.positions += [str(position) for position in range(len(entries))]
        self.size += len(entries) * width + sum(len(entry.text) for entry in entries)

    @property
    def full(self) -> bool:
        return len(self.parents) >= MAX_ROWS or self.size >= _MAX_BYTES


def _widths(rows: pa.RecordBatch) -> list[int]:
    """Return how many bytes of text each row repeats for each of its messages."""
    total = pa.repeat(pa.scalar(0, pa.int64()), rows.num_rows)
    for cells in rows.columns:
        if pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
            total = pc.add(total, pc.fill_null(pc.binary_length(cells), 0).cast(pa.int64()))
    widths: list[int] = total.to_pylist()
    return widths


def _cells(batch: RowBatch, column: str) -> pa.Array:
    """Return a column as exact strings."""
    fault = "is not there"
    if column in batch.rows.schema.names:
        cells = batch.rows.column(column)
        try:
            return cells.cast(pa.string())
        except pa.ArrowException:
            fault = f"has cells of type {cells.type}, which are no texts"
    raise InputError(
        f"{batch.file}: column {column!r} {fault}",
        hint="compare the names under [columns] with the file's header, and map a column of plain values",
    )
