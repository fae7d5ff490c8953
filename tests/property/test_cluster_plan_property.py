"""Planning by many workers against planning in one process: the same plan, or the same refusal."""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import event, given, settings
from hypothesis import strategies as st

from etl.config.load import JobFile
from etl.config.workspace import Workspace
from etl.errors import EtlError
from etl.ledger.interface import Intent, Ledger, Outcome, PlanRecord
from etl.ledger.opening import open_ledger
from etl.model.plan import PlanFolder
from etl.model.states import State
from etl.pipeline import clustered, cutting
from etl.pipeline.looking import insight_of
from etl.pipeline.plans import Plans
from etl.pipeline.prepare import draft
from etl.pipeline.wish import Wish
from etl.plan.lanes import PlanReader, plan_rejects
from support.checked import COLUMNS, job_file
from support.history import write_csv
from support.workers import OneByOne

Row = dict[str, str]
NAMES = tuple(COLUMNS.values())
TARGET = "https://api.example/1"
OUTCOMES = (State.ACCEPTED, State.REJECTED, State.UNCERTAIN)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Return a row of so small a world that everything collides; some are no messages."""
    return {
        "id": draw(st.sampled_from(["", "", "", "1", "2"])),
        "ticket": draw(st.sampled_from(["", "t1", "t2"])),
        "user": draw(st.sampled_from(["ann", "bob", "cid", "ann", "bob", "cid", ""])),
        "role": draw(st.sampled_from(["customer", "agent", "customer", "agent", "nobody"])),
        "at": f"2024-03-0{draw(st.integers(1, 3))}T10:00:0{draw(st.integers(0, 2))}Z",
        "text": draw(st.sampled_from(["ok", "no", "a longer one that is cut", "again and again " * 9, ""])),
    }


FILES = st.lists(
    st.tuples(st.lists(rows(), max_size=14), st.booleans(), st.sampled_from([False] * 9 + [True])),
    min_size=1,
    max_size=4,
)
"""Rows of each file; whether it is Parquet; whether it is no file that can be read."""


def write(folder: Path, files: list[tuple[list[Row], bool, bool]]) -> None:
    """Write an input."""
    folder.mkdir()
    for number, (table, is_parquet, is_broken) in enumerate(files):
        if is_broken:
            (folder / f"{number}.csv").write_bytes(b"id,user\n1,2\n")
        elif is_parquet:
            whole = pa.Table.from_pylist(table, schema=pa.schema([(name, pa.string()) for name in NAMES]))
            pq.write_table(whole, folder / f"{number}.parquet", row_group_size=3)
        else:
            write_csv(folder / f"{number}.csv", [tuple(row.values()) for row in table], NAMES)


def touch(ledger: Ledger, plan: PlanFolder, outcomes: list[State]) -> None:
    """Have a run settle the first messages of a plan."""
    summary = plan.summary
    record = ledger.start_plan(
        PlanRecord(
            number=0, hash=summary.hash, fingerprint=summary.fingerprint, identity=summary.identity,
            source=summary.source, messages=summary.conservation.planned, lanes=summary.lanes, open=True,
        ),
        now_us=1,
    )  # fmt: skip
    run = ledger.start_run(record.number, host="h", pid=1, version="0", now_us=2)
    messages = PlanReader(plan).messages(0, summary.conservation.planned)
    for message, state in zip(messages, outcomes, strict=False):
        place = (record.number, message.ordinal, run)
        ledger.commit([Intent(*place, message.key, message.content, message.lane, message.at_us, 3)])
        ledger.commit([Outcome(*place, state, 4, "answered", "x")])
    ledger.end_run(run, exit_code=3, now_us=5)


@contextmanager
def workshop() -> Iterator[Path]:
    """Give a folder that goes away."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def outcome(folder: Path, job: Any, ledger: Ledger | None, wish: Wish) -> PlanFolder | tuple[str, str]:
    """Return the plan, or how it is refused."""
    space = Workspace(folder=folder, target=TARGET, lasting=False)
    space.create()
    try:
        return draft(job, space, ledger, wish, lambda _: None)
    except EtlError as error:
        return type(error).__name__, error.message


def everything(plan: PlanFolder, job: JobFile, folder: Path) -> dict[str, Any]:
    """Return all that a plan holds and what is seen of it, but where and when."""
    space = Workspace(folder=folder, target=TARGET, lasting=False)
    reader = PlanReader(plan)
    planned = plan.summary.conservation.planned
    lanes = [lane for batch in reader.lanes() for lane in batch]
    return {
        **{name: value for name, value in asdict(plan.summary).items() if name not in {"parts", "made_at"}},
        "insight": insight_of(plan, job.job, Plans(space, None)),
        "messages": list(reader.messages(0, planned)),
        "backwards": [list(reader.messages(lane.first, lane.first + lane.length)) for lane in lanes[::-1]],
        "lanes": lanes,
        "rejects": [row for batch in plan_rejects(plan) for row in batch.to_pylist()],
        "before": [row for batch in reader.written_before(1 << 60) for row in batch.to_pylist()],
    }


@given(
    old=FILES,
    outcomes=st.none() | st.lists(st.sampled_from(OUTCOMES), max_size=20),
    files=FILES,
    unfinished=st.sampled_from(["refuse", "carry", "drop"]),
    shards=st.integers(1, 3),
    settings_=st.sampled_from(
        [
            {},
            {"replay": {"late": "send"}},
            {"text": {"too_long": "split", "max_characters": 10}},
            {"input": {"on_file_error": "skip"}, "columns": {"id": None, "conversation": None}},
            {"input": {"on_file_error": "skip"}, "time": {"format": "iso8601"}},
        ]
    ),
)
@settings(max_examples=10, deadline=None)
def test_workers_make_the_very_plan_of_one_process(old, outcomes, files, unfinished, shards, settings_):
    """Any workers, shards, parts and history: hash, counts, rejects, insight and messages are the same."""
    workers = OneByOne()
    with (
        workshop() as folder,
        closing(open_ledger(folder / "l.sqlite", target=TARGET, create=True)) as ledger,
        patch.object(cutting, "PART_BYTES", 1),
        patch.object(clustered, "_shards", lambda *_: shards),
    ):
        if outcomes is not None:
            write(folder / "old", [(table, is_parquet, False) for table, is_parquet, _ in old])
            before = outcome(folder / "one", job_file(folder / "old", **settings_), None, Wish())
            outcome(folder / "many", job_file(folder / "old", **settings_), None, Wish(workers=OneByOne()))
            if isinstance(before, PlanFolder):
                touch(ledger, before, outcomes)
        write(folder / "new", files)
        job = job_file(folder / "new", **settings_)
        one = outcome(folder / "one", job, ledger, Wish(unfinished=unfinished))
        many = outcome(folder / "many", job, ledger, Wish(unfinished=unfinished, workers=workers))
        event(f"refused: {one[1][:4]}" if isinstance(one, tuple) else f"calls: {sorted(set(workers.calls))}")
        if isinstance(one, tuple) or isinstance(many, tuple):
            assert one == many
            return
        assert everything(one, job, folder / "one") == everything(many, job, folder / "many")
        assert many.summary.parts in {1, shards}
