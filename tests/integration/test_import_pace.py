"""Pace, hours, limits and the canary of `etl import`, as a process against a platform that records."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path

import pytest

from etl.clock import SYSTEM
from support.command import Finished, environment, etl
from support.history import rows, write_csv, write_job
from support.recorder import TOKEN, Reply

ENV = environment(ETL_TOKEN=TOKEN)
HOUR_US = 3_600_000_000


@pytest.fixture
def folder(tmp_path, server):
    """Return a folder with 20 messages of 5 users and a job for them."""
    write_csv(tmp_path / "history.csv", rows(users=5, messages=4))
    write_job(tmp_path, server.base_url)
    return tmp_path


def run(folder, *arguments: str) -> Finished:
    """Run the import of a folder's job."""
    return etl("import", "job.toml", "--json", *arguments, cwd=folder, env=ENV)


def hour(offset: int) -> str:
    """Return a time of day in UTC, so many hours from now."""
    at = datetime.fromtimestamp((SYSTEM.wall_us() + offset * HOUR_US) / 1e6, UTC)
    return f"{at:%H:%M}"


def finished(folder, server) -> bool:
    """Return whether the same command, without limits, brings every message there once."""
    code = run(folder).code
    return code == 0 and len(server.arrivals) == len(set(server.ids())) == 20


def test_canary_sends_one_user_and_ends_without_a_terminal(folder, server):
    """Cron can't be asked; the rest waits for a person."""
    result = etl("import", "job.toml", "--canary", cwd=folder, env=ENV)

    assert 3 == result.code
    assert "canary   user user-000, 4 messages: look the user up in the Inbox" in result.err
    assert "result   not complete: 16 pending (exit code 3)" in result.err
    assert "next     the same command without --canary sends the rest" in result.err
    assert ["user-000"] == list(server.by_user())
    assert finished(folder, server)


@contextmanager
def asked(folder) -> Iterator[tuple[subprocess.Popen[bytes], FileIO]]:
    """Give an import that asks its question, and the terminal on which it does."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "etl", "import", "job.toml", "--canary"],
        cwd=folder, env=ENV, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    with FileIO(ours, "r+b") as terminal:
        while b"send the other 16 messages? [y/N]" not in seen:
            seen += terminal.read(4_096)
        while not waits_for_answer(process.pid):
            pass
        yield process, terminal


def waits_for_answer(pid: int) -> bool:
    """Return whether a process reads its stdin: Python hears no signal that comes just before that call."""
    call = Path(f"/proc/{pid}/syscall")
    return not call.exists() or call.read_text(encoding="ascii").split()[1:2] == ["0x0"]


def rest(terminal: FileIO) -> str:
    """Return what a process still says on its terminal."""
    said = b""
    while True:
        try:
            said += terminal.read(4_096)
        except OSError:  # the other end was closed
            return said.decode()


@pytest.mark.parametrize(("word", "code", "arrivals"), [("y", 0, 20), ("", 3, 4)])
def test_canary_asks_on_a_terminal(folder, server, word, code, arrivals):
    """The rest goes on a yes only; Enter alone is none."""
    with asked(folder) as (process, terminal):
        terminal.write(f"{word}\n".encode())
        rest(terminal)

    assert code == process.wait(timeout=60)
    assert arrivals == len(server.arrivals)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_at_the_canarys_question_ends_as_at_any_other_time(folder, server, number):
    """A run was just over: its handlers must not take with them those of the command."""
    with asked(folder) as (process, terminal):
        process.send_signal(number)
        said = rest(terminal)

    assert 128 + number == process.wait(timeout=60), said
    assert "Traceback" not in said
    assert 4 == len(server.arrivals)
    assert finished(folder, server)


def test_canary_and_limit_lanes_exclude_each_other(folder, server):
    """They are two answers to one question."""
    assert 2 == run(folder, "--canary", "--limit-lanes", "2").code
    assert [] == server.arrivals


def test_run_outside_its_hours_ends_at_once(folder, server):
    """Nothing is read or sent, and the time to come back is named."""
    result = run(folder, "--window", f"{hour(3)}-{hour(5)}", "--timezone", "UTC")

    assert 75 == result.code
    assert f"it opens {datetime.fromtimestamp(SYSTEM.wall_us() / 1e6, UTC):%Y}" in result.err
    assert f"{hour(3)} UTC" in result.err
    assert [] == server.arrivals
    assert not (folder / "etl-state").exists()


def test_run_inside_its_hours_sends(folder, server):
    """By the job's own words."""
    write_job(folder, server.base_url, window=f"{hour(-2)}-{hour(2)}", timezone="UTC")

    assert 0 == run(folder).code
    assert 20 == len(server.arrivals)


@pytest.mark.parametrize(
    ("option", "value", "kind"),
    [("--max-messages", "7", "max_messages"), ("--max-duration", "1s", "max_duration")],
)
def test_limited_run_ends_in_good_order_and_goes_on(folder, server, option, value, kind):
    """A limit is a drain: nothing is lost, doubled or uncertain."""
    result = run(folder, option, value, "--rate", "5" if kind == "max_duration" else "200")

    assert (3, kind) == (result.code, result.data["stop"]["kind"])
    assert kind == "max_duration" or len(server.arrivals) == 7
    assert len(server.arrivals) < 20
    assert {"accepted": len(server.arrivals)} == result.data["sent"] or not server.arrivals
    assert finished(folder, server)


def test_too_many_errors_end_the_run(folder, server):
    """Ten refusals mid-run are data that somebody should look at, not a wrong set-up."""
    server.answer = lambda _arrival, number: Reply() if number < 3 else Reply(status=422)

    result = run(folder, "--max-errors", "3")

    assert (3, "max_errors") == (result.code, result.data["stop"]["kind"])
    assert result.data["sent"]["rejected"] in range(4, 9)


def test_lesson_of_a_429_is_shown_and_kept(folder, server):
    """In the run's report, in status, and in the pace of the next run."""
    server.answer = lambda _arrival, number: (
        Reply(status=429, headers={"Retry-After": "1"}) if number == 3 else Reply()
    )

    result = run(folder, "--rate", "40", "--max-messages", "10")

    assert {"allowed_per_second": 40.0, "learned_per_second": 20.0} == result.data["pace"]
    assert "going at 20/s instead of 40/s (http_429)" in result.err
    assert "pace     20/s of 200/s" in etl("status", "job.toml", cwd=folder, env=ENV).err
    again = run(folder, "--rate", "40")
    assert "going at 20/s instead of 40/s (as an earlier run has learned)" in again.err
    assert pytest.approx(20.0, abs=0.1) == again.data["pace"]["learned_per_second"]


def test_rate_by_the_minute_is_kept(folder, server):
    """600 a minute are ten in any second here."""
    assert 0 == run(folder, "--rate", "600/min").code
    assert server.most_within(0.95) <= 10


def test_server_in_trouble_is_told_from_a_wrong_set_up(folder, server):
    """502 again and again: later, not a refusal."""
    write_job(folder, server.base_url, max_wait_seconds=1, lanes=1)
    server.answer = lambda _arrival, _number: Reply(status=502)

    result = run(folder)

    assert (75, "failing") == (result.code, result.data["stop"]["kind"])
    assert 3 == len(server.arrivals)


def test_conversations_that_contradict_the_plan_are_reported(folder, server):
    """A new conversation for each message is not what 600 minutes of expiration give."""
    server.answer = lambda _arrival, number: Reply(
        body=json.dumps({"error": None, "message": [{"conversation_id": number}]}).encode(),
    )

    result = run(folder)

    assert 0 == result.code
    told = result.data["conversations"]
    assert told["compared"] == told["split"] == 15
    assert 1 == result.err.count("conversations contradict")
