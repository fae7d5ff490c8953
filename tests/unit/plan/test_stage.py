"""Staging: carried messages, and what an earlier plan would leave behind."""

import duckdb
import pyarrow as pa
import pytest

from etl.errors import InputError
from etl.model.schemas import REJECT_SCHEMA, NormalizedBatch
from etl.plan.stage import Staging


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


def test_batches_before_the_first_insert_are_bounded_by_bytes(tmp_path, messages, row, monkeypatch):
    """What is gathered is outside DuckDB's limit, so long texts must not pile up."""
    monkeypatch.setattr("etl.plan.stage._BYTES_PER_INSERT", 1_000)
    rejects = pa.RecordBatch.from_pylist([], schema=REJECT_SCHEMA)
    batch = NormalizedBatch(messages=messages([row("x" * 2_000)]), rejects=rejects, skipped={}, changed={})
    with Staging(tmp_path, memory_limit_mb=128) as staging:
        staging.add(batch)
        assert staging._pending == []


@pytest.mark.parametrize(("limit", "threads"), [(128, 1), (100_000, None)])
def test_threads_are_few_when_memory_is(tmp_path, limit, threads):
    """Each pins blocks: too many run out of memory instead of spilling."""
    with duckdb.connect() as plain:
        default = plain.execute("SELECT current_setting('threads')").fetchall()
    with Staging(tmp_path, memory_limit_mb=limit) as staging:
        found = staging.connection().execute("SELECT current_setting('threads')").fetchall()
    assert (default if threads is None else [(threads,)]) == found


def test_too_little_memory_is_an_input_error_with_a_hint(tmp_path):
    """Never a traceback of the engine."""
    with (
        pytest.raises(InputError, match=r"^planning failed: Out of Memory Error: [^\n]*$") as caught,
        Staging(tmp_path, memory_limit_mb=128) as staging,
    ):
        staging.connection().execute("SET memory_limit = '1KB'")
    assert "plan.memory_limit_mb" in caught.value.hint


def test_other_failures_of_the_engine_are_told_without_their_words(tmp_path):
    """A conversion error quotes the value, which might be a message's text (promise P8)."""
    with pytest.raises(InputError) as caught, Staging(tmp_path, memory_limit_mb=128) as staging:
        staging.connection().execute("SELECT CAST('secret words' AS INTEGER)")
    assert caught.value.message == "planning failed: ConversionException"
