"""Two runs at once, as cron makes them: one of them sends, whatever state it is in."""

import os
import signal
import threading
from pathlib import Path
from subprocess import Popen

import pytest

from support.command import environment, finish, start
from support.history import rows, write_csv, write_job
from support.leaks import in_command_lines, leaks
from support.ledger import stored
from support.recorder import TOKEN, Arrival, Platform, Reply, platform
from support.scene import SECOND, SECRETS, disordered

ENV = environment(ETL_TOKEN=TOKEN)
USERS, MESSAGES, RATE = 5, 6, 20


@pytest.fixture
def server():
    """Return a platform with a latency above twice the pace."""
    with platform() as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, server: Platform) -> Path:
    """Return a folder with a history that takes a while."""
    write_csv(tmp_path / "history.csv", rows(users=USERS, messages=MESSAGES))
    write_job(tmp_path, server.base_url, rate_per_second=RATE, lanes=USERS)
    return tmp_path


def first_run(folder: Path, server: Platform, number: signal.Signals | None) -> "Popen[str]":
    """Start a run, send it a signal at its sixth request, and return it then."""
    running: list[Popen[str]] = []
    reached = threading.Event()

    def answer(_: Arrival, count: int) -> Reply:
        if count == 6 and number is not None:
            os.kill(running[0].pid, number)
        if count == 6:
            reached.set()
        return Reply(delay_seconds=0.11)

    server.answer = answer
    running.append(start(["import", "job.toml", "--json"], cwd=folder, env=ENV))
    assert reached.wait(30)
    return running[0]


def check(folder: Path, server: Platform, outputs: list[str]) -> None:
    """Everything once, in order, never faster than allowed, and nothing leaks."""
    assert USERS * MESSAGES == len(server.ids()) == len(set(server.ids()))
    assert [] == disordered(server.taken)
    assert 0 == server.overlaps
    assert RATE >= server.most_within(SECOND)
    assert dict.fromkeys(server.ids(), "accepted") == stored(folder)
    assert [] == leaks(folder, outputs, SECRETS)


def test_second_run_leaves_at_once_and_the_first_goes_on(folder, server, zygotes):
    """Every command that writes says who is at work; those that only ask are answered."""
    owner = first_run(folder, server, None)
    # Forked, so that they end before the first run does.
    second = zygotes[0].run(["import", "job.toml"], folder=folder, env=ENV)
    settle = zygotes[0].run(["settle", "job.toml", "--all", "--resend"], folder=folder, env=ENV)
    status = zygotes[0].run(["status", "job.toml"], folder=folder, env=ENV)
    shown = in_command_lines(SECRETS)
    ended = finish(owner)

    assert [75, 75] == [second.code, settle.code], settle.err
    assert f"pid {owner.pid} " in second.err
    assert 1 != status.code
    assert [] == shown
    assert 0 == ended.code, ended.err
    outputs = [text for run in (second, settle, status, ended) for text in (run.out, run.err)]
    check(folder, server, outputs)


def test_paused_owner_keeps_its_lock_and_does_not_hurry_afterwards(folder, server, zygotes):
    """A suspended machine is no dead one: nobody steals the lock, and lost time is not made up for."""
    owner = first_run(folder, server, signal.SIGSTOP)
    _, status = os.waitpid(owner.pid, os.WUNTRACED)
    second = zygotes[0].run(["import", "job.toml"], folder=folder, env=ENV)
    sent = len(server.ids())
    os.kill(owner.pid, signal.SIGCONT)
    ended = finish(owner)

    assert os.WIFSTOPPED(status)
    assert 75 == second.code, second.err
    assert f"pid {owner.pid} " in second.err
    assert USERS * MESSAGES > sent
    assert 0 == ended.code, ended.err
    check(folder, server, [second.out, second.err, ended.out, ended.err])
