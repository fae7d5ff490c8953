"""The driver of a run by many, beside real workers' sides and a real PostgreSQL."""

import asyncio
from contextlib import closing
from pathlib import Path
from typing import Any

from etl.clock import SYSTEM
from etl.config.load import load_job
from etl.ledger.interface import PlanRecord
from etl.ledger.leases import Leases
from etl.ledger.postgres.opening import open_postgres
from etl.ledger.postgres.pump import PumpLedger
from etl.ledger.postgres.shards import SharedRuns
from etl.ledger.sharing import PaceWish, Shard
from etl.pipeline.spreading import Part, Spread
from etl.replay.conversations import Conversations
from etl.replay.limits import Bounds, Limits
from etl.replay.stop import Stop, StopKind
from support.postgres import fresh_address, server

ROOT = Path(__file__).parents[3]
SHARD = Shard(number=0, part=-1, first_lane=0, end_lane=1, messages=10)
WISH = PaceWish(
    spacing_seconds=0.1, share=1.0, rest_seconds=0.0, hold_off_seconds=0.0, max_messages=None,
    duration_seconds=None,
)  # fmt: skip
RECORD = PlanRecord(
    number=0, hash="a" * 64, fingerprint="f", identity="i", source="s", messages=10, lanes=1, open=True
)


def test_worker_that_claims_between_a_look_and_the_stop_may_finish():
    """Whoever is told to stop finishes what is in flight; the driver fences nobody whom it has not seen."""
    with (
        fresh_address(server()) as address,
        closing(open_postgres(address, target="t", create=True)) as ledger,
        closing(SharedRuns(address)) as runs,
    ):
        plan = ledger.start_plan(RECORD, now_us=1).number
        run = ledger.start_run(plan, host="h", pid=1, version="0", now_us=1)
        runs.begin(run, [SHARD], WISH)
        stop = Stop(lambda _event: None)
        claims: list[Any] = []
        left: list[Any] = []
        with closing(PumpLedger(address, run=run, leases=Leases(30.0), rest_seconds=1.0)) as pump:

            class Between:
                """The ledger as the driver asks it between its look at the shards and its word."""

                def counts(self, number):
                    if not claims:
                        claims.append(pump.claim())
                        stop.request(StopKind.INTERRUPTED, "Ctrl-C")
                    elif not left:
                        pump.leave(claims[0], done=False)
                        left.append(claims[0])
                    return ledger.counts(number)

            between: Any = Between()
            nobody: Any = None
            job = load_job(ROOT / "configs" / "zendesk.toml").job
            spread = Spread(
                nobody, address, job, space=nobody, folder=Path(), sandbox=False, ledger=between,
                conversations=Conversations(expiration_minutes=60), observe=lambda _event: None,
            )  # fmt: skip
            part = Part(plan=nobody, plan_number=plan, run=run, target=nobody, token=nobody)
            limits = Limits(Bounds(), wall_us=SYSTEM.wall_us())
            asyncio.run(spread._watch(runs, part, {}, limits, stop))

    assert claims == left
    assert 1 == len(left)
