"""Events as log lines."""

import json
import os
import stat
from pathlib import Path

import pytest

from etl.errors import ExitCode, UsageError
from etl.model.events import (
    Draining,
    Event,
    Failed,
    FileProgress,
    Finished,
    HoldOff,
    LaneHeld,
    PaceChanged,
    Planned,
    PlanStep,
    RangeRead,
    Retrying,
    RunBegan,
    Settled,
    SettledElsewhere,
    Started,
    Warned,
)
from etl.model.states import State
from etl.report.log import EventLog, LogFormat, LogLevel

EVENTS: tuple[tuple[Event, str, str], ...] = (
    (FileProgress(file="a.csv", bytes_done=9, bytes_total=9), "info", "file_read"),
    (Planned(plan="abcdef0123456789", messages=3, lanes=2, rejects=1), "info", "planned"),
    (Started(messages=3, target="t"), "info", "started"),
    (RunBegan(run=7, loop="uvloop"), "info", "run_began"),
    (Settled(ordinal=0, state=State.ACCEPTED, latency_seconds=0.12345), "debug", "settled"),
    (Settled(ordinal=1, state=State.UNCERTAIN, latency_seconds=1), "warning", "settled"),
    (SettledElsewhere(messages=9, state=State.ACCEPTED), "debug", "settled_elsewhere"),
    (SettledElsewhere(messages=1, state=State.REJECTED), "warning", "settled_elsewhere"),
    (LaneHeld(messages=2), "warning", "lane_held"),
    (Retrying(ordinal=1, reason="http_429", wait_seconds=1), "warning", "retrying"),
    (HoldOff(seconds=2, reason="http_429"), "warning", "hold_off"),
    (PaceChanged(per_second=1, allowed_per_second=2, reason="http_429"), "warning", "pace_cut"),
    (PaceChanged(per_second=2, allowed_per_second=2, reason=None), "info", "pace_raised"),
    (PlanStep(step="reading", done=1, pieces=2), "info", "plan_step"),
    (RangeRead(done=1, known=2), "info", "range_read"),
    (Draining(reason="interrupted"), "warning", "draining"),
    (Warned(message="x"), "warning", "warned"),
    (Finished(exit_code=ExitCode.OK, counts={"accepted": 3}, report="r.json"), "info", "finished"),
    (Finished(exit_code=ExitCode.INCOMPLETE, counts={}, report=None), "warning", "finished"),
    (Failed(message="no", hint="do", exit_code=ExitCode.LEDGER), "error", "failed"),
)


def logged(path: Path, *events: Event, log_format=LogFormat.JSON, level=LogLevel.DEBUG) -> list[str]:
    """Return the lines that events become."""
    log = EventLog(path, log_format=log_format, level=level)
    for event in events:
        log(event)
    log.close()
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(("event", "level", "name"), EVENTS)
def test_every_event_is_one_json_object(tmp_path, event, level, name):
    """Machines read it line by line; time, level, event, run and plan are always there."""
    (line,) = logged(tmp_path / "log", event)

    data = json.loads(line)
    assert (level, name) == (data["level"], data["event"])
    assert ["time", "level", "event", "run", "plan"] == list(data)[:5]
    assert data["time"].endswith("Z")


def test_table_above_holds_every_kind_of_event():
    """A new one needs a line."""
    assert set(Event.__args__) == {type(event) for event, _, _ in EVENTS}


def test_lines_name_plan_and_run_once_they_are_known(tmp_path):
    """Several runs share a file."""
    lines = logged(
        tmp_path / "log",
        Warned(message="a"),
        EVENTS[1][0],
        RunBegan(run=7, loop="uvloop"),
        Warned(message="b"),
    )

    names = [(data["plan"], data["run"]) for data in map(json.loads, lines)]
    assert [(None, None), ("abcdef012345", None), ("abcdef012345", 7), ("abcdef012345", 7)] == names


def test_a_file_is_told_once_and_only_when_it_is_read(tmp_path):
    """Progress in bytes is for a person's eyes."""
    steps = [FileProgress(file="a.csv", bytes_done=done, bytes_total=9) for done in (3, 9, 9)]
    assert 1 == len(logged(tmp_path / "log", *steps))


@pytest.mark.parametrize(("level", "count"), [("debug", 20), ("info", 18), ("warning", 10)])
def test_level_is_the_least_that_is_written(tmp_path, level, count):
    """One line for each of a million messages is for those who ask for it."""
    events = [event for event, _, _ in EVENTS]
    assert count == len(logged(tmp_path / "log", *events, level=LogLevel(level)))


def test_text_can_not_be_forged(tmp_path):
    """A file's name may hold a line end and an escape sequence (CVE-2009-4487)."""
    (line,) = logged(tmp_path / "log", Warned(message="a\n2024 INFO ok\x1b[2J"), log_format=LogFormat.TEXT)

    assert line.endswith(r'WARNING warned run=null plan=null message="a\n2024 INFO ok\u001b[2J"')


def test_log_is_added_to_and_private(tmp_path):
    """Nights add up in one file; others need not know how many tickets there are."""
    path = tmp_path / "log"
    logged(path, EVENTS[0][0])
    lines = logged(path, EVENTS[0][0])

    assert 2 == len(lines)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_log_follows_logrotate(tmp_path):
    """A run of days must not write into yesterday's file for ever."""
    path = tmp_path / "log"
    log = EventLog(path, log_format=LogFormat.JSON, level=LogLevel.INFO)
    log(Warned(message="old"))
    path.rename(tmp_path / "log.1")
    log(Warned(message="new"))
    log.close()

    assert "old" in (tmp_path / "log.1").read_text()
    assert "new" in path.read_text()
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)


def test_log_that_can_not_be_opened_is_said_at_the_start(tmp_path):
    """Before anything is read or sent."""
    with pytest.raises(UsageError, match="can't be opened"):
        EventLog(tmp_path / "none" / "log", log_format=LogFormat.JSON, level=LogLevel.INFO)


def test_full_disk_costs_the_log_and_not_the_run(capfd):
    """Sending goes on; one line says so, without a traceback."""
    log = EventLog(Path("/dev/full"), log_format=LogFormat.JSON, level=LogLevel.INFO)
    for _ in range(3):
        log(Warned(message="x"))
    log.close()

    said = capfd.readouterr().err
    assert 1 == said.count("\n")
    assert os.strerror(28) in said


def test_folder_that_vanishes_costs_the_log_and_not_the_run(tmp_path, capfd):
    """Somebody cleans up while an import of days runs."""
    folder = tmp_path / "logs"
    folder.mkdir()
    log = EventLog(folder / "log", log_format=LogFormat.JSON, level=LogLevel.INFO)
    (folder / "log").unlink()
    folder.rmdir()
    log(Warned(message="x"))
    log.close()

    assert "the run goes on without it" in capfd.readouterr().err
