"""How long a replay takes at least. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The two lower bounds of a replay, in seconds; the larger one decides."""

    rate_bound_seconds: float
    """Messages / rate."""
    lane_bound_seconds: float
    """Messages of the longest lane x the time of one exchange: a lane sends one at a time."""

    @property
    def seconds(self) -> float:
        """Return the deciding bound."""
        return max(self.rate_bound_seconds, self.lane_bound_seconds)


def forecast(*, messages: int, longest_lane: int, rate_per_second: float, latency_seconds: float) -> Forecast:
    """Return both bounds.

    Within a lane a message also waits for its turn at the rate, so one message of the longest lane takes
    the larger of the latency and the pace.
    """
    return Forecast(
        rate_bound_seconds=messages / rate_per_second,
        lane_bound_seconds=longest_lane * max(latency_seconds, 1 / rate_per_second),
    )
