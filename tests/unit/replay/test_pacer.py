"""Pace as arithmetic, by examples; the laws are in tests/property."""

import pytest

from etl.model.rate import Rate
from etl.replay.pacer import GUARD_MARGIN, SLACK_SECONDS, Pacer


def pacer(rate: float = 2.0, since: float | None = None) -> Pacer:
    """Return a pacer that begins at 100 s."""
    return Pacer(rate=Rate(amount=rate), now=100.0, since_last_send_seconds=since)


def slots(pace: Pacer, count: int, since: float = 100.0) -> list[float]:
    """Return the slots that so many get who wait since then, each taken when it has come."""
    taken = []
    for _ in range(count):
        slot = pace.slot(since)
        assert slot == pace.take(max(slot, since), since=since)
        taken.append(slot)
    return taken


def test_slots_are_evenly_spaced():
    """A quota is used without bursts."""
    assert pytest.approx([100.0, 100.5035, 101.007]) == slots(pacer(), 3)


@pytest.mark.parametrize(
    ("since", "first"),
    [(None, 100.0), (0.0, 101.005), (0.5, 100.505), (9.0, 100.0), (-3_600.0, 101.005)],
    ids=["first run", "just now", "within the window", "long ago", "in the future"],
)
def test_first_slot_respects_the_last_run(since, first):
    """A restart is no reason for a burst, nor is a clock that was set back."""
    assert pytest.approx(first) == pacer(since=since).slot(100.0)


def test_pause_is_not_caught_up():
    """An hour without messages buys no burst."""
    pace = pacer()
    slots(pace, 1)

    assert pytest.approx([3_700.0 - SLACK_SECONDS, 3_700.5035 - SLACK_SECONDS]) == slots(pace, 2, 3_700.0)


def test_slots_that_came_while_somebody_waited_are_caught_up():
    """A stall of this machine costs no rate: the guard alone holds them apart."""
    pace = pacer(rate=100.0)
    slots(pace, 1)

    assert pytest.approx([100.01007, 100.02014]) == [pace.take(100.025, since=100.0) for _ in range(2)]
    assert pace.take(100.025, since=100.0) is None


def test_longer_hold_off_stays():
    """A shorter wish never shortens a longer one."""
    pace = pacer()
    pace.hold_off(160.0)
    pace.hold_off(110.0)

    assert pace.slot(100.0) == 160.0
    assert pace.wait_seconds(100.0) == 60.0


def test_those_who_waited_do_not_all_come_at_the_end_of_a_hold_off():
    """Slots before it came while nobody could use them."""
    pace = pacer()
    slots(pace, 1)
    pace.hold_off(160.0)

    assert pytest.approx([160.0, 160.5035]) == slots(pace, 2)


@pytest.mark.parametrize(("share", "next_slot"), [(0.5, 101.007), (0.25, 102.014), (1.0, 100.5035)])
def test_share_counts_from_the_slot_that_was_used_last(share, next_slot):
    """A change of pace brings no two requests closer together than the new pace has them."""
    pace = pacer()
    slots(pace, 1)
    pace.set_share(share)

    assert pytest.approx(next_slot) == pace.slot(100.1)


def test_learned_share_respects_the_last_run():
    """A restart under a lesson waits as long as the lesson says."""
    rate = Rate(amount=2.0)
    pace = Pacer(rate=rate, now=100.0, since_last_send_seconds=0.0, share=0.1)

    assert pytest.approx(105.035) == pace.slot(100.0)


def test_minute_rate_waits_no_minute_after_a_restart():
    """Its window is a second; sixty of them fill the minute."""
    pace = Pacer(rate=Rate.per_minute(120.0), now=100.0, since_last_send_seconds=0.0)

    assert pytest.approx(101.005) == pace.slot(100.0)


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

    assert 100.0 == pace.take(100.0, since=100.0, ahead_seconds=0.02)
    assert pytest.approx(100.01007) == pace.take(100.0, since=100.0, ahead_seconds=0.02)


def test_slot_that_comes_later_is_not_taken():
    """Nobody waits with a durable intent; and who does not take it leaves it to the others."""
    pace = pacer(rate=100.0)
    slots(pace, 1)

    assert pace.take(100.0, since=100.0, ahead_seconds=0.01) is None
    assert pytest.approx(100.01007) == pace.slot(100.0)


def test_no_slot_is_taken_during_a_hold_off():
    """A pause is for everybody, also for who asks for nothing but an instant, and for the reserve."""
    pace = pacer(rate=100.0)
    pace.keep_free(10)
    pace.hold_off(100.005)

    assert pace.take(100.0, since=100.0, ahead_seconds=0.001) is None
    assert pace.take_reserved(100.0, ahead_seconds=0.001) is None


def test_reserve_is_left_free_by_the_slots():
    """A quarter of a window for those who can't wait leaves three quarters to the others."""
    pace = pacer(rate=40.0)
    slots(pace, 1)
    pace.keep_free(10)

    assert pytest.approx([100.0 + 1.007 / 30, 100.0 + 2 * 1.007 / 30]) == slots(pace, 2)


def test_reserved_slot_comes_between_the_others_and_moves_none():
    """Who must not wait goes now, and who waited still goes at its time."""
    pace = pacer(rate=40.0)
    slots(pace, 1)
    pace.keep_free(10)

    assert 100.001 == pace.take_reserved(100.001)
    assert pytest.approx(100.0 + 1.007 / 30, rel=1e-9) == pace.slot(100.0)


def test_reserved_slots_keep_the_spacing_of_the_whole_rate_among_themselves():
    """So no more than two requests leave together."""
    pace = pacer(rate=40.0)
    pace.keep_free(10)
    first = pace.take_reserved(100.0)

    assert first == 100.0
    assert pace.take_reserved(100.0, ahead_seconds=0.01) is None
    assert pytest.approx(100.0 + 1.007 / 40) == pace.reserved_slot(100.0)


def test_reserved_slot_waits_for_a_full_window():
    """The rate in any sliding second is the law for all."""
    pace = pacer()
    pace.keep_free(1)
    pace.sent(100.0)
    pace.sent(100.2)

    assert pytest.approx(101.005) == pace.reserved_slot(100.3)


def test_reserved_slot_respects_the_last_run():
    """A restart is no reason for a burst."""
    pace = pacer(rate=40.0, since=0.5)
    pace.keep_free(10)

    assert pytest.approx(100.505) == pace.reserved_slot(100.0)


def test_slowed_down_run_has_no_reserve():
    """What the API takes well is an even pace: nobody overtakes it."""
    pace = pacer(rate=40.0)
    slots(pace, 1)
    pace.keep_free(10)
    pace.set_share(0.5)

    assert pace.reserved_slot(100.0) is None
    assert pytest.approx([100.0 + 2 * 1.007 / 40]) == slots(pace, 1)


def test_reserve_leaves_at_least_one_of_a_window_to_the_others():
    """No lane starves."""
    pace = pacer(rate=4.0)
    pace.keep_free(100)

    assert pytest.approx(1.007) == pace.interval_seconds
