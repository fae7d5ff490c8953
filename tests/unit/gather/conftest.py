"""Gathering from a few words: rows of named files in, rows with file and line out."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from etl.config.job import Job
from etl.gather.store import Gathering
from etl.gather.summary import GatherSummary
from etl.model.schemas import RowBatch

Row = dict[str, Any]
Files = Sequence[RowBatch]

COLUMNS: dict[str, Any] = {
    "text": "body",
    "timestamp": "created",
    "user": {"customer_of": "ticket"},
    "author": "author",
    "role": "role",
    "conversation": "ticket",
}


def make_job(**settings: Any) -> Job:
    """Return a job with `customer_of`; settings replace whole tables or add to `columns`."""
    columns = {**COLUMNS, **settings.pop("columns", {})}
    tables: dict[str, Any] = {
        "source": "acme",
        "target": {"deployment_id": "d"},
        "columns": {name: column for name, column in columns.items() if column is not None},
        "roles": {"customer": ("end-user",), "agent": ("agent",)},
    }
    return Job.model_validate(tables | settings)


def make_batch(file: str, *rows: Row, lines: Sequence[int] = (), **typed: pa.Array) -> RowBatch:
    """Return rows of text, one line each from 2 on; `typed` are whole columns of other types."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: pa.array([row.get(name, "") for row in rows], pa.string()) for name in names}
    columns |= typed
    count = len(next(iter(columns.values()))) if columns else 0
    return RowBatch(
        file=file,
        rows=pa.RecordBatch.from_pydict(columns),
        lines=pa.array(lines or range(2, 2 + count), pa.int64()),
    )


def make_row(body: str, ticket: str = "t1", author: str = "c1", role: str = "end-user", at: str = "1") -> Row:
    """Return a row that lacks nothing."""
    return {"body": body, "ticket": ticket, "author": author, "role": role, "created": at}


def told(rows: pa.RecordBatch) -> list[Row]:
    """Return rows as dictionaries, times as text: Python's end with the year 9999."""
    columns = {
        name: column.cast(pa.string()) if pa.types.is_timestamp(column.type) else column
        for name, column in zip(rows.schema.names, rows.columns, strict=True)
    }
    dictionaries: list[Row] = pa.RecordBatch.from_pydict(columns).to_pylist()
    return dictionaries


class Gatherer:
    """Gathers in a folder and keeps what came out."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.batches: list[RowBatch] = []
        self.summary: GatherSummary | None = None

    def __call__(
        self, job: Job, *files: RowBatch, joined: Sequence[Files] = (), openings: Sequence[Files] = ()
    ) -> list[Row]:
        """Return all rows in order, each with `file` and `line`."""
        with Gathering(job, self._folder, memory_limit_mb=128) as gathering:
            for number, batches in enumerate(openings):
                for batch in batches:
                    gathering.add_opening(number, batch)
            for number, batches in enumerate(joined):
                for batch in batches:
                    gathering.add_joined(number, batch)
            for batch in files:
                gathering.add(batch)
            self.batches = list(gathering.rows())
            self.summary = gathering.summary()
        return [
            {**row, "file": batch.file, "line": line}
            for batch in self.batches
            for row, line in zip(told(batch.rows), batch.lines.to_pylist(), strict=True)
        ]

    def column(self, name: str) -> pa.Array:
        """Return a column of all the rows that came out last."""
        return pa.concat_arrays([batch.rows.column(name) for batch in self.batches])


@pytest.fixture
def gather(tmp_path) -> Gatherer:
    """Return a gatherer."""
    return Gatherer(tmp_path)


@pytest.fixture
def job() -> Callable[..., Job]:
    """Return the maker of jobs."""
    return make_job


@pytest.fixture
def batch() -> Callable[..., RowBatch]:
    """Return the maker of batches."""
    return make_batch


@pytest.fixture
def row() -> Callable[..., Row]:
    """Return the maker of rows."""
    return make_row
