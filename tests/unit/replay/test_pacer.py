"""Pace as arithmetic, by examples; the laws are in tests/property."""

import pytest

from etl.replay.pacer import MARGIN, SLACK_SECONDS, Pacer


def pacer(rate: float = 2.0, since: float | None = None) -> Pacer:
    """Return a pacer that begins at 100 s."""
    return Pacer(rate_per_second=rate, now=100.0, since_last_send_seconds=since)


def test_slots_are_evenly_spaced():
    """A quota is used without bursts."""
    pace = pacer()

    assert pytest.approx([100.0, 100.505, 101.01]) == [pace.book(100.0) for _ in range(3)]


@pytest.mark.parametrize(
    ("since", "first"),
    [(None, 100.0), (0.0, 101.01), (0.5, 100.51), (9.0, 100.0), (-3_600.0, 101.01)],
    ids=["first run", "just now", "within the window", "long ago", "in the future"],
)
def test_first_slot_respects_the_last_run(since, first):
    """A restart is no reason for a burst, nor is a clock that was set back."""
    assert pytest.approx(first) == pacer(since=since).book(100.0)


def test_pause_is_not_caught_up():
    """An hour without messages buys no burst."""
    pace = pacer()
    pace.book(100.0)

    assert pytest.approx([3_700.0 - SLACK_SECONDS, 3_700.5 - SLACK_SECONDS + 0.005]) == [
        pace.book(3_700.0),
        pace.book(3_700.0),
    ]


def test_longer_hold_off_stays():
    """A shorter wish never shortens a longer one."""
    pace = pacer()
    pace.hold_off(160.0)
    pace.hold_off(110.0)

    assert pace.book(100.0) == 160.0
    assert pace.wait_seconds(100.0) == 60.0


def test_hold_off_voids_the_slots_before_it():
    """Those who had booked must not all come at its end."""
    pace = pacer()
    booked = [pace.book(100.0) for _ in range(3)]
    pace.hold_off(100.6)

    assert [pace.void(slot) for slot in booked] == [True, True, False]


def test_full_window_makes_a_sender_wait():
    """A stall between slot and send can't bunch requests."""
    pace = pacer()
    pace.sent(100.0)
    assert pace.wait_seconds(100.0) == 0.0

    pace.sent(100.0)

    assert pytest.approx(1.0 * MARGIN) == pace.wait_seconds(100.0)
