"""What the driver of a run by many workers tells them."""

import asyncio
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest

from etl.clock import SYSTEM, yield_once
from etl.config.secrets import Secret
from etl.errors import LedgerAwayError, LedgerError
from etl.ledger.interface import PlanRecord
from etl.ledger.marks import Concern, Marks, concern
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.opening import open_postgres
from etl.ledger.postgres.shards import SharedRuns
from etl.ledger.sharing import PaceWish, Shard, Worked
from etl.model.states import State
from etl.pipeline.spreading import Part, Spread
from etl.replay import stop as stop_module
from etl.replay.conversations import Conversations
from etl.replay.limits import Bounds, Limits
from etl.replay.stop import Stop, StopKind
from support.checked import job_file
from support.postgres import fresh_address, server, shell
from support.workers import OneByOne

TARGET = "https://api.example/1"
SPACE = cast("Any", SimpleNamespace(uri=None))
WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
LIMITS = Limits(Bounds(), wall_us=0)
RECORD = PlanRecord(
    number=0, hash="a" * 64, fingerprint="f", identity="i", source="s", messages=9, lanes=1, open=True
)
SHARD = Shard(number=0, part=-1, first_lane=0, end_lane=1, messages=9)
WISH = PaceWish(
    spacing_seconds=1, share=1, rest_seconds=0, hold_off_seconds=0, max_messages=None, duration_seconds=None
)


class Watched(Spread):
    """A driver after whose looks at the ledger something happens."""

    between: Callable[[], None] | None = None

    def _tell_pace(self, worked: Worked) -> None:
        super()._tell_pace(worked)
        if self.between:
            self.between()


def made(folder, address, ledger, job=None, *, kind=Watched, engine=None) -> Any:
    """Return the driver of a job."""
    return kind(
        cast("Any", engine or OneByOne()), address, job or job_file(folder).job, space=SPACE,
        folder=folder, sandbox=False,
        ledger=ledger, observe=lambda _: None, conversations=Conversations(expiration_minutes=60),
    )  # fmt: skip


def test_workers_are_told_nothing_of_whom_to_notify(tmp_path):
    """The address of a web hook is often its only secret; only the driver calls it."""
    job = job_file(tmp_path, notify={"webhook": "https://hooks.example/T0/s3cret"}).job
    spread = made(tmp_path, Address(url="postgresql://db.example/etl", schema="etl"), None, job)
    plan = cast("Any", SimpleNamespace(path=tmp_path, summary=None))
    spec = spread._spec(spread.part(plan, 1, 1, (job.target, Secret("t" * 20))))

    assert b"s3cret" not in pickle.dumps(spec)
    assert b"s3cret" in pickle.dumps(job)


@pytest.mark.parametrize("forget", ["UPDATE pump SET commits = 1", "DELETE FROM pace"])
def test_driver_ends_a_run_whose_commits_are_forgotten(tmp_path, forget):
    """After a failover it must not wait for workers that go on with what the database has left."""
    with fresh_address(server()) as address:
        marks = Marks(tmp_path / "ledger.sqlite", target=TARGET, memory=None)
        with closing(open_postgres(address, target=TARGET, create=True, marks=marks)) as ledger:
            number = ledger.start_plan(RECORD, now_us=1).number
            run = ledger.start_run(number, host="h", pid=1, version="v", now_us=2)
            spread, stop = made(tmp_path, address, ledger), Stop(lambda _: None)
            with closing(SharedRuns(address)) as runs, shell(address) as connection:
                runs.begin(run, [SHARD], WISH)
                connection.execute("INSERT INTO pump (run, owner, commits) VALUES (%s, 'a', 5)", (run,))

                def lose() -> None:
                    connection.execute("SET session_replication_role = replica")
                    connection.execute(forget.encode())

                spread.between = lose
                part = spread.part(cast("Any", None), number, run, cast("Any", (None, None)))
                watching = spread._watch(runs, part, {}, LIMITS, stop)
                asyncio.run(asyncio.wait_for(watching, 20))
            assert stop.reason
            assert StopKind.ABORTED == stop.reason.kind
            assert isinstance(spread._error, LedgerError)
            assert "--restored" in spread._error.hint
            assert Concern.OLDER == (concern(ledger.name(), marks.read()) or [None])[0]


class Begun(Watched):
    """A driver of a plan with one lane."""

    def _shards(self, plan: object) -> list[Shard]:
        assert plan
        return [SHARD]


class Nobody(OneByOne):
    """An engine that was never asked to send."""

    def tend(self, *_: object, **__: object) -> None:
        """Note it."""
        self.calls.append("tend")


@pytest.fixture
def begun(tmp_path) -> Iterator[tuple[Begun, Part, Address]]:
    """Return the driver of a run that is to be begun, the run, and the place of its ledger."""
    with (
        fresh_address(server()) as address,
        closing(open_postgres(address, target=TARGET, create=True)) as ledger,
    ):
        number = ledger.start_plan(RECORD, now_us=1).number
        run = ledger.start_run(number, host="h", pid=1, version="v", now_us=2)
        spread = made(tmp_path, address, ledger, kind=Begun, engine=Nobody())
        plan = cast("Any", SimpleNamespace(path=tmp_path, summary=None))
        yield spread, spread.part(plan, number, run, cast("Any", (None, None))), address


def test_signal_while_a_run_is_being_begun_is_heard_and_nobody_sends(begun):
    """A loop that waits for the database itself would be deaf to Ctrl-C for two minutes."""
    (spread, part, address), stop = begun, Stop(lambda _: None)

    async def interrupted(connection: "psycopg.Connection[Any]") -> object:
        replaying = asyncio.create_task(spread.replay(part, LIMITS, stop))
        until = SYSTEM.monotonic() + 10
        while not connection.execute(WAITING).fetchall():
            assert SYSTEM.monotonic() < until
            await yield_once()
        os.kill(os.getpid(), signal.SIGTERM)
        while not stop.requested:
            assert SYSTEM.monotonic() < until
            await yield_once()
        connection.execute("COMMIT")
        return await replaying

    with shell(address) as connection:
        connection.execute("SET statement_timeout = '20 s'")
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE pace")
        asyncio.run(interrupted(connection))

    assert StopKind.TERMINATED == (stop.reason.kind if stop.reason else None)
    assert [] == cast("Any", spread._engine).calls


def test_signal_ends_the_patience_with_a_database_that_is_away_at_the_beginning(begun, monkeypatch):
    """Nobody sends yet, so nobody has to be told of the end."""
    (spread, part, _), stop = begun, Stop(lambda _: None)
    monkeypatch.setattr(stop_module, "_PATIENCE_SECONDS", 0.01)
    left = threading.Event()

    class Away:
        """A ledger whose database is away until somebody is in a hurry."""

        hurry = staticmethod(left.set)

        def counts(self, _plan: int) -> dict[State, int]:
            os.kill(os.getpid(), signal.SIGINT)
            raise LedgerAwayError("away" if left.wait(5) else "waited", hint="h")

    spread._ledger = cast("Any", Away())
    with pytest.raises(LedgerAwayError, match="away"):
        asyncio.run(spread.replay(part, LIMITS, stop))


def test_driver_in_a_hurry_tells_its_workers_first(begun):
    """Or they would go on, with nobody to end them, as soon as the database is back."""
    (spread, part, address), stop = begun, Stop(lambda _: None)
    with closing(SharedRuns(address)) as runs:
        runs.begin(part.run, [SHARD], WISH)
        spread._untold = True
        stop.request(StopKind.TERMINATED, "terminated")
        spread._hurry(runs)
        before = runs._hurried.is_set()
        asyncio.run(asyncio.wait_for(spread._watch(runs, part, {}, LIMITS, stop), 20))
        worked = runs.worked(part.run)
        after = runs._hurried.is_set()

    assert (False, True) == (before, after)
    assert "terminated" == (worked.stop_kind if worked else None)
