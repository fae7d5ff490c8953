"""Which lanes a run ends with, by examples; what comes of it is in the property tests of the makespan."""

import pytest

from etl.model.rate import Rate
from etl.replay.critical import CriticalPath


def path(messages: int, *, rate: float = 30.0, cycle_seconds: float | None = 0.3) -> CriticalPath:
    """Return a path on which one message was seen to take so long, in a lane that is through since."""
    critical = CriticalPath(messages=messages + 1, rate=Rate(amount=rate))
    assert not critical.ready(-1, left=1, now=0.0)
    if cycle_seconds is not None:
        critical.turn(-1, 0.0)
        critical.ready(-1, left=1, now=cycle_seconds)
    critical.leave(-1)
    return critical


@pytest.mark.parametrize(
    ("messages", "left", "critical"),
    [(300, 60, True), (300, 20, False), (3_000, 60, False), (60, 60, True)],
    ids=["19 s against 10", "6 s against 10", "19 s against 100", "nothing else is left"],
)
def test_lane_is_critical_when_it_takes_longer_than_all_messages_at_the_rate(messages, left, critical):
    """One latency after the other: no rate makes it shorter."""
    assert critical is path(messages).ready(0, left=left, now=1.0)


def test_nothing_is_critical_before_a_latency_is_known():
    """The first answers come soon."""
    critical = path(100, cycle_seconds=None)

    assert not critical.ready(0, left=99, now=1.0)
    assert not critical.is_critical(99)
    assert 0 == critical.reserve


def test_reserve_is_what_the_critical_lanes_can_send_in_a_window():
    """0.3 s a message are at most four in a second."""
    critical = path(300)
    critical.ready(0, left=60, now=1.0)
    assert 4 == critical.reserve

    critical.ready(60, left=60, now=1.0)

    assert 8 == critical.reserve


def test_lane_that_asks_again_counts_once():
    """It asks before its outcome is on disk, and again after it."""
    critical = path(300)
    for _ in range(3):
        critical.ready(0, left=60, now=1.0)

    assert 4 == critical.reserve


def test_reserve_ends_with_its_lane():
    """Held, drained or through: what nobody takes is for all."""
    critical = path(300)
    critical.ready(0, left=60, now=1.0)
    critical.leave(0)

    assert 0 == critical.reserve


def test_lane_that_never_asked_may_leave():
    """All of it was settled, or a drain came first."""
    critical = path(300)
    critical.leave(7)

    assert 0 == critical.reserve


def test_others_become_fewer_as_lanes_get_through():
    """A lane is critical only at the end, when it has more left than fits beside the rest."""
    critical = path(700)
    assert not critical.ready(0, left=60, now=1.0)
    critical.ready(60, left=500, now=1.0)

    critical.ready(60, left=100, now=1.0)

    assert critical.ready(0, left=60, now=1.0)


def test_what_a_held_lane_has_left_is_not_sent():
    """It must not make the run look longer than it is."""
    critical = path(700)
    critical.ready(60, left=500, now=1.0)
    critical.leave(60)

    assert critical.ready(0, left=60, now=1.0)


@pytest.mark.parametrize(
    ("rate", "cycle_seconds"),
    [(1.0, 3.0), (5.0, 0.15), (1_000.0, 0.3)],
    ids=["one in a window", "it could take the whole rate", "a slot comes every millisecond"],
)
def test_nothing_is_kept_free_where_that_wins_nothing(rate, cycle_seconds):
    """The lane goes first all the same."""
    critical = path(61, rate=rate, cycle_seconds=cycle_seconds)

    assert critical.ready(0, left=60, now=5.0)
    assert 0 == critical.reserve


def test_nothing_is_kept_free_when_the_others_would_be_late_then():
    """Bound by both: slowing 270 messages down would cost more than the waits of 31."""
    critical = path(301)

    assert not critical.ready(0, left=31, now=1.0)
    assert critical.ready(0, left=32, now=1.0)
    assert 0 == critical.reserve
    assert critical.ready(0, left=34, now=1.0)
    assert 4 == critical.reserve


def test_one_time_out_says_little_of_the_next_message():
    """A minute without an answer is no latency of a minute."""
    critical = path(3_000)
    critical.ready(0, left=60, now=1.0)
    critical.turn(0, 1.0)

    assert not critical.ready(0, left=59, now=61.0)
