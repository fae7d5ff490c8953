"""How long a replay takes at least."""

import pytest

from etl.plan.forecast import forecast


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
