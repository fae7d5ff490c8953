"""One row batch, described by what its cells differ in from a sound row."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from etl.config.job import Job
from etl.model.schemas import NormalizedBatch, RowBatch
from etl.normalize.batch import Normalizer

KEY = b"a key of 16 bytes or more"
NOW_US = 1_790_000_000_000_000
"""2026-09-21 14:13:20 UTC."""

SOUND = {
    "user": "u1",
    "who": "end-user",
    "when": "2024-05-01T10:00:00Z",
    "body": "hello",
    "ticket": "t1",
    "msg": "",
    "seq": "",
    "public": "true",
    "plan": "gold",
    "files": "",
    "gone": "false",
}
COLUMNS: dict[str, Any] = {
    "user": "user",
    "role": "who",
    "timestamp": "when",
    "text": "body",
    "conversation": "ticket",
    "id": "msg",
    "sequence": "seq",
    "visibility": "public",
}

Normalize = Callable[..., NormalizedBatch]


def make_job(**settings: Any) -> Job:
    """Return a job with every column mapped; settings replace whole tables or add to `columns`."""
    tables: dict[str, Any] = {
        "source": "acme",
        "target": {"deployment_id": "d"},
        "roles": {"customer": ("end-user",), "agent": ("agent",), "bot": ("bot",), "skip": ("system",)},
        "visibility": {"public": ("true",), "private": ("false",)},
    }
    columns = {**COLUMNS, **settings.pop("columns", {})}
    settings["time"] = {"format": "iso8601", **settings.get("time", {})}
    tables |= {"columns": {name: column for name, column in columns.items() if column is not None}}
    return Job.model_validate(tables | settings)


def make_batch(*rows: dict[str, Any], first_line: int = 2, **typed: pa.Array) -> RowBatch:
    """Return sound rows with the given cells; `typed` replaces whole columns."""
    count = max(len(rows), *(len(column) for column in typed.values())) if typed else len(rows)
    full = [{**SOUND, **row} for row in (*rows, *({} for _ in range(count - len(rows))))]
    columns = {name: pa.array([row[name] for row in full], pa.string()) for name in SOUND}
    lines = pa.array(range(first_line, first_line + count), pa.int64())
    return RowBatch(file="in.csv", rows=pa.RecordBatch.from_pydict(columns | typed), lines=lines)


@pytest.fixture
def normalize() -> Normalize:
    """Return a function of rows and job settings that normalizes them as one batch."""

    def run(
        *rows: dict[str, Any], typed: dict[str, pa.Array] | None = None, **settings: Any
    ) -> NormalizedBatch:
        batch = make_batch(*rows, **(typed or {}))
        done = Normalizer(make_job(**settings), now_us=NOW_US, key=KEY).for_file(batch)(batch)
        done.messages.validate(full=True)
        done.rejects.validate(full=True)
        fates = done.messages.num_rows + done.rejects.num_rows + sum(done.skipped.values())
        assert batch.rows.num_rows + done.split == fates
        return done

    return run


@pytest.fixture
def job() -> Callable[..., Job]:
    """Return the maker of jobs."""
    return make_job
