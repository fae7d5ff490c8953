"""The ledger and its lock with real processes: killed, out of space, and two at once."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

import etl
from etl.errors import LaterError
from etl.ledger.lock import TargetLock, holder
from etl.ledger.opening import open_ledger, open_readonly
from etl.ledger.sqlite import SqliteLedger
from etl.model.states import State

TARGET = "https://api.example/1"
ROUNDS = 8
LANES = 4

# Commits "outcome of n, intent of n + LANES" over and over and says each ordinal once it is durable.
COMMITTER = """
import resource, sys
from pathlib import Path
from etl.errors import LedgerError
from etl.ledger.interface import Intent, Outcome, PlanRecord
from etl.ledger.opening import open_ledger
from etl.model.states import State

path, first, limit = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
ledger = open_ledger(path, target="https://api.example/1", create=True)
plan = ledger.open_plan() or ledger.start_plan(
    PlanRecord(number=0, hash="h", fingerprint="f", identity="i", source="s", messages=1, lanes=1, open=True),
    now_us=1,
)
run = ledger.start_run(plan.number, host="h", pid=1, version="0", now_us=1)
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

def intent(n):
    return Intent(plan=plan.number, ordinal=n, run=run, key=n.to_bytes(16, "big"), content=bytes(16),
                  lane=f"user-{n % 4}", at_us=n, now_us=n)

def outcome(n):
    return Outcome(plan=plan.number, ordinal=n, run=run, state=State.ACCEPTED, now_us=n, phase="answered",
                   reason="accepted", http_status=200, platform_id="p" * 36)

def say(*words):
    print(*words, flush=True)

lanes = range(first, first + 4)
try:
    ledger.commit([intent(n) for n in lanes])
    say("intent", *lanes)
    while True:
        ledger.commit([entry for n in lanes for entry in (outcome(n), intent(n + 4))])
        say("accepted", *lanes)
        lanes = range(lanes.start + 4, lanes.stop + 4)
        say("intent", *lanes)
except LedgerError as error:
    say("refused", bool(error.hint))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        ledger.commit([outcome(lanes.start)])
    except LedgerError as error:
        say(error.message)
"""

HOLDER = """
import sys
from pathlib import Path
from etl.ledger.lock import TargetLock
with TargetLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def child(script: str, *arguments: object):
    """Yield a Python process that runs the script, and kill it at the end."""
    environment = {**os.environ, "PYTHONPATH": str(Path(etl.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_back(lines, said: dict[int, str]) -> None:
    """Note the newest acknowledged word on each ordinal; a line that the kill has cut says nothing."""
    for line in lines:
        if line.endswith("\n"):
            word, *ordinals = line.split()
            said.update(dict.fromkeys(map(int, ordinals), word))


def beside(path: Path) -> SqliteLedger:
    """Return the ledger as `status` opens it."""
    opened = open_readonly(path, target=TARGET)
    assert opened is not None
    return opened


def stored(ledger: SqliteLedger, first: int) -> dict[int, State]:
    """Return the state of each message of the plan from `first` on."""
    return dict(zip(*ledger.progress(1, first, 1 << 40), strict=True))


def assert_whole(path: Path) -> None:
    """Check the file as SQLite does."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_killed_process_loses_nothing_it_was_told_is_durable(tmp_path):
    """Promise P2 over several kills of one ledger, each at another moment."""
    path = tmp_path / "state" / "ledger.sqlite"
    draw = random.Random(20_240_229)  # noqa: S311  no secret
    first = 0
    for _ in range(ROUNDS):
        said: dict[int, str] = {}
        with child(COMMITTER, path, first, 0) as process:
            read_back([process.stdout.readline() for _ in range(draw.randrange(1, 200))], said)
            process.send_signal(signal.SIGKILL)
            read_back(process.stdout, said)
        with closing(beside(path)) as status:
            states = stored(status, first)
        assert {
            n: states[n] for n, word in said.items() if word == "accepted" and states[n] != "accepted"
        } == {}
        assert said.keys() <= states.keys()
        with closing(open_ledger(path, target=TARGET, create=False)) as ledger:
            assert ledger.recover(now_us=1) == LANES
            counts = ledger.counts()
            assert {State.ACCEPTED, State.UNCERTAIN} >= counts.keys()
        assert_whole(path)
        first = max(states) + 1


def test_file_that_may_not_grow_refuses_and_stays_whole(tmp_path):
    """A full disk stops the run; what was acknowledged before is there."""
    path = tmp_path / "state" / "ledger.sqlite"
    said: dict[int, str] = {}
    with child(COMMITTER, path, 0, 300_000) as process:
        output, _ = process.communicate(timeout=60)
    *acknowledged, refused, again = output.splitlines(keepends=True)
    assert refused == "refused True\n"
    assert "takes nothing more" in again
    assert process.returncode == 0
    read_back(acknowledged, said)
    with closing(open_ledger(path, target=TARGET, create=False)) as ledger:
        assert ledger.recover(now_us=1) == LANES
        states = stored(ledger, 0)
    assert said == {n: "accepted" if state is State.ACCEPTED else "intent" for n, state in states.items()}
    assert_whole(path)


def test_lock_holds_against_another_process_until_it_dies(tmp_path):
    """Two runs at once are refused, and a killed one leaves no stale lock."""
    with child(HOLDER, tmp_path) as process:
        assert process.stdout.readline() == "held\n"
        assert f"pid {process.pid} " in str(holder(tmp_path))
        with pytest.raises(LaterError, match=f"pid {process.pid} "):
            TargetLock(tmp_path).__enter__()
        process.kill()
        process.wait(timeout=30)
        assert holder(tmp_path) is None
        with TargetLock(tmp_path):
            assert f"pid {os.getpid()} " in str(holder(tmp_path))


def test_stopped_process_keeps_its_lock(tmp_path):
    """A paused machine is still the owner: nobody steals by age."""
    with child(HOLDER, tmp_path) as process:
        assert process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGSTOP)
        with pytest.raises(LaterError):
            TargetLock(tmp_path).__enter__()
