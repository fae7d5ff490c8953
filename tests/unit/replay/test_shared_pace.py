"""Slots on the database's clock, and what is known of that clock."""

import pytest

from etl.model.rate import Rate
from etl.replay.shared_pace import DOUBT_SECONDS, LATE_SECONDS, RemoteClock, most_ahead, spacing_seconds


@pytest.mark.parametrize("rate", [Rate(amount=50), Rate(amount=0.2), Rate(amount=2.5), Rate.per_minute(90)])
def test_spacing_leaves_room_for_late_senders(rate):
    """As many slots as are allowed fill more than the window and what a sender may be late."""
    assert rate.count * spacing_seconds(rate) >= rate.window_seconds + LATE_SECONDS + DOUBT_SECONDS - 1e-9


def test_pace_is_only_a_little_below_the_rate():
    """Three percent is the price at one second's window."""
    assert pytest.approx(1.03 / 50) == spacing_seconds(Rate(amount=50))


def test_few_slots_are_booked_ahead():
    """A sender that dies or sleeps takes no more than these with it."""
    assert 2 == most_ahead(Rate(amount=0.1))
    assert 250 == most_ahead(Rate(amount=1_000))


def test_remote_moment_is_never_placed_too_early():
    """Its reading was taken at some time between question and answer."""
    clock = RemoteClock()
    clock.observe(1_000.0, asked=10.0, answered=10.004)

    assert 11.004 == pytest.approx(clock.local(1_001.0))


def test_narrower_bounds_of_earlier_answers_count():
    """One slow answer says less than a quick one before."""
    clock = RemoteClock()
    clock.observe(1_000.0, asked=10.0, answered=10.001)
    assert clock.observe(1_000.5, asked=10.4, answered=10.9)

    assert pytest.approx(11.001, abs=1e-3) == clock.local(1_001.0)


def test_clock_that_was_set_is_noticed_and_learned_anew():
    """Bounds that contradict each other are no bounds of one clock."""
    clock = RemoteClock()
    clock.observe(1_000.0, asked=10.0, answered=10.001)

    assert not clock.observe(1_030.0, asked=11.0, answered=11.001)
    assert pytest.approx(12.001) == clock.local(1_031.0)


def test_drift_is_no_clock_that_was_set():
    """Two quartzes part by some microseconds a second."""
    clock = RemoteClock()
    clock.observe(1_000.0, asked=10.0, answered=10.0001)

    assert clock.observe(1_100.005, asked=110.0, answered=110.0001)


def test_far_away_clock_is_read_at_the_middle():
    """Beyond what the spacing allows for, the network decides anyhow."""
    clock = RemoteClock()
    clock.observe(1_000.0, asked=10.0, answered=10.1)

    assert pytest.approx(11.05 + DOUBT_SECONDS / 2) == clock.local(1_001.0)
