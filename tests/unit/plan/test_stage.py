"""Staging: carried messages, and what an earlier plan would leave behind."""

import os
from collections import Counter
from threading import Event, Timer

import duckdb
import pyarrow as pa
import pytest

from etl.errors import InputError
from etl.model.schemas import REJECT_SCHEMA, FileSummary, NormalizedBatch
from etl.plan.order import decide
from etl.plan.stage import Staging
from etl.plan.tally import Tally


@pytest.fixture
def old(planner, row):
    """Return an unfinished plan of three messages."""
    return planner([row("a"), row("b", at=1), row("c", at=2)])


def test_left_behind_counts_the_untouched_messages_that_the_input_lacks(planner, row, known, old):
    """`a` was sent and `b` is in the input again: only `c` would vanish."""
    planner([row("b", at=1)], touched=[known(row("a"))], carry=old)
    assert planner.left == 1


def test_nothing_is_left_behind_when_the_input_holds_it_all(planner, row, old):
    """The same history exported again needs no decision."""
    planner([row("c", at=2), row("b", at=1), row("a"), row("d", at=3)], carry=old)
    assert planner.left == 0


def test_repeats_are_left_behind_by_their_own_keys(planner, row):
    """An input with one `ok` does not hold the second one."""
    old = planner([row("ok"), row("ok")])
    planner([row("ok")], carry=old)
    assert planner.left == 1


def test_carried_messages_are_planned_in_order_and_counted(planner, row, known, old):
    """Rows + carried = everything else: what is in both is a duplicate of the carried one."""
    plan = planner([row("b", at=1), row("d", at=1.5)], touched=[known(row("a"))], carry=old)
    counts = plan.summary.conservation
    assert planner.texts(plan) == ["b", "d", "c"]
    assert (counts.rows, counts.carried, counts.duplicates, counts.planned) == (2, 2, 1, 3)
    assert counts.balanced


def test_carried_messages_keep_their_order_among_equal_instants(planner, row):
    """The old plan broke the tie by file order, which its file names and lines do not tell."""
    old = planner([row("9", at=9), row("2"), row("3")], [row("4"), row("1", sequence=1)], file_names="zb")
    plan = planner([row("5")], carry=old)
    assert planner.texts(old) == ["1", "2", "3", "4", "9"]
    assert planner.texts(plan) == ["1", "2", "3", "4", "5", "9"]


def test_a_carried_plan_gives_the_same_hash_when_nothing_else_came(planner, old):
    """The same messages in the same order are the same plan."""
    assert old.summary.hash == planner(carry=old).summary.hash


def test_a_plan_can_be_carried_twice(planner, row, old):
    """Its messages keep their keys, repeats too."""
    again = planner([row("ok", at=3), row("ok", at=3)], carry=old)
    third = planner([row("ok", at=3), row("ok", at=3)], carry=again)
    assert planner.texts(third) == ["a", "b", "c", "ok", "ok"]
    assert third.summary.conservation.duplicates == 2


def batch(messages, **counts):
    """Return messages as normalizing gives them."""
    rejects = pa.RecordBatch.from_pylist([], schema=REJECT_SCHEMA)
    none = {"skipped": {}, "changed": {}, "found": {}, "split": 0, "offsets": {}}
    return NormalizedBatch(messages=messages, rejects=rejects, **{**none, **counts})


def summary(name, records):
    """Return the end of a file."""
    return FileSummary(file=name, format="csv", records=records, blank_lines=0, bytes_read=1)


def test_rows_before_the_first_write_are_bounded_by_bytes(tmp_path, messages, row, monkeypatch):
    """What is gathered is outside DuckDB's limit, so long texts must not pile up."""
    monkeypatch.setattr("etl.plan.spool._BYTES_PER_PIECE", 1_000)
    with Staging(tmp_path, memory_limit_mb=128, source="acme") as staging:
        staging.add(batch(messages([row("x" * 2_000)])))
        assert staging._staged._gathered == []


def test_a_staged_input_is_private_whatever_the_umask(tmp_path, messages, row):
    """It holds the texts (promise P8)."""
    before = os.umask(0)
    try:
        with Staging(tmp_path, memory_limit_mb=128, source="acme") as staging:
            staging.add(batch(messages([row()])))
            staging.connection()
            modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "spill").glob("*.*")}
            folder = (tmp_path / "spill").stat().st_mode & 0o777
    finally:
        os.umask(before)
    assert ({0o600}, 0o700) == (modes, folder)


def test_nothing_of_a_discarded_file_stays(tmp_path, messages, row):
    """`on_file_error = "skip"` leaves a file out whole: messages, rejects and counts."""
    counts = {"skipped": {"role": 1}, "changed": {"truncated": 1}, "found": {"email": 1}, "split": 2}
    bad = pa.RecordBatch.from_pylist([{"file": "b", "line": 1, "code": "empty_text"}], schema=REJECT_SCHEMA)
    with Staging(tmp_path, memory_limit_mb=128, source="acme") as staging:
        staging.add(batch(messages([row(lane="a")]), offsets={"Z": 1}))
        staging.finish_file(summary("a", 1))
        staging.add(batch(messages([row("b"), row(lane="a")]), offsets={"Z": 2}, **counts))
        staging.add_rejects(bad)
        staging.add_extra(4)
        staging.discard_file()
        staging.skip_file("b", "cut off")
        staging.add(batch(messages([row(lane="c")]), offsets={"none": 1}))
        staging.finish_file(summary("c", 1))
        connection = staging.connection()
        named = connection.execute("SELECT lane FROM staged ORDER BY place").fetchall()
        rejects = connection.execute("SELECT count(*) FROM rejects").fetchall()
    assert [("a",), ("c",)] == named
    assert [(0,)] == rejects
    assert Tally(offsets=Counter({"Z": 1, "none": 1})) == staging.tally
    assert (["b: cut off"], ["a", "c"], 2) == (
        staging.skipped_files, [file.file for file in staging.files], staging.rows,
    )  # fmt: skip


def test_a_full_disk_while_staging_is_an_input_error(tmp_path, messages, row, monkeypatch):
    """A plan needs as much room as its input; nothing was sent."""
    monkeypatch.setattr("etl.plan.spool._ROWS_PER_PIECE", 1)

    def fail(*_):
        raise OSError(28, "No space left on device")

    with Staging(tmp_path, memory_limit_mb=128, source="acme") as staging:
        monkeypatch.setattr(staging._staged._writer, "write_table", fail)
        staging.add(batch(messages([row()])))
        with pytest.raises(InputError, match="can't be staged there: No space left on device"):
            staging.connection()


def test_a_piece_that_was_not_written_ends_the_staging_at_the_next(tmp_path, messages, row, monkeypatch):
    """Pieces are written beside what is read; no later one may hide that an earlier one is missing."""
    monkeypatch.setattr("etl.plan.spool._ROWS_PER_PIECE", 1)
    with Staging(tmp_path, memory_limit_mb=128, source="acme") as staging:
        write = staging._staged._writer.write_table

        def fail_once(*_):
            monkeypatch.setattr(staging._staged._writer, "write_table", write)
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(staging._staged._writer, "write_table", fail_once)
        staging.add(batch(messages([row("a")])))
        with pytest.raises(InputError, match="No space left on device"):
            staging.add(batch(messages([row("b")])))


def test_pieces_are_staged_in_the_order_in_which_they_came(tmp_path, messages, row, monkeypatch):
    """Of equal instants the one that stood first is sent first."""
    monkeypatch.setattr("etl.plan.spool._ROWS_PER_PIECE", 1)
    texts = [str(number) for number in range(20)]
    with Staging(tmp_path, memory_limit_mb=128, source="acme") as staging:
        for text in texts:
            staging.add(batch(messages([row(text, lane=text)])))
        found = staging.connection().execute("SELECT lane FROM staged ORDER BY row").fetchall()
        staging.payload.close()
        payload = [text for rows in staging.payload.mapped() for text in rows.column("text").to_pylist()]
    assert (texts, texts) == ([text for (text,) in found], payload)


@pytest.mark.parametrize(("lane_length", "text_length"), [(1, 1), (20_000, 1), (1, 80_000), (20_000, 80_000)])
def test_rows_that_grow_out_of_memory_are_staged_as_others_are(
    tmp_path, messages, row, lane_length, text_length
):
    """What decides and what is written have room of their own: 16 and 64 MiB of a limit of 128."""
    lanes = [f"{number:04}".ljust(lane_length, "x") for number in range(1_000)]
    with Staging(tmp_path, memory_limit_mb=128, source="acme") as staging:
        for first in range(0, 1_000, 100):
            rows = [row("y" * text_length, lane=lane) for lane in lanes[first : first + 100]]
            staging.add(batch(messages(rows, first_line=first)))
        found = staging.connection().execute("SELECT row, lane FROM staged ORDER BY place").fetchall()
        ordered = decide(staging, reject_late=False)
        order = ordered.order()
        sizes = {path.name: path.stat().st_size for path in (tmp_path / "spill").iterdir()}
    assert list(enumerate(lanes)) == found
    assert (1_000, list(range(1_000))) == (order.planned, order.ordinals.tolist())
    assert (lane_length > 1) == (sizes["staged.parquet"] > 0)
    assert (text_length > 1) == ("payload.arrow" in sizes)


def test_staging_that_fails_waits_for_the_piece_on_its_way(tmp_path, messages, row, monkeypatch):
    """The engine must not be closed, nor the folder removed, under a thread that uses it."""
    monkeypatch.setattr("etl.plan.spool._ROWS_PER_PIECE", 1)
    going, finished = Event(), Event()

    def interrupted():
        with Staging(tmp_path, memory_limit_mb=128, source="acme") as staging:
            write = staging._staged._writer.write_table

            def linger(*given):
                going.wait(10)
                write(*given)
                finished.set()

            monkeypatch.setattr(staging._staged._writer, "write_table", linger)
            staging.add(batch(messages([row()])))
            Timer(0.05, going.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert finished.is_set()


@pytest.mark.parametrize(("limit", "threads"), [(128, 1), (100_000, None)])
def test_threads_are_few_when_memory_is(tmp_path, limit, threads):
    """Each pins blocks: too many run out of memory instead of spilling."""
    with duckdb.connect() as plain:
        default = plain.execute("SELECT current_setting('threads')").fetchall()
    with Staging(tmp_path, memory_limit_mb=limit, source="acme") as staging:
        found = staging.connection().execute("SELECT current_setting('threads')").fetchall()
    assert (default if threads is None else [(threads,)]) == found


def test_too_little_memory_is_an_input_error_with_a_hint(tmp_path):
    """Never a traceback of the engine."""
    with (
        pytest.raises(InputError, match=r"^planning failed: Out of Memory Error: [^\n]*$") as caught,
        Staging(tmp_path, memory_limit_mb=128, source="acme") as staging,
    ):
        staging.connection().execute("SET memory_limit = '1KB'; CREATE TABLE big AS FROM range(1000000)")
    assert "plan.memory_limit_mb" in caught.value.hint


def test_other_failures_of_the_engine_are_told_without_their_words(tmp_path):
    """A conversion error quotes the value, which might be a message's text (promise P8)."""
    with (
        pytest.raises(InputError) as caught,
        Staging(tmp_path, memory_limit_mb=128, source="acme") as staging,
    ):
        staging.connection().execute("SELECT CAST('secret words' AS INTEGER)")
    assert caught.value.message == "planning failed: ConversionException"


def test_equal_rows_without_id_stay_two_beside_batches_with_ids(tmp_path, messages, row):
    """Nothing looks for them when all rows have ids, so a single one without must be noticed."""
    with Staging(tmp_path, memory_limit_mb=128, source="acme") as staging:
        for rows in ([row("a", id="1")], [row("ok"), row("ok")], [row("b", id="2")]):
            staging.add(batch(messages(rows)))
        keys = staging.connection().execute("SELECT count(DISTINCT key) FROM staged").fetchall()
    assert [(4,)] == keys
