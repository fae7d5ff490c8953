"""How long a replay takes, at least and at most. Pure."""

from dataclasses import dataclass
from math import ceil
from typing import Final

from etl.model.window import Window

SLOW: Final = 3.0
"""So many times the assumed latency are reckoned with at most."""


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


def slowest(
    *, messages: int, longest_lane: int, rate_per_second: float, latency_seconds: float, lanes: int
) -> float:
    """Return the seconds it takes if answers take `SLOW` times as long and the longest lane ends last.

    Graham's bound for any greedy schedule: all other lanes' work, then the longest lane alone. `lanes` are
    served side by side.
    """
    latency_seconds *= SLOW
    others = messages - longest_lane
    alone = longest_lane * max(latency_seconds, 1 / rate_per_second)
    return max(others / rate_per_second, others * latency_seconds / lanes) + alone


def nights(seconds: float, window: Window) -> int:
    """Return how many openings of a window, each used in full, so many seconds fill."""
    minutes = (window.closes_minute - window.opens_minute) % 1_440 or 1_440
    return ceil(seconds / (60 * minutes))
