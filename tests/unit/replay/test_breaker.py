"""The breaker: a wrong set-up costs three requests, not a million rejects."""

import pytest

from etl.replay.breaker import Breaker
from etl.replay.outcome import Judgement, Verdict


def run(limit: int, *outcomes: tuple[Verdict, str]) -> list[bool]:
    """Return what a new breaker says to each outcome."""
    breaker = Breaker(limit)
    return [breaker.observe(Judgement(verdict=verdict, reason=reason)) for verdict, reason in outcomes]


@pytest.mark.parametrize("verdict", [Verdict.REJECTED, Verdict.UNCERTAIN])
def test_breaker_trips_at_the_limit(verdict):
    """Three of a kind are no accident."""
    assert run(3, *[(verdict, "http_400")] * 3) == [False, False, True]


def test_breaker_starts_anew_after_an_acceptance():
    """One message that gets through shows that the set-up is right."""
    bad, good = (Verdict.REJECTED, "http_400"), (Verdict.ACCEPTED, "accepted")

    assert run(3, bad, bad, good, bad, bad) == [False] * 5


def test_breaker_starts_anew_with_another_kind():
    """Different refusals speak of messages, equal ones of the set-up."""
    one, other = (Verdict.REJECTED, "http_400"), (Verdict.UNCERTAIN, "timeout")

    assert run(2, one, other, one, other, other) == [False, False, False, False, True]


def test_breaker_ignores_retries():
    """A pause between two refusals makes neither of them better; nor is it a refusal."""
    bad, again = (Verdict.UNCERTAIN, "timeout"), (Verdict.RETRY, "http_429")

    assert run(2, bad, again, again, bad) == [False, False, False, True]


def test_breaker_with_limit_one_trips_at_once():
    """Who wants no refusal at all says so with 1."""
    assert run(1, (Verdict.REJECTED, "http_422")) == [True]
