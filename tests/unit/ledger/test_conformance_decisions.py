"""What every ledger promises of recovery and decisions; see `etl.ledger.interface.Ledger`."""

import pytest

from etl.errors import LedgerError
from etl.ledger.interface import EXPORT_SCHEMA
from etl.model.states import State
from support.conformance import UNSETTLED, decision, rows

LEDGERS = ["sqlite", "postgres"]


def test_recover_turns_in_flight_into_uncertain(ledger, intent, outcome):
    """After a crash nobody knows what became of them."""
    ledger.commit([intent(0), outcome(0), intent(1), intent(10)])
    assert ledger.recover(now_us=7_000) == 2
    assert ledger.counts() == {State.ACCEPTED: 1, State.UNCERTAIN: 2}
    assert [entry.reason for entry in ledger.entries(UNSETTLED, limit=9)] == ["interrupted"] * 2
    assert ledger.recover(now_us=7_001) == 0


@pytest.mark.parametrize("state", [State.ACCEPTED, State.PENDING, State.SKIPPED])
def test_uncertain_is_settled_by_somebodys_word(ledger, started, intent, outcome, state):
    """The three ways out of doubt."""
    ledger.commit([intent(0), outcome(0, State.UNCERTAIN)])
    ledger.decide([decision(started[0], 0, state)])
    assert {state: 1} == ledger.counts()
    assert (state is State.PENDING) == rows(ledger.export(), EXPORT_SCHEMA)[0]["maybe_doubled"]


def test_message_resent_after_doubt_stays_marked(ledger, started, intent, outcome):
    """Promise P2: a possible double is never forgotten."""
    ledger.commit([intent(0), outcome(0, State.UNCERTAIN)])
    ledger.decide([decision(started[0], 0, State.PENDING)])
    ledger.commit([intent(0), outcome(0)])
    (row,) = rows(ledger.export(), EXPORT_SCHEMA)
    assert (row["state"], row["attempts"], row["maybe_doubled"]) == ("accepted", 2, True)


def test_rejected_message_put_back_is_not_marked_as_doubled(ledger, started, intent, outcome):
    """The API said that it did not take it."""
    ledger.commit([intent(0), outcome(0, State.REJECTED)])
    ledger.decide([decision(started[0], 0, State.PENDING)])
    assert [row["maybe_doubled"] for row in rows(ledger.export(), EXPORT_SCHEMA)] == [False]


@pytest.mark.parametrize(
    ("before", "word"),
    [
        (State.ACCEPTED, State.PENDING),
        (State.ACCEPTED, State.SKIPPED),
        (State.REJECTED, State.ACCEPTED),
        (State.PENDING, State.ACCEPTED),
        (State.PENDING, State.PENDING),
        (State.UNCERTAIN, State.REJECTED),
        (State.UNCERTAIN, State.IN_FLIGHT),
    ],
)
def test_word_that_the_state_machine_forbids_is_refused(ledger, started, intent, outcome, before, word):
    """All or nothing, as with commits."""
    ledger.commit([intent(0), outcome(0, before), intent(10), outcome(10, State.UNCERTAIN)])
    with pytest.raises(LedgerError):
        ledger.decide([decision(started[0], 10, State.ACCEPTED), decision(started[0], 0, word)])
    assert ([0, 10], [before, State.UNCERTAIN]) == ledger.progress(started[0], 0, 100)


@pytest.mark.parametrize("state", [State.ACCEPTED, State.PENDING, State.SKIPPED])
def test_message_in_flight_can_not_be_decided(ledger, started, intent, state):
    """Its outcome is on the way; first comes recovery."""
    ledger.commit([intent(0)])
    with pytest.raises(LedgerError):
        ledger.decide([decision(started[0], 0, state)])


def test_word_on_an_unknown_message_is_refused(ledger, started):
    """A typing error in an ordinal must not pass for a decision."""
    with pytest.raises(LedgerError, match="does not know"):
        ledger.decide([decision(started[0], 5, State.SKIPPED)])
