"""A plan by many workers beyond its equality with one process's (a property): kills, leftovers, joins."""

import fcntl
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.config.workspace import Workspace
from etl.errors import InputError, LaterError
from etl.model.events import Event, PlanStep, Warned
from etl.pipeline import clustered, cutting
from etl.pipeline.prepare import draft
from etl.pipeline.wish import Wish
from etl.plan.lanes import PlanReader
from etl.source.coalesce import BATCH_ROWS
from support.checked import job_file, rows, write
from support.leaks import leaks, loose_modes
from support.workers import LostError, OneByOne

TARGET = "https://api.example/1"


def space(folder: Path) -> Workspace:
    """Return a workspace."""
    made = Workspace(folder=folder, target=TARGET, lasting=False)
    made.create()
    return made


def plan(folder, workers, *, state="state", observe=lambda _: None, **tables):
    """Return the plan of all files of a folder."""
    job = job_file(folder, **tables)
    return draft(job, space(folder.parent / state), None, Wish(workers=workers), observe)


@pytest.fixture
def folder(tmp_path):
    """Return a folder with two files of six users."""
    inputs = tmp_path / "in"
    inputs.mkdir()
    for name, start in (("a.csv", 0), ("b.csv", 20)):
        table = rows(
            *({"user": f"u{n % 6}@example.com", "id": f"m{start + n}"} for n in range(20)),
            text="hush, a secret",
        )
        write(inputs, table, name)
    return inputs


def exchanges(tmp_path):
    """Return the folders that plans in the making have left."""
    return sorted(path.name for path in (tmp_path / "state" / "plans").glob(".building-*"))


@pytest.mark.parametrize("fail_at", [0, 1, 2, 5, 6, 9])
def test_a_killed_plan_goes_on_where_it_was(folder, tmp_path, fail_at):
    """The same command again makes only what was not made: a large input is not read twice."""
    whole = OneByOne()
    wanted = plan(folder, whole, state="other").summary
    workers = OneByOne(fail_at=fail_at)
    with pytest.raises(LostError):
        plan(folder, workers)
    again = OneByOne()
    summary = plan(folder, again).summary
    assert wanted.hash == summary.hash
    assert whole.calls == workers.calls + again.calls
    assert [] == exchanges(tmp_path)


def test_what_a_dead_plan_has_left_is_removed_by_the_next_one(folder, tmp_path):
    """It holds messages; nobody would look for it."""
    with pytest.raises(LostError):
        plan(folder, OneByOne(fail_at=3))
    assert 1 == len(exchanges(tmp_path))
    (folder / "b.csv").unlink()
    plan(folder, OneByOne())
    assert [] == exchanges(tmp_path)


def test_a_plan_by_one_process_removes_it_too(folder, tmp_path):
    """Whoever gives the cluster up keeps no copy of the input."""
    with pytest.raises(LostError):
        plan(folder, OneByOne(fail_at=3))
    plan(folder, None)
    assert [] == exchanges(tmp_path)


def test_two_that_make_the_same_plan_at_once_do_not_meet(folder, tmp_path):
    """The second would take the folder away under the first."""
    with pytest.raises(LostError):
        plan(folder, OneByOne(fail_at=3))
    (name,) = exchanges(tmp_path)
    with (tmp_path / "state" / "plans" / name / "pulse").open("rb") as pulse:
        fcntl.flock(pulse, fcntl.LOCK_EX)
        with pytest.raises(LaterError, match="this very plan"):
            plan(folder, OneByOne())


def test_only_the_owner_may_read_what_workers_exchange(folder, tmp_path):
    """Message texts pass through it (promise P8)."""
    with pytest.raises(LostError):
        plan(folder, OneByOne(fail_at=6))
    (name,) = exchanges(tmp_path)
    root = tmp_path / "state" / "plans" / name
    assert 0 == root.stat().st_mode & 0o077
    assert [] == loose_modes(root)
    said = [path.read_text() for path in root.glob("*.json")]
    assert len(said) > 3
    assert [] == leaks(root / "none", said, ["hush, a secret", "u1@example.com"])


def test_a_plan_in_parts_keeps_each_lane_whole_in_order_of_rank(folder):
    """A worker that sends a part needs no other one."""
    made = plan(folder, OneByOne(workers=2))
    assert 4 == made.summary.parts == len(made.messages)
    lanes = pq.read_table(made.lanes).to_pylist()
    assert sorted(lanes, key=lambda lane: (-lane["length"], lane["lane"])) == lanes
    for lane in lanes:
        part = pq.read_table(made.messages[lane["part"]]).slice(lane["row"], lane["length"])
        assert {lane["lane"]} == set(part.column("lane").to_pylist())
    rows_of = [sum(lane["length"] for lane in lanes if lane["part"] == part) for part in range(4)]
    assert rows_of == [pq.read_metadata(path).num_rows for path in made.messages]


def test_the_same_plan_made_otherwise_keeps_the_files_that_a_run_may_be_reading(folder):
    """One process or many: a plan of that hash is there, and its files may be open."""
    one = plan(folder, None)
    inode = one.messages[0].stat().st_ino
    write(
        folder, rows({"user": "u0@example.com", "id": "m0", "text": "hush, a secret"}), "c.csv"
    )  # a duplicate: another fingerprint, the same plan
    many = plan(folder, OneByOne())
    assert (one.summary.hash, 1) == (many.summary.hash, many.summary.parts)
    assert inode == many.messages[0].stat().st_ino
    assert 40 == len(list(PlanReader(many).messages(0, 40)))


def test_rows_that_are_joined_first_are_one_part(folder, tmp_path):
    """A join needs all rows of both sides in one place."""
    people = tmp_path / "people"
    people.mkdir()
    write(people, [{"user": f"u{n}@example.com", "mail": f"{n}@b.com"} for n in range(6)], "people.csv")
    tables = {
        "join": [
            {"files": [str(people / "people.csv")], "on": "user", "key": "user", "columns": {"mail": "mail"}}
        ],
        "columns": {"profile": {"email": "mail"}},
    }
    workers = OneByOne()
    made = plan(folder, workers, **tables)
    assert 1 == workers.calls.count("stage_part")
    assert plan(folder, None, state="one", **tables).summary.hash == made.summary.hash


@pytest.fixture
def large(tmp_path, monkeypatch):
    """Return a folder with a Parquet file of four row groups, each a part."""
    monkeypatch.setattr(cutting, "PART_BYTES", 1)
    inputs = tmp_path / "large"
    inputs.mkdir()
    table = pa.Table.from_pylist(rows(*({"user": f"u{n % 3}"} for n in range(40))))
    pq.write_table(table, inputs / "a.parquet", row_group_size=10)
    return inputs


def test_row_groups_of_a_file_are_parts_that_count_as_one_file(large):
    """Summary, lines and occurrences are those of the file."""
    workers = OneByOne()
    many = plan(large, workers)
    one = plan(large, None, state="one")
    assert 4 == workers.calls.count("stage_part")
    assert (one.summary.hash, one.summary.files) == (many.summary.hash, many.summary.files)
    assert list(range(1, 41)) == sorted(
        line for path in many.messages for line in pq.read_table(path).column("line").to_pylist()
    )


def test_a_file_whose_beginning_does_not_tell_its_times_stays_whole(large):
    """A part alone might find another format than the file as a whole does."""
    table = pa.Table.from_pylist(rows(*({"at": ""} for _ in range(BATCH_ROWS)), {}))
    pq.write_table(table, large / "a.parquet", row_group_size=9_000)
    workers = OneByOne()
    many = plan(large, workers, time={"format": "auto"})
    assert 1 == workers.calls.count("stage_part")
    assert plan(large, None, state="one", time={"format": "auto"}).summary.hash == many.summary.hash


def test_a_damaged_part_leaves_its_whole_file_out(large):
    """Half a file would be half a history."""
    write(large, rows({"user": "zoe"}), "b.csv")
    data = bytearray((large / "a.parquet").read_bytes())
    offset = pq.read_metadata(large / "a.parquet").row_group(2).column(1).data_page_offset
    data[offset : offset + 20] = b"\xff" * 20
    (large / "a.parquet").write_bytes(data)
    events: list[Event] = []
    tables = {"input": {"on_file_error": "skip"}}
    many = plan(large, OneByOne(), observe=events.append, **tables)
    one = plan(large, None, state="one", **tables)
    assert (one.summary.hash, one.summary.files) == (many.summary.hash, many.summary.files)
    assert one.summary.skipped_files == many.summary.skipped_files
    assert 1 == sum(isinstance(event, Warned) for event in events)
    with pytest.raises(InputError, match="20 rows were readable"):
        plan(large, OneByOne(), state="stop")


def test_each_piece_of_work_is_told(folder):
    """Hours may pass between the first file and the plan."""
    events: list[Event] = []
    plan(folder, OneByOne(workers=1), observe=events.append)
    steps = [(event.step, event.done, event.pieces) for event in events if isinstance(event, PlanStep)]
    wanted = [(step, done, 2) for step in ("reading", "comparing", "sorting") for done in (1, 2)]
    assert wanted == steps


def test_shards_grow_with_the_input_and_the_workers():
    """Every worker has some, none holds more than memory and a reader can open them all."""
    assert 8 == clustered._shards(1_000, 4)
    assert 40 == clustered._shards(10 << 30, 4)
    assert 256 == clustered._shards(10 << 40, 4)
