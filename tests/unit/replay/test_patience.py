"""How long an API that takes nothing is waited for."""

from random import Random

import pytest

from etl.replay.patience import Patience


class NoJitter(Random):
    """Jitter of nothing."""

    def random(self) -> float:
        """Return zero."""
        return 0.0


@pytest.fixture
def patience() -> Patience:
    """Return a new patience of 100 seconds."""
    return Patience(max_wait_seconds=100.0, max_throttles=3, random=NoJitter())


def test_backoff_doubles_to_a_minute(patience):
    """A server that comes back is not met by a stampede, nor kept waiting."""
    expected = [0.5, 1, 2, 4, 8, 16, 32, 60, 60]

    assert expected == [patience.backoff_seconds() for _ in expected]


def test_backoff_starts_anew_after_an_answer(patience):
    """The next trouble is another one."""
    patience.backoff_seconds()
    patience.backoff_seconds()
    patience.answered()

    assert patience.backoff_seconds() == 0.5


def test_backoff_never_overflows(patience):
    """A night without network is a thousand failures."""
    for _ in range(2_000):
        patience.backoff_seconds()

    assert patience.backoff_seconds() == 60.0


def test_jitter_is_at_most_a_quarter():
    """Several importers of one target come back at different times."""
    waits = [
        Patience(max_wait_seconds=1.0, max_throttles=3, random=Random(seed)).backoff_seconds()  # noqa: S311  jitter
        for seed in range(50)
    ]

    assert min(waits) >= 0.5
    assert max(waits) <= 0.625
    assert len(set(waits)) > 40


def test_patience_ends_after_three_failures_without_any_answer(patience):
    """Waiting long would only hide a wrong address."""
    ends = []
    for _ in range(3):
        wait_seconds = patience.backoff_seconds()
        ends.append(patience.exhausted(0.0, wait_seconds))

    assert ends == [False, False, True]


def test_patience_after_an_answer_is_what_the_job_allows(patience):
    """An API that was there once will be there again."""
    patience.answered()

    assert not patience.exhausted(0.0, 100.0)
    assert patience.exhausted(1.0, 100.0)


def test_patience_is_new_after_a_recovery(patience):
    """Two short troubles are no long one."""
    patience.answered()
    patience.exhausted(0.0, 60.0)
    patience.recovered()

    assert not patience.exhausted(60.0, 60.0)


def test_patience_ends_with_so_many_throttles_in_a_row(patience):
    """A storm is no pause: each new word counts, whatever it asks for."""
    told = [patience.throttled(sent_at=float(at), now=at + 0.1) for at in range(4)]

    assert told == [False, False, True, True]


def test_requests_in_flight_together_are_one_throttle(patience):
    """256 lanes that hear the same word have heard it once."""
    told = [patience.throttled(sent_at=1.0, now=1.5 + at / 100) for at in range(256)]

    assert not any(told)


def test_throttles_in_a_row_end_with_a_message_that_gets_through(patience):
    """A limit that is met now and then is no storm."""
    for at in (1.0, 2.0):
        patience.throttled(sent_at=at, now=at)
    patience.recovered()

    assert not patience.throttled(sent_at=3.0, now=3.0)
