"""What a ledger tells of its runs afterwards."""

import pytest

from etl.ledger.evidence import Aim, Pause
from etl.ledger.interface import Decision
from etl.model.states import State

AIM = Aim(allowed_per_second=50.0, expected=9, forecast_seconds=0.18, expected_plan="aaaa")

LEDGERS = ["sqlite", "postgres"]


def test_a_run_keeps_what_it_set_out_to_do_and_why_it_ended(ledger, started):
    """A report that is made later has nobody to ask."""
    plan, first = started
    second = ledger.start_run(plan, host="h", pid=2, version="1", now_us=5, aim=AIM)
    ledger.end_run(second, exit_code=75, now_us=9, stop="the window is closed")
    before, found = ledger.runs()
    assert found == ledger.last_run()
    assert (first, None, None) == (before.number, before.allowed_per_second, before.ended_us)
    assert (second, 50.0, 9, 0.18, "aaaa", "the window is closed", 75) == (
        found.number,
        found.allowed_per_second,
        found.expected,
        found.forecast_seconds,
        found.expected_plan,
        found.stop,
        found.exit_code,
    )


def test_acceptances_are_those_of_the_run_without_those_of_a_word(ledger, started, intent, outcome):
    """A message that a person called accepted took no time and has no place in the throughput."""
    plan, run = started
    ledger.commit([intent(0), outcome(0, http_status=200)])
    ledger.commit([intent(10), outcome(10, State.UNCERTAIN, phase="sent")])
    ledger.decide([Decision(plan=plan, ordinal=10, state=State.ACCEPTED, who="a", why="b", now_us=9_000)])
    (batch,) = ledger.acceptances([run])
    assert [{"at_us": 3_000, "took_us": 1_000, "http_status": 200}] == batch.to_pylist()
    assert [] == list(ledger.acceptances([run + 1]))
    assert {"accepted": 1} == ledger.words(plan)


def test_attempts_are_told_with_their_code_and_without_the_apis_words(ledger, started, intent, outcome):
    """Reports count them; the words are shown with single messages only."""
    _, run = started
    ledger.commit([intent(0), outcome(0, State.REJECTED, reason="http_422: too long", http_status=422)])
    (batch,) = ledger.attempts([run])
    assert [
        {"at_us": 3_000, "state": "rejected", "code": "http_422", "http_status": 422}
    ] == batch.to_pylist()


def test_a_pause_belongs_to_the_run_that_goes_on(ledger, started):
    """One that a message by hand was asked for belongs to none."""
    _, run = started
    pause = Pause(at_us=5, until_us=9, reason="http_429")
    ledger.set_hold_off(9, pause=pause)
    ledger.end_run(run, exit_code=0, now_us=10)
    ledger.set_hold_off(20, pause=Pause(at_us=11, until_us=20, reason="http_503"))
    assert [pause] == ledger.pauses([run])
    assert pytest.approx(20, abs=1_000_000) == ledger.hold_off_us()
