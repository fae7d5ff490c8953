"""What the driver of a run by many workers tells them."""

import pickle
from types import SimpleNamespace
from typing import Any, cast

from etl.config.secrets import Secret
from etl.ledger.postgres.address import Address
from etl.pipeline.spreading import Spread
from etl.replay.conversations import Conversations
from support.checked import job_file
from support.workers import OneByOne


def test_workers_are_told_nothing_of_whom_to_notify(tmp_path):
    """The address of a web hook is often its only secret; only the driver calls it."""
    job = job_file(tmp_path, notify={"webhook": "https://hooks.example/T0/s3cret"}).job
    spread = Spread(
        cast("Any", OneByOne()), Address(url="postgresql://db.example/etl", schema="etl"), job,
        folder=tmp_path, sandbox=False, ledger=cast("Any", None), observe=lambda _: None,
        conversations=Conversations(expiration_minutes=60),
    )  # fmt: skip
    plan = cast("Any", SimpleNamespace(path=tmp_path))
    spec = spread._spec(spread.part(plan, 1, 1, (job.target, Secret("t" * 20))))

    assert b"s3cret" not in pickle.dumps(spec)
    assert b"s3cret" in pickle.dumps(job)
