"""What the driver of a run by many workers tells them."""

import asyncio
import pickle
from collections.abc import Callable
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import pytest

from etl.config.secrets import Secret
from etl.errors import LedgerError
from etl.ledger.interface import PlanRecord
from etl.ledger.marks import Concern, Marks, concern
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.opening import open_postgres
from etl.ledger.postgres.shards import SharedRuns
from etl.ledger.sharing import PaceWish, Shard, Worked
from etl.pipeline.spreading import Spread
from etl.replay.conversations import Conversations
from etl.replay.limits import Bounds, Limits
from etl.replay.stop import Stop, StopKind
from support.checked import job_file
from support.postgres import fresh_address, server, shell
from support.workers import OneByOne

TARGET = "https://api.example/1"
SPACE = cast("Any", SimpleNamespace(uri=None))


class Watched(Spread):
    """A driver after whose looks at the ledger something happens."""

    between: Callable[[], None] | None = None

    def _tell_pace(self, worked: Worked) -> None:
        super()._tell_pace(worked)
        if self.between:
            self.between()


def made(folder, address, ledger, job=None) -> Watched:
    """Return the driver of a job."""
    return Watched(
        cast("Any", OneByOne()), address, job or job_file(folder).job, space=SPACE,
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
        record = PlanRecord(
            number=0, hash="a" * 64, fingerprint="f", identity="i", source="s", messages=9, lanes=1, open=True
        )
        wish = PaceWish(
            spacing_seconds=1, share=1, rest_seconds=0, hold_off_seconds=0, max_messages=None,
            duration_seconds=None,
        )  # fmt: skip
        shard = Shard(number=0, part=-1, first_lane=0, end_lane=1, messages=9)
        marks = Marks(tmp_path / "ledger.sqlite", target=TARGET, memory=None)
        with closing(open_postgres(address, target=TARGET, create=True, marks=marks)) as ledger:
            number = ledger.start_plan(record, now_us=1).number
            run = ledger.start_run(number, host="h", pid=1, version="v", now_us=2)
            spread, stop = made(tmp_path, address, ledger), Stop(lambda _: None)
            with closing(SharedRuns(address)) as runs, shell(address) as connection:
                runs.begin(run, [shard], wish)
                connection.execute("INSERT INTO pump (run, owner, commits) VALUES (%s, 'a', 5)", (run,))

                def lose() -> None:
                    connection.execute("SET session_replication_role = replica")
                    connection.execute(forget.encode())

                spread.between = lose
                part = spread.part(cast("Any", None), number, run, cast("Any", (None, None)))
                watching = spread._watch(runs, part, {}, Limits(Bounds(), wall_us=0), stop)
                asyncio.run(asyncio.wait_for(watching, 20))
            assert stop.reason
            assert StopKind.ABORTED == stop.reason.kind
            assert isinstance(spread._error, LedgerError)
            assert "--restored" in spread._error.hint
            assert Concern.OLDER == (concern(ledger.name(), marks.read()) or [None])[0]
