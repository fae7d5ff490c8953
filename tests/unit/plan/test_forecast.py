"""How long a replay takes at least."""

import pytest

from etl.model.window import Window
from etl.plan.forecast import forecast, nights, slowest


@pytest.mark.parametrize(
    ("messages", "longest", "rate", "latency", "expected"),
    [
        (1_000, 10, 2.0, 0.3, (500.0, 5.0)),
        (1_000, 500, 100.0, 0.3, (10.0, 150.0)),
        (100, 100, 2.0, 0.3, (50.0, 50.0)),
        (0, 0, 2.0, 0.3, (0.0, 0.0)),
    ],
)
def test_the_forecast_is_the_larger_of_rate_and_longest_lane(messages, longest, rate, latency, expected):
    """Neither more lanes nor a higher rate helps against the other bound."""
    found = forecast(messages=messages, longest_lane=longest, rate_per_second=rate, latency_seconds=latency)
    assert expected == pytest.approx((found.rate_bound_seconds, found.lane_bound_seconds))
    assert max(expected) == pytest.approx(found.seconds)


@pytest.mark.parametrize(
    ("messages", "longest", "rate", "expected"),
    [
        (1_000, 10, 2.0, 495 + 9),
        (1_000, 1_000, 100.0, 900),
        (1_000, 10, 1_000.0, 990 * 0.9 / 4 + 9),
        (0, 0, 2.0, 0),
    ],
)
def test_the_slowest_reckons_with_slow_answers_and_the_longest_lane_last(messages, longest, rate, expected):
    """By hand: all others at the rate or by four users side by side, then the longest at 0.9 s an answer."""
    found = slowest(
        messages=messages, longest_lane=longest, rate_per_second=rate, latency_seconds=0.3, lanes=4
    )
    assert expected == pytest.approx(found)


@pytest.mark.parametrize(
    ("seconds", "hours", "expected"),
    [
        (0, "22:00-06:00", 0),
        (8 * 3_600, "22:00-06:00", 1),
        (8 * 3_600 + 1, "22:00-06:00", 2),
        (86_400, "00:00-24:00", 1),
    ],
)
def test_nights_are_openings_used_in_full(seconds, hours, expected):
    """Eight hours fit one night of eight."""
    assert expected == nights(seconds, Window.parse(hours, "UTC"))
