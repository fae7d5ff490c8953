"""The breaker: a wrong set-up costs three requests, a server in trouble not a thousand doubts."""

import pytest

from etl.replay.breaker import PAUSES_SECONDS, RECOVERED_MESSAGES, Breaker, Trip
from etl.replay.outcome import Judgement, Verdict

ACCEPTED = Judgement(verdict=Verdict.ACCEPTED, reason="accepted")
REJECTED = Judgement(verdict=Verdict.REJECTED, reason="http_400")
SENSELESS = Judgement(verdict=Verdict.UNCERTAIN, reason="senseless_answer")
EMPTY = Judgement(verdict=Verdict.UNCERTAIN, reason="http_204")
CONFLICT = Judgement(verdict=Verdict.UNCERTAIN, reason="http_409")
TROUBLE = Judgement(verdict=Verdict.UNCERTAIN, reason="http_502")
BROKEN = Judgement(verdict=Verdict.UNCERTAIN, reason="http_500")
TIMEOUT = Judgement(verdict=Verdict.UNCERTAIN, reason="timeout")
LATER = Judgement(verdict=Verdict.RETRY, reason="http_429")


def run(limit: int, *judgements: Judgement) -> list[Trip]:
    """Return what a new breaker says to each outcome."""
    breaker = Breaker(limit)
    return [breaker.observe(one, ordinal=place, now=0.0) for place, one in enumerate(judgements)]


def opened() -> Breaker:
    """Return a breaker that has opened at 0 s."""
    breaker = Breaker(1)
    assert breaker.observe(TROUBLE, ordinal=0, now=0.0) is Trip.PAUSE
    return breaker


@pytest.mark.parametrize("judgement", [REJECTED, SENSELESS, EMPTY, CONFLICT])
def test_breaker_stops_at_the_limit(judgement):
    """Three of a kind are no accident."""
    assert run(3, *[judgement] * 3) == [Trip.NONE, Trip.NONE, Trip.STOP]


@pytest.mark.parametrize("second", [TROUBLE, TIMEOUT, BROKEN])
def test_server_in_trouble_pauses(second):
    """Whichever form it takes: 502 and silence are the same trouble."""
    assert run(2, TROUBLE, second) == [Trip.NONE, Trip.PAUSE]


def test_refusals_after_an_acceptance_never_trip():
    """Mid-run they speak of messages, as three long texts of one user."""
    assert run(3, ACCEPTED, *[REJECTED] * 9) == [Trip.NONE] * 10


@pytest.mark.parametrize("judgement", [SENSELESS, TROUBLE])
def test_doubt_after_an_acceptance_trips(judgement):
    """A proxy or a login page can come at any time, and so can an outage."""
    assert run(3, ACCEPTED, judgement, judgement, judgement)[-1] is not Trip.NONE


def test_breaker_starts_anew_after_an_acceptance():
    """One message that gets through shows that all is well."""
    assert run(3, SENSELESS, SENSELESS, ACCEPTED, SENSELESS, SENSELESS) == [Trip.NONE] * 5


def test_breaker_starts_anew_with_another_kind():
    """Different refusals speak of messages, equal ones of the set-up."""
    assert run(2, REJECTED, SENSELESS, REJECTED, TIMEOUT, SENSELESS) == [Trip.NONE] * 5


def test_breaker_ignores_retries():
    """A pause between two refusals makes neither of them better; nor is it a refusal."""
    assert run(2, SENSELESS, LATER, LATER, SENSELESS) == [Trip.NONE, Trip.NONE, Trip.NONE, Trip.STOP]


def test_breaker_with_limit_one_trips_at_once():
    """Who wants no refusal at all says so with 1."""
    assert run(1, REJECTED) == [Trip.STOP]


def test_one_message_tries_after_the_pause():
    """Half-open: one more doubt at most, not one for each lane."""
    breaker = opened()

    assert not breaker.closed
    assert not breaker.claims(7, PAUSES_SECONDS[0] - 0.1)
    assert breaker.claims(7, PAUSES_SECONDS[0])
    assert not breaker.claims(8, PAUSES_SECONDS[0])
    assert breaker.claims(7, PAUSES_SECONDS[0])


@pytest.mark.parametrize("answer", [ACCEPTED, REJECTED])
def test_any_plain_answer_closes_it_again(answer):
    """The server works; what it thinks of the message is another matter."""
    breaker = opened()
    breaker.claims(7, 30.0)

    assert breaker.observe(answer, ordinal=7, now=31.0) is Trip.NONE
    assert breaker.closed


def test_failed_tries_pause_longer_and_then_give_up():
    """Three more doubts at most."""
    breaker = opened()
    trips, pauses, now = [], [breaker.pause_seconds], 0.0
    for ordinal in (1, 2, 3):
        now += breaker.pause_seconds
        assert breaker.claims(ordinal, now)
        trips.append(breaker.observe(TROUBLE, ordinal=ordinal, now=now))
        pauses.append(breaker.pause_seconds)

    assert trips == [Trip.PAUSE, Trip.PAUSE, Trip.GIVE_UP]
    assert pauses[:3] == list(PAUSES_SECONDS)


@pytest.mark.parametrize(("good", "pause"), [(5, 1), (RECOVERED_MESSAGES, 0)])
def test_server_that_comes_and_goes_is_given_longer_pauses(good, pause):
    """Each turn costs a few messages their certainty; a night of turns would cost thousands."""
    breaker = opened()
    breaker.claims(1, 30.0)
    for _ in range(1 + good):
        breaker.observe(ACCEPTED, ordinal=1, now=31.0)

    assert breaker.observe(TROUBLE, ordinal=2, now=32.0) is Trip.PAUSE
    assert PAUSES_SECONDS[pause] == breaker.pause_seconds


def test_outcomes_of_what_was_in_flight_count_for_nothing_while_open():
    """They left before the pause and say nothing of what comes after."""
    breaker = opened()

    assert [breaker.observe(one, ordinal=9, now=1.0) for one in (TROUBLE, ACCEPTED)] == [Trip.NONE] * 2
    assert not breaker.closed


def test_try_that_was_surely_not_taken_tries_again():
    """A refused connection says nothing of the server's health."""
    breaker = opened()
    breaker.claims(7, 30.0)

    assert breaker.observe(LATER, ordinal=7, now=31.0) is Trip.NONE
    assert breaker.claims(7, 31.0)
    assert not breaker.closed
