"""What a replay takes over from the runs before it, and leaves to the next one."""

import asyncio
import os
import signal
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from etl.clock import SYSTEM, yield_once
from etl.config.load import parse_job
from etl.config.secrets import Secret
from etl.errors import LedgerAwayError
from etl.ledger.interface import Intent, Outcome, PlanRecord
from etl.ledger.opening import open_ledger
from etl.ledger.rescue import SideFile
from etl.ledger.sqlite import SqliteLedger
from etl.model.events import Event, PaceChanged
from etl.model.states import State
from etl.pipeline.pumping import SharedMemory
from etl.pipeline.replaying import LedgerMemory, Replaying
from etl.replay import stop as stop_module
from etl.replay.conversations import Conversations
from etl.replay.lane import blocking_states
from etl.replay.limits import Bounds, Limits
from etl.replay.runner import Scope
from etl.replay.stop import Stop

HOUR_US = 3_600_000_000


@pytest.fixture
def ledger(tmp_path):
    """Yield a ledger whose last message was sent twelve hours ago."""
    with closing(open_ledger(tmp_path / "l" / "ledger.sqlite", target="t", create=True)) as opened:
        record = PlanRecord(
            number=0, hash="a" * 64, fingerprint="f" * 64, identity="i" * 64, source="acme",
            messages=1, lanes=1, open=False,
        )  # fmt: skip
        at_us = SYSTEM.wall_us() - 12 * HOUR_US
        plan = opened.start_plan(record, now_us=at_us).number
        run = opened.start_run(plan, host="h", pid=1, version="0", now_us=at_us)
        intent = Intent(
            plan=plan, ordinal=0, run=run, key=b"k" * 16, content=b"c" * 16, lane="u", at_us=1, now_us=at_us
        )
        outcome = Outcome(
            plan=plan,
            ordinal=0,
            run=run,
            state=State.ACCEPTED,
            now_us=at_us,
            phase="answered",
            reason="accepted",
        )
        opened.commit([intent, outcome])
        yield opened


def replaying(ledger: SqliteLedger, events: list[Event], **replay: object) -> Replaying:
    """Return a replay of a job with those settings."""
    data = {
        "source": "test",
        "target": {"deployment_id": "d"},
        "columns": {"text": "t", "timestamp": "at", "user": "u", "role": "r"},
        "roles": {"customer": ["c"]},
        "replay": {"rate_per_second": 8.0, **replay},
    }
    return Replaying(
        job=parse_job(data, name="job"),
        folder=Path(),
        ledger=ledger,
        scope=Scope(plan=1, only_first_lanes=None, blocking=blocking_states(hold_rejected=False)),
        run=1,
        expected=1,
        limits=Limits(Bounds(), wall_us=SYSTEM.wall_us()),
        conversations=Conversations(expiration_minutes=600),
        observe=events.append,
        rescue=SideFile(Path(), identity="i", run=1, say=print),
    )


def test_lesson_of_this_morning_has_half_faded_and_stays_so(ledger):
    """Or runs too short to learn anything would keep it for ever."""
    events: list[Event] = []
    ledger.remember_learned_rate(2.0)
    adaptive = replaying(ledger, events)._adaptive()

    assert adaptive is not None
    assert pytest.approx(0.625, abs=0.001) == adaptive.share
    assert pytest.approx(5.0, abs=0.01) == ledger.learned_rate_per_second()
    assert ["as an earlier run has learned"] == [
        event.reason for event in events if isinstance(event, PaceChanged)
    ]


def test_lesson_about_a_higher_rate_is_kept_and_changes_nothing(ledger):
    """A small run at a low rate must not make the next large one forget."""
    events: list[Event] = []
    ledger.remember_learned_rate(20.0)
    adaptive = replaying(ledger, events)._adaptive()

    assert adaptive is not None
    assert (1.0, 20.0, []) == (adaptive.share, ledger.learned_rate_per_second(), events)


def test_job_that_keeps_its_pace_learns_nothing(ledger):
    """`adapt = false` is the person's word."""
    ledger.remember_learned_rate(2.0)

    assert replaying(ledger, [], adapt=False)._adaptive() is None
    assert 2.0 == ledger.learned_rate_per_second()


@pytest.mark.parametrize(("ahead_seconds", "waits"), [(0.0, False), (12 * 3_600.0, True)])
def test_first_message_waits_its_interval_although_the_clock_was_set_forward(ledger, ahead_seconds, waits):
    """Twelve hours seem to have passed; by the machine's own count it was an instant."""
    run = replace(replaying(ledger, []), clock_ahead_seconds=ahead_seconds)
    now = SYSTEM.monotonic()
    first = run._pacer(None).slot(now)

    assert waits is (first >= now + 0.9)


@pytest.mark.parametrize("shared", [False, True])
def test_memory_that_waits_for_its_database_holds_up_nothing_else(shared):
    """A loop that stood still would let answers that come meanwhile run into their timeout."""
    back = threading.Event()

    class Away:
        """A ledger whose database is away for a while."""

        share = 1.0

        def _wait(self, *_: object, **__: object) -> bool:
            return back.wait(30)

        set_hold_off = set_share = remember_learned_rate = _wait

    async def go_on() -> None:
        away: Any = Away()
        memory = SharedMemory(away, away, allowed_per_second=8.0) if shared else LedgerMemory(away)
        storing = [
            asyncio.create_task(memory.set_hold_off(1)),
            asyncio.create_task(memory.remember_learned_rate(4.0)),
        ]
        await yield_once()
        assert not any(task.done() for task in storing)
        back.set()
        await asyncio.gather(*storing)

    asyncio.run(go_on())


def test_signal_is_heard_while_a_run_that_begins_waits_for_its_database(monkeypatch):
    """A loop that asked the ledger itself would be deaf to Ctrl-C for two minutes."""
    monkeypatch.setattr(stop_module, "_PATIENCE_SECONDS", 0.01)
    left = threading.Event()

    class Away:
        """A ledger whose database is away until somebody is in a hurry."""

        hurry = staticmethod(left.set)

        def learned_rate_per_second(self) -> float | None:
            os.kill(os.getpid(), signal.SIGTERM)
            raise LedgerAwayError("away" if left.wait(5) else "waited", hint="h")

        def last_send_us(self) -> None:
            """Return that nothing was sent."""

    run, stop = replaying(cast("Any", Away()), []), Stop(lambda _: None)
    sending = run.replay(cast("Any", None), target=run.job.target, token=Secret("t" * 20), stop=stop)
    with pytest.raises(LedgerAwayError, match="away"):
        asyncio.run(sending)
