"""What every ledger promises of plans and runs; see `etl.ledger.interface.Ledger`."""

import pytest

from etl.errors import LedgerError

LEDGERS = ["sqlite", "postgres"]


def test_new_ledger_is_empty(ledger):
    """Nothing touched means nothing stored."""
    assert ledger.open_plan() is None
    assert ledger.plans() == []
    assert ledger.last_run() is None
    assert ledger.counts() == {}
    assert ledger.last_send_us() is None
    assert ledger.hold_off_us() is None
    assert list(ledger.touched()) == []
    assert list(ledger.export()) == []


def test_close_may_be_called_twice(ledger):
    """A command closes in its finally clause, whatever was closed before."""
    ledger.close()
    ledger.close()


def test_closed_ledger_refuses_with_a_ledger_error(ledger):
    """A driver's exception never escapes."""
    ledger.close()
    with pytest.raises(LedgerError):
        ledger.mark()


def test_start_plan_gives_a_number_and_opens_it(ledger, new_plan):
    """The plan's number is the ledger's to give."""
    record = ledger.start_plan(new_plan(), now_us=1)
    assert (record.number, record.open) == (1, True)
    assert record == ledger.open_plan()
    assert [record] == ledger.plans()


def test_start_plan_closes_the_open_one(ledger, new_plan):
    """At most one plan may send."""
    ledger.start_plan(new_plan("a"), now_us=1)
    second = ledger.start_plan(new_plan("b"), now_us=2)
    assert second == ledger.open_plan()
    assert [plan.open for plan in ledger.plans()] == [False, True]


def test_start_plan_refuses_the_hash_that_is_open(ledger, new_plan):
    """Its messages have ordinals already."""
    record = ledger.start_plan(new_plan(), now_us=1)
    with pytest.raises(LedgerError, match="open already"):
        ledger.start_plan(new_plan(), now_us=2)
    assert record == ledger.open_plan()


def test_closed_plan_may_be_started_anew_as_another_number(ledger, new_plan):
    """The same input may come back after another was imported."""
    ledger.start_plan(new_plan("a"), now_us=1)
    ledger.start_plan(new_plan("b"), now_us=2)
    assert ledger.start_plan(new_plan("a"), now_us=3).number == 3


def test_run_is_recorded_from_start_to_end(ledger, started):
    """`status` tells how the last run ended."""
    plan, run = started
    begun = ledger.last_run()
    assert (run, plan, "host", 1, "0", 1_001, None, None) == (
        begun.number, begun.plan, begun.host, begun.pid, begun.version,
        begun.started_us, begun.ended_us, begun.exit_code,
    )  # fmt: skip
    ledger.end_run(run, exit_code=3, now_us=1_500)
    assert (ledger.last_run().ended_us, ledger.last_run().exit_code) == (1_500, 3)


def test_run_of_a_closed_plan_is_refused(ledger, started, new_plan):
    """Its messages may not be sent any more."""
    plan, _ = started
    ledger.start_plan(new_plan("b"), now_us=5)
    with pytest.raises(LedgerError):
        ledger.start_run(plan, host="host", pid=1, version="0", now_us=6)


@pytest.mark.parametrize("again", [1, 77])
def test_end_run_refuses_an_ended_or_unknown_run(ledger, started, again):
    """A run ends once."""
    ledger.end_run(started[1], exit_code=0, now_us=5)
    with pytest.raises(LedgerError):
        ledger.end_run(again, exit_code=0, now_us=6)
