"""A plan on disk: whole or not at all, private, found again, never in each other's way."""

import fcntl
import json
import os
import stat
from contextlib import suppress

import pytest

from etl.errors import InputError
from etl.plan.store import building, find_plan, load_plan, plan_path


def names(folder):
    """Return what is in a folder."""
    return [path.name for path in folder.iterdir()]


def mode(path):
    """Return a path's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_a_plan_lies_under_the_first_12_of_its_hash(planner, row):
    """The name people see in every report leads to the folder."""
    plan = planner([row()])
    assert planner.plans / plan.summary.hash[:12] == plan.path
    assert plan_path(planner.plans, plan.summary.hash) == plan.path
    assert {"messages.parquet", "lanes.parquet", "rejects.parquet", "plan.json"} == set(names(plan.path))


def test_a_plan_is_private_whatever_the_umask(planner, row):
    """It holds the texts (promise P8)."""
    before = os.umask(0)
    try:
        plan = planner([row()])
    finally:
        os.umask(before)
    assert {0o600} == {mode(file) for file in plan.path.iterdir()}
    assert (0o700, 0o700) == (mode(plan.path), mode(planner.plans))


def test_a_plan_reads_back_as_it_was_written(planner, row):
    """`plan.json` says everything that the summary does."""
    plan = planner([row(), row(role="agent")], rejects=(9,), skipped={"role": 1})
    assert plan == load_plan(plan.path)


def test_nothing_of_the_build_stays(planner, row):
    """Neither its folder nor DuckDB's spill."""
    plan = planner([row()])
    assert {".lock", plan.path.name} == set(names(planner.plans))


def test_a_failed_build_leaves_no_plan(tmp_path):
    """A plan appears whole or not at all."""
    with suppress(ZeroDivisionError), building(tmp_path / "plans") as folder:
        (folder / "messages.parquet").write_bytes(b"half")
        raise ZeroDivisionError
    assert [".lock"] == names(tmp_path / "plans")


def test_two_builds_at_once_have_folders_of_their_own(tmp_path):
    """`check` beside a running `import` must not pull its folder away."""
    with building(tmp_path) as one:
        with building(tmp_path) as two:
            assert one != two
            assert one.is_dir()
        assert one.is_dir()
    assert [".lock"] == names(tmp_path)


def test_what_a_dead_build_left_is_removed(tmp_path):
    """It may hold gigabytes of texts; the kernel dropped its lock when it died."""
    left, older = tmp_path / ".building-dead", tmp_path / ".building-1234"
    left.mkdir()
    older.mkdir()
    (left / "pulse").touch()
    (left / "messages.parquet").write_bytes(b"half")
    with building(tmp_path) as folder:
        assert {".lock", folder.name} == set(names(tmp_path))


def test_a_build_that_lives_in_another_process_stays(tmp_path):
    """Liveness is a lock, not a process id: containers number their processes alike."""
    left = tmp_path / ".building-1"
    left.mkdir()
    with (left / "pulse").open("w") as pulse:
        fcntl.flock(pulse, fcntl.LOCK_EX)
        with building(tmp_path):
            assert left.is_dir()


def test_the_same_plan_again_keeps_the_messages_that_a_run_may_be_reading(planner, row):
    """By the hash they are equal; the summary and the rejects are the new ones."""
    plan = planner([row()])
    inode = plan.messages[0].stat().st_ino
    again = planner([row()], rejects=(7,), names={"ledger_mark": "m2"})
    assert plan.path == again.path
    assert inode == again.messages[0].stat().st_ino
    assert again == load_plan(plan.path)


@pytest.mark.parametrize("other", ["not json", "[]", "5", '{"plan_version": 2}', '{"plan_version": 99}', ""])
def test_a_damaged_plan_or_one_of_another_version_is_none(planner, row, other):
    """The same command then makes it anew."""
    plan = planner([row()])
    (plan.path / "plan.json").write_text(other)
    assert load_plan(plan.path) is None
    assert find_plan(planner.plans, fingerprint="f" * 64, ledger_mark="new") is None
    assert plan == planner([row()]) == load_plan(plan.path)


@pytest.mark.parametrize("name", ["messages.parquet", "lanes.parquet", "rejects.parquet"])
def test_a_plan_without_one_of_its_tables_is_none(planner, row, name):
    """Half a plan is no plan."""
    plan = planner([row()])
    (plan.path / name).unlink()
    assert load_plan(plan.path) is None


def test_another_plan_in_its_place_is_replaced_as_a_whole(planner, row):
    """A summary beside another plan's messages would send the wrong ones."""
    plan = planner([row()])
    other = planner([row("other")])
    for file in other.path.iterdir():
        file.replace(plan.path / file.name)
    assert ["hello"] == planner.texts(planner([row()]))


def test_a_plan_is_found_by_fingerprint_and_mark(planner, row):
    """The same input against the same ledger needs no reading."""
    plan = planner([row()], names={"ledger_mark": "m1"})
    assert plan == find_plan(planner.plans, fingerprint="f" * 64, ledger_mark="m1")
    assert find_plan(planner.plans, fingerprint="f" * 64, ledger_mark="m2") is None
    assert find_plan(planner.plans, fingerprint="0" * 64, ledger_mark="m1") is None


def test_a_plan_under_construction_is_not_found(planner, row):
    """Its folder is about to move away."""
    plan = planner([row()])
    plan.path.rename(planner.plans / ".building-x")
    assert find_plan(planner.plans, fingerprint="f" * 64, ledger_mark="new") is None


def test_no_plan_is_found_where_no_folder_is(tmp_path):
    """The first command of all."""
    assert find_plan(tmp_path / "none", fingerprint="f", ledger_mark="m") is None


def test_plans_that_cannot_be_written_are_an_input_error(tmp_path):
    """A file stands where the folder should."""
    (tmp_path / "plans").touch()
    with (
        pytest.raises(InputError, match="plans can't be written there: File exists"),
        building(tmp_path / "plans"),
    ):
        pass


def test_the_summary_is_readable_json_with_its_version(planner, row):
    """People and scripts read it, too."""
    plan = planner([row()])
    data = json.loads((plan.path / "plan.json").read_text())
    assert data["plan_version"] == 3
    assert data["conservation"]["planned"] == 1
