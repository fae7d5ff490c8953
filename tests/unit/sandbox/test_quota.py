"""A quota's arithmetic."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.sandbox.quota import Meter, Quota


def test_a_full_span_is_refused_until_its_oldest_message_leaves():
    """The wait is told in whole seconds, never too short."""
    meter = Meter(Quota(amount=2, seconds=60))
    assert [0, 0] == [meter.wait_seconds(10.0), meter.wait_seconds(30.5)]
    assert 60 == meter.wait_seconds(10.5)
    assert 1 == meter.wait_seconds(69.9)
    assert 0 == meter.wait_seconds(70.0)
    assert 21 == meter.wait_seconds(70.0)


# Fractions that floats hold exactly: only then is a second exactly a second.
@given(st.lists(st.integers(0, 2_000).map(lambda part: part / 64), min_size=1), st.integers(1, 5))
def test_no_sliding_span_holds_more_than_the_quota(times, amount):
    """And whoever waits as told is taken."""
    meter = Meter(Quota(amount=amount, seconds=1))
    taken = [at for at in sorted(times) if meter.wait_seconds(at) == 0]
    for at in taken:
        assert amount >= sum(at - 1 < other <= at for other in taken)
    wait = meter.wait_seconds(max(times))
    assert wait == 0 or 0 == meter.wait_seconds(max(times) + wait)


@pytest.mark.parametrize(("text", "seconds"), [("10/s", 1), ("600/min", 60), ("5000/h", 3_600)])
def test_a_quota_is_written_as_it_is_read(text, seconds):
    """The running sandbox is asked in the same words."""
    assert (text, seconds) == (str(Quota.parse(text)), Quota.parse(text).seconds)


@pytest.mark.parametrize("text", ["0/s", "10", "-1/s", "1.5/s", "10/d", "10/s "])
def test_anything_else_is_no_quota(text):
    """Nothing is guessed."""
    with pytest.raises(ValueError, match="is no quota such as"):
        Quota.parse(text)
