"""Real processes, a real database, both really killed; the truth is what the platform received."""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from support.command import Finished, environment, finish, start
from support.history import rows, write_csv, write_job
from support.leaks import leaks
from support.postgres import OwnServer, keep_in, own_server, stored
from support.recorder import TOKEN, Arrival, Platform, Reply, platform
from support.scene import FULLY

ENV = environment(ETL_TOKEN=TOKEN)
USERS, MESSAGES, LANES = 20, 15, 4
ALL = USERS * MESSAGES


@pytest.fixture
def server() -> Iterator[Platform]:
    """Return a platform with a latency, so that faults of order can show."""
    with platform() as running:
        running.answer = answer_slowly
        yield running


@pytest.fixture(scope="module")
def database() -> Iterator[OwnServer]:
    """Return a server that the tests of this module may stop."""
    with own_server() as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path, server: Platform, database: OwnServer) -> Path:
    """Return a folder with a history and a job for the platform and the database."""
    write_csv(tmp_path / "history.csv", rows(users=USERS, messages=MESSAGES))
    write_job(tmp_path, server.base_url, rate_per_second=150, lanes=LANES)
    keep_in(database.url, tmp_path)
    return tmp_path


def answer_slowly(_arrival: Arrival, _number: int) -> Reply:
    """Answer after more than twice the pace."""
    return Reply(delay_seconds=0.03)


def when(server: Platform, number: int) -> threading.Event:
    """Return what is set as soon as that many more messages have arrived."""
    begun, reached = len(server.arrivals), threading.Event()

    def answer(_arrival: Arrival, count: int) -> Reply:
        if count == begun + number:
            reached.set()
        return Reply(delay_seconds=0.03)

    server.answer = answer
    return reached


def ran(folder: Path, *arguments: str) -> Finished:
    """Run a command to its end."""
    return finish(start(arguments, cwd=folder, env=ENV))


@contextmanager
def waiting_for_its_database(
    folder: Path, server: Platform, database: OwnServer
) -> Iterator["subprocess.Popen[str]"]:
    """Give an import whose database has fallen, as it knows; the database rises again afterwards."""
    reached = when(server, 30)
    process = start(["import", "job.toml", "--json"], cwd=folder, env=ENV)
    try:
        assert reached.wait(60)
        database.fall()
        told = ""
        while "went away" not in told:
            assert process.stderr is not None
            told = process.stderr.readline()
        yield process
    finally:
        process.kill()
        database.rise()


def another_machine(folder: Path) -> Path:
    """Return what another machine has: the same files, and a folder whose lock is its own."""
    return Path(shutil.copytree(folder, folder.with_name(f"{folder.name}-elsewhere")))


def assert_ordered(server: Platform) -> None:
    """Check each user's order, by the platform's log, and that nothing is there twice."""
    assert 0 == server.overlaps
    assert len(server.ids()) == len(set(server.ids()))
    for arrivals in server.by_user().values():
        stamps = [arrival.body["timestamp"] for arrival in arrivals]
        assert sorted(stamps) == stamps


def test_run_goes_on_by_itself_after_the_database_fell_and_rose(folder, server, database):
    """A restart of the database in mid-run costs its time and nothing else."""
    reached = when(server, 60)
    process = start(["import", "job.toml", "--json"], cwd=folder, env=ENV)
    assert reached.wait(60)
    for _ in range(2):
        database.fall()
        database.rise()
    result = finish(process)

    assert 0 == result.code, result.err
    assert ALL == len(server.ids())
    assert {"accepted"} == set(stored(database.url, folder).values())
    assert_ordered(server)
    assert [] == leaks(folder, [result.out, result.err], ["secret text", TOKEN])


def test_second_signal_leaves_although_the_database_is_away(folder, server, database):
    """A person can't be kept waiting; what is known is kept beside, and read back by the next start."""
    with waiting_for_its_database(folder, server, database) as process:
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            # Two signals at once would be one.
            threading.Event().wait(0.5)
        left = finish(process, timeout_seconds=30)
    resumed = ran(folder, "import", "job.toml", "--json")

    assert 130 == left.code, left.err
    assert "left at once" in left.err
    assert "Traceback" not in left.err
    assert ALL == len(set(stored(database.url, folder)) | set(server.ids()))
    assert LANES >= resumed.data["recovered"]
    assert_ordered(server)


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=FULLY)])
def test_first_signal_ends_the_run_although_the_database_is_away(folder, server, database, number):
    """A run has more patience than a person; what is known is kept, so nothing is in doubt."""
    with waiting_for_its_database(folder, server, database) as process:
        process.send_signal(number)
        ended = finish(process, timeout_seconds=30)
        sent = server.ids()
    before = stored(database.url, folder)
    resumed = ran(folder, "import", "job.toml", "--json")

    assert 128 + number == ended.code, ended.err
    assert "the ledger can't be told" in ended.data["error"]["message"]
    assert "the same command resumes" in ended.data["error"]["hint"]
    assert "Traceback" not in ended.err
    assert {key for key, state in before.items() if state == "accepted"} <= set(sent) <= set(before)
    assert (0, 0) == (resumed.code, resumed.data["recovered"]), resumed.err
    assert ALL == len(server.ids())
    assert {"accepted"} == set(stored(database.url, folder).values())
    assert_ordered(server)
    assert [] == leaks(folder, [ended.out, ended.err, resumed.out, resumed.err], ["secret text", TOKEN])


def test_process_that_wakes_up_after_another_run_writes_and_sends_nothing_more(folder, server, database):
    """A pause long enough for the server to drop its session must not make two runs of one."""
    reached = when(server, 60)
    sleeper = start(["import", "job.toml", "--json"], cwd=folder, env=ENV)
    assert reached.wait(60)
    os.kill(sleeper.pid, signal.SIGSTOP)
    with psycopg.connect(database.url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE 'etl %'"
        )
    elsewhere = another_machine(folder)
    other = ran(elsewhere, "import", "job.toml", "--json")
    before = server.ids()
    os.kill(sleeper.pid, signal.SIGCONT)
    woken = finish(sleeper)

    assert 5 == woken.code, woken.err
    assert "opened by another run" in woken.err
    after = stored(database.url, folder)
    assert other.data["recovered"] == sum(state == "uncertain" for state in after.values())
    assert LANES >= other.data["recovered"]
    # What it had asked for before it slept may still leave; it is what the other run calls uncertain.
    late = set(server.ids()) - set(before)
    assert late <= {key for key, state in after.items() if state == "uncertain"}
    assert_ordered(server)


def test_second_machine_is_told_who_holds_the_ledger(folder, server, database):
    """Exit code 75 and a name: which process, on which host."""
    write_job(folder, server.base_url, rate_per_second=2, lanes=1)
    keep_in(database.url, folder)
    reached = when(server, 2)
    process = start(["import", "job.toml", "--json"], cwd=folder, env=ENV)
    assert reached.wait(60)
    elsewhere = another_machine(folder)
    refused = ran(elsewhere, "import", "job.toml")
    seen = ran(elsewhere, "status", "job.toml", "--json")
    looked = ran(elsewhere, "doctor", "job.toml")
    process.terminate()
    stopped = finish(process)

    assert 75 == refused.code, refused.err
    assert f"pid {process.pid} on host " in refused.err
    assert process.pid == seen.data["running"]["pid"], seen.out
    assert f"pid {process.pid} on host " in looked.err
    assert 143 == stopped.code, stopped.err


def test_many_kills_end_with_every_message_once(folder, server, database):
    """Killed again and again, settled by what the platform really has: everything once, in order."""
    outputs = []
    for at in (1, 33, 14):
        reached = when(server, at)
        process = start(["import", "job.toml", "--json"], cwd=folder, env=ENV)
        assert reached.wait(60)
        process.kill()
        killed = finish(process)
        server.quiet()
        outputs += [killed.out, killed.err]
        states = stored(database.url, folder)
        doubt = {key for key, state in states.items() if state in {"in_flight", "uncertain"}}
        assert LANES >= len(doubt)
        for keys, word in (
            (doubt & set(server.ids()), "--accepted"),
            (doubt - set(server.ids()), "--resend"),
        ):
            if keys:
                settled = ran(folder, "settle", "job.toml", *sorted(keys), word)
                outputs += [settled.out, settled.err]
                assert 0 == settled.code, settled.err
    last = ran(folder, "import", "job.toml", "--json")

    assert 0 == last.code, last.err
    assert ALL == len(server.ids())
    assert {"accepted"} == set(stored(database.url, folder).values())
    assert_ordered(server)
    assert [] == leaks(folder, [*outputs, last.out, last.err], ["secret text", TOKEN])
