"""Opening a ledger that may not be the one that is remembered."""

import getpass
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from etl.clock import MICROSECONDS, SYSTEM
from etl.config.workspace import Workspace
from etl.errors import LedgerError, UsageError
from etl.ledger.interface import Intent, Ledger, Outcome, PlanRecord
from etl.ledger.postgres.address import address
from etl.ledger.rescue import SideFile
from etl.model.events import Event, Warned
from etl.model.states import State
from etl.pipeline.opening import Opened, Trust, ledger_concern, opened, who
from support.postgres import drop, server

TARGET = "https://app.example/1"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Return a home of its own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    folder = Path(tmp_path / "home")
    folder.mkdir()
    return folder


@pytest.fixture
def space(tmp_path, home) -> Workspace:  # noqa: ARG001  nothing may be written to the real one
    """Return the folder of a real platform."""
    return Workspace(folder=tmp_path / "state", target=TARGET, lasting=True)


@contextmanager
def opening_of(
    space: Workspace, said: list[Event] | None = None, trust: Trust = Trust.REMEMBERED
) -> Iterator[Opened]:
    """Open it as an import does."""
    heard: list[Event] = [] if said is None else said
    with opened(space, create=True, observe=heard.append, trust=trust) as found:
        yield found


def run_once(ledger: Ledger, ordinal: int, *, settle: bool = True) -> tuple[int, int]:
    """Play a run that sends one message; return the numbers of plan and run."""
    record = PlanRecord(
        number=0, hash="h", fingerprint="f", identity="i", source="s", messages=9, lanes=9, open=True
    )
    plan = (ledger.open_plan() or ledger.start_plan(record, now_us=1)).number
    run = ledger.start_run(plan, host="h", pid=1, version="0", now_us=1)
    intent = Intent(
        plan=plan, ordinal=ordinal, run=run, key=ordinal.to_bytes(16, "big"), content=bytes(16),
        lane=str(ordinal), at_us=1, now_us=1,
    )  # fmt: skip
    ledger.commit([intent])
    if settle:
        ledger.commit([outcome(plan, ordinal, run)])
        ledger.end_run(run, exit_code=0, now_us=2)
    return plan, run


def outcome(plan: int, ordinal: int, run: int) -> Outcome:
    """Return an acceptance."""
    return Outcome(
        plan=plan,
        ordinal=ordinal,
        run=run,
        state=State.ACCEPTED,
        now_us=2,
        phase="answered",
        reason="accepted",
    )


def test_first_ledger_needs_no_word(space):
    """Nothing was ever sent."""
    said: list[Event] = []
    with opening_of(space, said) as found:
        assert {} == found.ledger.counts()
    assert [] == said
    assert ledger_concern(space, None) is None


def test_lost_folder_is_noticed_by_what_the_home_remembers(space):
    """`rm -rf` of the state folder would send everything again."""
    with opening_of(space) as found:
        run_once(found.ledger, 0)
    shutil.rmtree(space.folder)
    with pytest.raises(LedgerError, match="had one") as caught, opening_of(space):
        pass
    assert "--new-ledger" in caught.value.hint
    assert not space.ledger.exists()
    assert ledger_concern(space, None)


def test_new_ledger_is_begun_by_word_and_remembered(space):
    """From then on it is the one that knows; the old one, put back, is another."""
    with opening_of(space) as found:
        run_once(found.ledger, 0)
    old = space.folder.with_name("old")
    space.folder.rename(old)
    said: list[Event] = []
    with opening_of(space, said, Trust.NEW) as found:
        assert {} == found.ledger.counts()
    assert [Warned] == [type(event) for event in said]
    with opening_of(space):
        pass
    shutil.copy(old / "ledger.sqlite", space.ledger)
    with pytest.raises(LedgerError, match="not the one that knows"), opening_of(space):
        pass


def test_new_ledger_is_refused_where_one_is(space):
    """The word must not cost a ledger."""
    with opening_of(space) as found:
        run_once(found.ledger, 0)
    with pytest.raises(UsageError, match="there is a ledger"), opening_of(space, None, Trust.NEW):
        pass
    with opening_of(space) as found:
        assert {State.ACCEPTED: 1} == found.ledger.counts()


def test_older_copy_is_noticed_and_goes_on_by_word(space):
    """What was sent after the copy is not in it."""
    with opening_of(space) as found:
        run_once(found.ledger, 0)
    copy = space.folder.with_name("copy.sqlite")
    shutil.copy(space.ledger, copy)
    with opening_of(space) as found:
        run_once(found.ledger, 1)
        newest = found.ledger.name().generation
    shutil.copy(copy, space.ledger)
    with pytest.raises(LedgerError, match="older copy"), opening_of(space):
        pass
    with opening_of(space, None, Trust.RESTORED) as found:
        assert found.ledger.doubt_before_us(1) is not None
        assert found.ledger.name().generation > newest
    with opening_of(space) as found:
        assert {State.ACCEPTED: 1} == found.ledger.counts()


def test_copy_from_before_a_killed_run_is_noticed(space):
    """The run was remembered before its first byte left, not only at its end."""
    with opening_of(space) as found:
        run_once(found.ledger, 0)
    copy = space.folder.with_name("copy.sqlite")
    shutil.copy(space.ledger, copy)
    with opening_of(space) as found:
        run_once(found.ledger, 1, settle=False)
    shutil.copy(copy, space.ledger)
    with pytest.raises(LedgerError, match="older copy"), opening_of(space):
        pass


def test_restored_needs_a_ledger(space):
    """A forgotten copy must not become an empty history."""
    with pytest.raises(UsageError, match="there is no ledger"), opening_of(space, None, Trust.RESTORED):
        pass
    assert not space.ledger.exists()


def test_killed_run_is_no_concern(space):
    """The everyday case needs no word: its ledger is as new as what is remembered."""
    with opening_of(space) as found:
        run_once(found.ledger, 0, settle=False)
    with opening_of(space) as found:
        assert 1 == found.recovered


def test_moved_project_is_no_concern(space, tmp_path):
    """It is the same ledger at another place."""
    with opening_of(space) as found:
        run_once(found.ledger, 0)
    moved = Workspace(folder=tmp_path / "elsewhere", target=TARGET, lasting=True)
    space.folder.rename(moved.folder)
    with opening_of(moved) as found:
        run_once(found.ledger, 1)
        assert {State.ACCEPTED: 2} == found.ledger.counts()


def test_second_folder_for_one_target_is_noticed(space, tmp_path):
    """Two ledgers for one deployment would each send everything."""
    with opening_of(space) as found:
        run_once(found.ledger, 0)
    second = Workspace(folder=tmp_path / "second", target=TARGET, lasting=True)
    with pytest.raises(LedgerError, match="had one") as caught, opening_of(second):
        pass
    assert str(space.folder) in caught.value.message


def test_stand_in_on_this_machine_is_remembered_beside_only(space, tmp_path, home):
    """A port of loopback is another platform tomorrow."""
    local = Workspace(folder=tmp_path / "local", target="http://127.0.0.1:1/", lasting=False)
    with opening_of(local) as found:
        run_once(found.ledger, 0)
    assert [] == list(home.iterdir())
    local.ledger.unlink()
    with pytest.raises(LedgerError), opening_of(local):
        pass
    shutil.rmtree(local.folder)
    with opening_of(local) as found:
        assert {} == found.ledger.counts()
    del space


def test_missing_home_is_said_once_and_does_no_harm(space, monkeypatch):
    """Containers have none; only the loss of the whole folder can't be noticed then."""
    monkeypatch.setenv("HOME", "/nonexistent-home")
    said: list[Event] = []
    for ordinal in range(2):
        with opening_of(space, said) as found:
            run_once(found.ledger, ordinal)
    assert ["no home folder" in event.message for event in said if isinstance(event, Warned)] == [True]
    assert not Path("/nonexistent-home").exists()
    space.ledger.unlink()
    with pytest.raises(LedgerError), opening_of(space):
        pass


def test_outcomes_that_had_no_room_are_read_back_before_doubt(space):
    """They were known; only the disk was full."""
    with opening_of(space) as found:
        plan, run = run_once(found.ledger, 0, settle=False)
        side = SideFile(space.folder, identity=found.ledger.name().identity, run=run, say=lambda _: None)
        side.keep([outcome(plan, 0, run)])
    said: list[Event] = []
    with opening_of(space, said) as found:
        assert 0 == found.recovered
        assert {State.ACCEPTED: 1} == found.ledger.counts()
    assert ["read back" in event.message for event in said if isinstance(event, Warned)] == [True]
    assert [] == list(space.folder.glob("outcomes-*"))


def test_word_is_signed_even_where_the_user_has_no_name(monkeypatch):
    """Containers run as numbers."""

    def nameless() -> str:
        raise KeyError

    assert "@" in who()
    monkeypatch.setattr(getpass, "getuser", nameless)
    assert who().split("@")[0].isdigit()


def test_pause_that_the_api_asked_for_outlasts_a_clock_that_was_set_forward(space):
    """An operator's hour is no hour of waiting."""
    with opening_of(space) as found:
        found.ledger.set_hold_off(SYSTEM.wall_us() + 600 * MICROSECONDS)
    note = json.loads((space.folder / "lock").read_text())
    note["since_us"] -= 3_600 * MICROSECONDS
    (space.folder / "lock").write_text(json.dumps(note))

    with opening_of(space) as found:
        assert pytest.approx(3_600, abs=1) == found.clock_ahead_seconds
        left_us = (found.ledger.hold_off_us() or 0) - SYSTEM.wall_us()
        assert pytest.approx(4_200 * MICROSECONDS, abs=MICROSECONDS) == left_us
    with opening_of(space) as found:
        assert 0 == found.clock_ahead_seconds


def test_pause_that_was_over_stays_so_when_the_clock_is_set_forward(space):
    """Nothing is waited for twice."""
    with opening_of(space) as found:
        found.ledger.set_hold_off(before := SYSTEM.wall_us() - 7_200 * MICROSECONDS)
    note = json.loads((space.folder / "lock").read_text())
    note["since_us"] -= 3_600 * MICROSECONDS
    (space.folder / "lock").write_text(json.dumps(note))

    with opening_of(space) as found:
        assert before == found.ledger.hold_off_us()


def test_clock_that_is_set_forward_is_no_concern_of_a_ledger_on_a_server(space):
    """It counts by its own clock; a pause made longer would be waited for twice."""
    target = f"https://app.example/{uuid4().hex}"
    away = replace(space, target=target, ledger_url=server())
    try:
        with opening_of(away) as found:
            found.ledger.set_hold_off(SYSTEM.wall_us() + 600 * MICROSECONDS)
        note = json.loads((away.folder / "lock").read_text())
        note["since_us"] -= 3_600 * MICROSECONDS
        (away.folder / "lock").write_text(json.dumps(note))

        with opening_of(away) as found:
            assert 0 == found.clock_ahead_seconds
            left_us = (found.ledger.hold_off_us() or 0) - SYSTEM.wall_us()
            assert pytest.approx(600 * MICROSECONDS, abs=MICROSECONDS) == left_us
    finally:
        drop(address(server(), target=target))


def test_killed_run_is_sealed_once_the_next_command_is_done(space):
    """Reading a million messages for it before the first request would make everybody wait."""
    with opening_of(space) as found:
        run_once(found.ledger, 0, settle=False)
    with opening_of(space) as found:
        assert [] == found.ledger.seals()
    with opening_of(space) as found:
        assert [1] == [seal.run for seal in found.ledger.seals()]
