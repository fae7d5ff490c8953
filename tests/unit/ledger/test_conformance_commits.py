"""What every ledger promises of intents and outcomes; see `etl.ledger.interface.Ledger`."""

import pytest

from etl.clock import SYSTEM
from etl.errors import LedgerError
from etl.ledger.interface import EXPORT_SCHEMA
from etl.model.states import State
from support.conformance import rows

LEDGERS = ["sqlite", "postgres"]


def test_intent_of_an_untouched_message_puts_it_in_flight(ledger, started, intent):
    """The intent is what makes a row."""
    now_us = SYSTEM.wall_us()
    ledger.commit([intent(4, now_us=now_us)])
    assert ledger.progress(started[0], 0, 100) == ([4], [State.IN_FLIGHT])
    assert pytest.approx(now_us, abs=1_000_000) == ledger.last_send_us()


def test_outcome_and_next_intent_of_a_lane_fit_into_one_commit(ledger, started, intent, outcome):
    """Group commit brings both together."""
    ledger.commit([intent(0)])
    ledger.commit([outcome(0), intent(1), intent(10)])
    expected = ([0, 1, 10], [State.ACCEPTED, State.IN_FLIGHT, State.IN_FLIGHT])
    assert expected == ledger.progress(started[0], 0, 100)


def test_a_whole_life_fits_into_one_commit(ledger, started, intent, outcome):
    """Entries are applied in order, so a retry may follow its own failure."""
    first, retry = outcome(0, State.PENDING, phase="connect"), outcome(0)
    ledger.commit([intent(0), first, intent(0), retry])
    assert ledger.progress(started[0], 0, 100) == ([0], [State.ACCEPTED])
    assert rows(ledger.export(), EXPORT_SCHEMA)[0]["attempts"] == 2


def test_empty_commit_changes_nothing(ledger):
    """The writer need not look."""
    before = ledger.mark()
    ledger.commit([])
    ledger.decide([])
    assert before == ledger.mark()


def test_second_message_of_a_lane_in_flight_is_refused(ledger, started, intent):
    """Promise P3, whichever process asks."""
    ledger.commit([intent(0)])
    with pytest.raises(LedgerError, match="in flight") as caught:
        ledger.commit([intent(10), intent(1)])
    assert "user-0" not in caught.value.message
    assert ledger.progress(started[0], 0, 100) == ([0], [State.IN_FLIGHT])


@pytest.mark.parametrize("state", [State.ACCEPTED, State.REJECTED, State.UNCERTAIN])
def test_intent_of_a_settled_or_uncertain_message_is_refused(ledger, started, intent, outcome, state):
    """Promise P2: nothing is silently sent twice."""
    ledger.commit([intent(0), outcome(0, state)])
    with pytest.raises(LedgerError, match="message 0 of plan 1"):
        ledger.commit([intent(10), intent(0)])
    assert ([0], [state]) == ledger.progress(started[0], 0, 100)


@pytest.mark.parametrize("field", ["key", "content"])
def test_intent_of_another_message_at_the_same_place_is_refused(ledger, intent, outcome, field):
    """A plan that changed under its hash must not be sent."""
    ledger.commit([intent(0), outcome(0, State.PENDING)])
    with pytest.raises(LedgerError):
        ledger.commit([intent(0, **{field: b"x" * 16})])


def test_intent_of_a_closed_plan_is_refused(ledger, started, intent, outcome, new_plan):
    """Opening another plan closes it; what is in flight may still come home."""
    ledger.commit([intent(0), intent(10), outcome(10, State.PENDING)])
    ledger.start_plan(new_plan("b"), now_us=5)
    for ordinal in (20, 10):
        with pytest.raises(LedgerError, match="not the open one"):
            ledger.commit([intent(ordinal)])
    ledger.commit([outcome(0)])
    assert ledger.counts(started[0]) == {State.ACCEPTED: 1, State.PENDING: 1}


def test_intent_of_an_ended_run_is_refused(ledger, started, intent, outcome):
    """A run that said how it ended can't go on."""
    ledger.commit([intent(0), outcome(0, State.PENDING)])
    ledger.end_run(started[1], exit_code=0, now_us=5)
    for ordinal in (0, 10):
        with pytest.raises(LedgerError, match="run has ended"):
            ledger.commit([intent(ordinal)])


def test_outcome_without_an_intent_is_refused(ledger, outcome):
    """Nothing was sent, so nothing can have come of it."""
    with pytest.raises(LedgerError):
        ledger.commit([outcome(0)])
    assert ledger.counts() == {}


def test_second_outcome_is_refused(ledger, intent, outcome):
    """An attempt has one outcome."""
    with pytest.raises(LedgerError):
        ledger.commit([intent(0), outcome(0, State.UNCERTAIN), outcome(0)])
    assert ledger.counts() == {}


@pytest.mark.parametrize("state", [State.IN_FLIGHT, State.SKIPPED])
def test_outcome_that_no_attempt_can_have_is_refused(ledger, intent, outcome, state):
    """Only people skip."""
    ledger.commit([intent(0)])
    with pytest.raises(LedgerError):
        ledger.commit([outcome(0, state)])
    assert ledger.counts() == {State.IN_FLIGHT: 1}


def test_outcome_of_another_run_is_refused(ledger, started, intent, outcome):
    """A run answers for its own requests only."""
    ledger.commit([intent(0)])
    with pytest.raises(LedgerError):
        ledger.commit([outcome(0, run=started[1] + 1)])


def test_key_of_another_length_is_refused(ledger, intent):
    """A wrong key would send a message twice one day."""
    with pytest.raises(LedgerError):
        ledger.commit([intent(0, key=b"short")])


def test_error_names_no_user_and_has_a_hint(ledger, intent):
    """Promise P8: errors hold no personal data."""
    with pytest.raises(LedgerError) as caught:
        ledger.commit([intent(0, key=b"k", lane="ann@example.org")])
    assert "ann" not in str(caught.value)
    assert caught.value.hint


def test_each_outcome_of_a_commit_is_kept_as_it_was(ledger, started, intent, outcome):
    """Many are applied in one go; the plain ones leave no attempt, the others one each."""
    ordinals = [0, 10, 20, 30]
    states = [State.ACCEPTED, State.REJECTED, State.UNCERTAIN, State.PENDING]
    ledger.commit([intent(ordinal) for ordinal in ordinals])
    ledger.commit([outcome(ordinal, state) for ordinal, state in zip(ordinals, states, strict=True)])

    assert (ordinals, states) == ledger.progress(started[0], 0, 100)
    assert [state.value for state in states] == [
        row["reason"] for row in rows(ledger.export(), EXPORT_SCHEMA)
    ]


def test_the_one_to_blame_is_named_among_many(ledger, started, intent, outcome):
    """And nothing of its commit is applied, as if it had been alone."""
    ledger.commit([intent(ordinal) for ordinal in (0, 10, 20)])
    with pytest.raises(LedgerError, match="message 30 of plan 1"):
        ledger.commit([outcome(0), outcome(10), outcome(30), outcome(20), intent(40)])

    assert ([0, 10, 20], [State.IN_FLIGHT] * 3) == ledger.progress(started[0], 0, 100)


def test_settled_messages_are_counted_by_range(ledger, started, intent, outcome):
    """What a resume passes over: of one plan, the end not included."""
    ledger.commit([intent(ordinal) for ordinal in (0, 10, 20, 30)])
    ledger.commit([outcome(0), outcome(10, State.REJECTED), outcome(20, State.UNCERTAIN)])
    plan = started[0]

    assert [2, 1, 0, 0] == [
        ledger.count_settled(*asked)
        for asked in ((plan, 0, 31), (plan, 1, 20), (plan, 20, 31), (plan + 1, 0, 31))
    ]
