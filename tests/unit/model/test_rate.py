"""Rates by the second and by the minute."""

import pytest

from etl.model.rate import Rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("5", Rate(amount=5.0)),
        ("5/s", Rate(amount=5.0)),
        (" 0.5 ", Rate(amount=0.5)),
        (".5/s", Rate(amount=0.5)),
        ("120/min", Rate.per_minute(120.0)),
    ],
)
def test_rates_are_read_in_the_unit_they_are_stated_in(text, rate):
    """A limit by the minute is not one by the second."""
    assert rate == Rate.parse(text)


@pytest.mark.parametrize(
    "text", ["", "fast", "5/h", "-1", "0", "0/min", "100001", "6000001/min", "1e3", "5/"]
)
def test_other_words_are_no_rate(text):
    """A typing error must not become a pace."""
    with pytest.raises(ValueError, match=r"is no rate|must be above 0"):
        Rate.parse(text)


@pytest.mark.parametrize(
    ("rate", "count", "window_seconds"),
    [
        (Rate(amount=10.0), 10, 1.0),
        (Rate(amount=7.5), 8, 8 / 7.5),
        (Rate(amount=0.5), 1, 2.0),
        (Rate.per_minute(120.0), 2, 1.0),
        (Rate.per_minute(61.0), 2, 2.0),
        (Rate.per_minute(59.0), 1, 60 / 59),
        (Rate.per_minute(0.5), 1, 120.0),
    ],
)
def test_window_holds_the_stated_amount(rate, count, window_seconds):
    """Thirty windows of two seconds with two requests are sixty a minute, thirty-one would be too many."""
    assert (count, pytest.approx(window_seconds)) == (rate.count, rate.window_seconds)


def test_share_of_a_rate_keeps_its_unit():
    """Three quarters of 120 a minute are 90 a minute."""
    assert Rate.per_minute(90.0) == Rate.per_minute(120.0).scaled(0.75)
    assert "90/min" == str(Rate.per_minute(90.0))
    assert 1.5 == Rate.per_minute(90.0).per_second
