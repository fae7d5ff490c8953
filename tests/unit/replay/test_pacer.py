"""Pace as arithmetic, by examples; the laws are in tests/property."""

import pytest

from etl.model.rate import Rate
from etl.replay.pacer import GUARD_MARGIN, SLACK_SECONDS, Pacer


def pacer(rate: float = 2.0, since: float | None = None) -> Pacer:
    """Return a pacer that begins at 100 s."""
    return Pacer(rate=Rate(amount=rate), now=100.0, since_last_send_seconds=since)


def test_slots_are_evenly_spaced():
    """A quota is used without bursts."""
    pace = pacer()

    assert pytest.approx([100.0, 100.5035, 101.007]) == [pace.book(100.0) for _ in range(3)]


@pytest.mark.parametrize(
    ("since", "first"),
    [(None, 100.0), (0.0, 101.004), (0.5, 100.504), (9.0, 100.0), (-3_600.0, 101.004)],
    ids=["first run", "just now", "within the window", "long ago", "in the future"],
)
def test_first_slot_respects_the_last_run(since, first):
    """A restart is no reason for a burst, nor is a clock that was set back."""
    assert pytest.approx(first) == pacer(since=since).book(100.0)


def test_pause_is_not_caught_up():
    """An hour without messages buys no burst."""
    pace = pacer()
    pace.book(100.0)

    assert pytest.approx([3_700.0 - SLACK_SECONDS, 3_700.5035 - SLACK_SECONDS]) == [
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


def test_hold_off_voids_all_slots():
    """Those who had booked must not all come at its end."""
    pace = pacer()
    booked = [pace.book(100.0) for _ in range(3)]
    era = pace.era
    pace.hold_off(100.6)

    assert pace.era != era
    assert max(booked) > 100.6
    assert pytest.approx([100.6, 101.1035]) == [pace.book(100.0) for _ in range(2)]


def test_shorter_hold_off_voids_nothing():
    """The slots behind the longer one are good."""
    pace = pacer()
    pace.hold_off(160.0)
    era = pace.era
    pace.hold_off(110.0)

    assert era == pace.era


@pytest.mark.parametrize(("share", "next_slot"), [(0.5, 101.007), (0.25, 102.014), (1.0, 100.5035)])
def test_share_counts_from_the_slot_that_was_used_last(share, next_slot):
    """A change of pace brings no two requests closer together than the new pace has them."""
    pace = pacer()
    pace.use(pace.book(100.0))
    pace.book(100.0)
    pace.book(100.0)
    pace.set_share(share)

    assert pytest.approx(next_slot) == pace.book(100.1)


def test_learned_share_respects_the_last_run():
    """A restart under a lesson waits as long as the lesson says."""
    rate = Rate(amount=2.0)
    pace = Pacer(rate=rate, now=100.0, since_last_send_seconds=0.0, share=0.1)

    assert pytest.approx(105.035) == pace.book(100.0)


def test_minute_rate_waits_no_minute_after_a_restart():
    """Its window is a second; sixty of them fill the minute."""
    pace = Pacer(rate=Rate.per_minute(120.0), now=100.0, since_last_send_seconds=0.0)

    assert pytest.approx(101.004) == pace.book(100.0)


def test_full_window_makes_a_sender_wait():
    """A stall between slot and send can't bunch requests."""
    pace = pacer()
    pace.sent(100.0)
    assert pace.wait_seconds(100.0) == 0.0

    pace.sent(100.0)

    assert pytest.approx(GUARD_MARGIN) == pace.wait_seconds(100.0)


def test_slot_that_comes_in_an_instant_can_be_taken():
    """Its intent goes to the disk meanwhile."""
    pace = pacer(rate=100.0)

    assert 100.0 == pace.take(100.0, ahead_seconds=0.02)
    assert pytest.approx(100.01007) == pace.take(100.0, ahead_seconds=0.02)


def test_slot_that_comes_later_is_not_taken():
    """Nobody waits with a durable intent; and who does not take it leaves it to the others."""
    pace = pacer(rate=100.0)
    pace.book(100.0)
    before = pace.take(100.0, ahead_seconds=0.01)

    assert before is None
    assert pytest.approx(100.01007) == pace.book(100.0)


def test_no_slot_is_taken_during_a_hold_off():
    """A pause is for everybody, also for who asks for nothing but an instant."""
    pace = pacer(rate=100.0)
    pace.hold_off(100.005)

    assert pace.take(100.0, ahead_seconds=0.01) is None
