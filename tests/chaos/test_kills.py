"""Real processes that are really killed; the truth is what the server received."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command import Finished, environment, finish, start
from support.history import rows, write_csv, write_job
from support.leaks import leaks
from support.ledger import keys_in, states
from support.recorder import TOKEN, Arrival, Platform, Reply, platform

ENV = environment(ETL_TOKEN=TOKEN)
USERS, MESSAGES, LANES = 6, 5, 3
ALL = USERS * MESSAGES


@pytest.fixture
def server():
    """Return a platform with a latency, so that faults of order can show."""
    with platform() as running:
        running.answer = answer_slowly
        yield running


def answer_slowly(_arrival: Arrival, _number: int) -> Reply:
    """Answer after more than twice the pace."""
    return Reply(delay_seconds=0.03)


@pytest.fixture
def folder(tmp_path: Path, server: Platform) -> Path:
    """Return a folder with a history and a job for the server."""
    write_csv(tmp_path / "history.csv", rows(users=USERS, messages=MESSAGES))
    write_job(tmp_path, server.base_url, rate_per_second=100, lanes=LANES)
    return tmp_path


class Run:
    """An import that can be signalled from the server's side."""

    def __init__(self, folder: Path) -> None:
        self.process = start(["import", "job.toml", "--json"], cwd=folder, env=ENV)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        os.kill(self.process.pid, number)

    def end(self) -> Finished:
        """Wait for the end."""
        return finish(self.process, timeout_seconds=60)


def run_and_signal(folder: Path, server: Platform, number: signal.Signals, *, at: int) -> Finished:
    """Run an import and signal it while the `at`-th request from now is being answered."""
    begun = len(server.arrivals)
    running: list[Run] = []

    def answer(_arrival: Arrival, count: int) -> Reply:
        if count == begun + at:
            running[0].signal(number)
        return Reply(delay_seconds=0.03)

    server.answer = answer
    running.append(Run(folder))
    result = running[0].end()
    server.answer = answer_slowly
    return result


def command(folder: Path, *arguments: str) -> Finished:
    """Run another command to its end."""
    return finish(start(arguments, cwd=folder, env=ENV))


def assert_ordered(server: Platform) -> None:
    """Check each user's order, by the server's log."""
    assert 0 == server.overlaps
    for arrivals in server.by_user().values():
        stamps = [arrival.body["timestamp"] for arrival in arrivals]
        assert sorted(stamps) == stamps


@pytest.mark.parametrize("at", [1, 2, 7, 16, ALL])
def test_killed_run_goes_on_without_doubling_or_losing(folder, server, at):
    """SIGKILL while requests are in flight: all arrive once, but for those listed as uncertain."""
    killed = run_and_signal(folder, server, signal.SIGKILL, at=at)

    resumed = Run(folder).end()

    assert -signal.SIGKILL == killed.code
    arrived = server.ids()
    uncertain = keys_in(folder, "uncertain")
    held = resumed.data["states"]["held"]
    assert len(arrived) == len(set(arrived))
    assert 1 <= len(uncertain) <= LANES
    assert len(uncertain) == resumed.data["recovered"]
    assert ALL == len(set(arrived) | uncertain) + held
    assert 3 == resumed.code
    assert_ordered(server)


def test_many_kills_end_with_every_message_once(folder, server):
    """Killed again and again, settled by what the server really has: everything once, in order."""
    outputs = []
    for at in (1, 3, 2, 5, 4, 1, 6):
        killed = run_and_signal(folder, server, signal.SIGKILL, at=at)
        outputs += [killed.out, killed.err]
        for key in keys_in(folder, "in_flight") | keys_in(folder, "uncertain"):
            word = "--accepted" if key in server.ids() else "--resend"
            settled = command(folder, "settle", "job.toml", key, word)
            outputs += [settled.out, settled.err]
            assert 0 == settled.code, settled.err

    last = Run(folder).end()

    assert 0 == last.code, last.err
    assert ALL == len(server.ids()) == len(set(server.ids()))
    assert {"accepted"} == set(states(folder).values())
    assert_ordered(server)
    assert [] == leaks(folder, [*outputs, last.out, last.err], ["secret text", TOKEN])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_first_signal_drains_and_leaves_no_doubt(folder, server, number, code):
    """What is in flight is finished, nothing new is started, and the same command resumes."""
    stopped = run_and_signal(folder, server, number, at=6)
    sent = len(server.arrivals)

    resumed = Run(folder).end()

    assert code == stopped.code, stopped.err
    assert sent < ALL
    assert {"accepted": sent} == stopped.data["sent"]
    assert 0 == resumed.code
    assert {"accepted": ALL - sent} == resumed.data["sent"]
    assert ALL == len(set(server.ids())) == len(server.ids())
    assert_ordered(server)


def test_second_signal_leaves_at_once(folder, server):
    """A server that does not answer can't keep a person waiting; the doubt is listed."""
    running: list[Run] = []

    def answer(_arrival: Arrival, count: int) -> Reply:
        if count == 1:
            running[0].signal(signal.SIGINT)
        return Reply(delay_seconds=8)

    server.answer = answer
    running.append(Run(folder))
    while (line := _line(running[0].process)) and "once more" not in line:
        pass
    running[0].signal(signal.SIGINT)
    left = running[0].end()
    server.answer = answer_slowly

    resumed = Run(folder).end()

    assert 130 == left.code
    assert 1 <= len(keys_in(folder, "uncertain")) <= LANES
    assert 3 == resumed.code
    assert len(server.ids()) == len(set(server.ids()))


def test_full_disk_stops_sending_and_loses_nothing(folder, server):
    """Nothing is sent whose intent can't be made durable; with room again the same command goes on."""
    # Coverage's own data would not fit either.
    uncovered = {name: value for name, value in ENV.items() if not name.startswith("COVERAGE_")}
    limited = subprocess.run(
        ["/bin/bash", "-c", 'ulimit -f 96; exec "$0" -m etl import job.toml --json', sys.executable],
        cwd=folder,
        env=uncovered,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    sent = len(server.arrivals)

    resumed = Run(folder).end()

    assert 5 == limited.returncode, limited.stderr
    assert "Traceback" not in limited.stderr
    assert sent < ALL
    uncertain = keys_in(folder, "uncertain")
    assert len(uncertain) <= LANES
    assert len(server.ids()) == len(set(server.ids()))
    assert ALL == len(set(server.ids()) | uncertain) + resumed.data["states"]["held"]
    assert_ordered(server)


def test_hostile_answers_leak_neither_token_nor_text(folder, server):
    """A server that quotes the request in its errors must not get it into ledger, report or output."""
    _answer_with(server, lambda arrival: f"bad token {TOKEN} for «{arrival.text}»")

    result = Run(folder).end()
    status = command(folder, "status", "job.toml")
    export = command(folder, "ledger", "export", "job.toml")

    outputs = [result.out, result.err, status.out, status.err, export.out, export.err]
    assert 6 == result.code
    assert "rejected" in export.out
    assert [] == leaks(folder, outputs, ["secret text", TOKEN])


def _answer_with(server: Platform, error: Callable[[Arrival], str]) -> None:
    def answer(arrival: Arrival, _number: int) -> Reply:
        body = f'{{"error": "{error(arrival)}", "message": null}}'.encode()
        return Reply(status=422, body=body)

    server.answer = answer


def _line(process: subprocess.Popen[str]) -> str:
    return process.stderr.readline() if process.stderr else ""
