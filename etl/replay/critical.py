"""Which lanes the end of a run waits for. Pure.

No run ends before its messages are through at the rate, nor before its longest lane is through, one latency
after the other. Where the second takes longer, each wait of that lane for a slot is a wait of the whole run,
while the other lanes have time. So it goes first, and where that costs the others less than the run gains, a
part of the rate is kept free, that it needs to wait for no slot at all.
"""

from dataclasses import dataclass
from enum import Enum, auto
from math import ceil
from typing import Final

from etl.model.rate import Rate

_WORTH: Final = 0.0025
"""A wait for a slot that is a smaller part of a lane's cycle is not worth a reserve."""

_SMOOTHING: Final = 1 / 16
"""What one cycle counts in their mean."""

_MOST_TIMES: Final = 4.0
"""A cycle longer than so many means counts as that: one time-out says little of the next message."""


class Urgency(Enum):
    """How a lane's next message waits for its slot."""

    NONE = auto()
    """In the order of coming."""
    FIRST = auto()
    """Before all lanes that are less urgent or have less left."""
    AT_ONCE = auto()
    """As first, and out of the reserve."""


@dataclass(slots=True)
class _Lane:
    left: int
    slot: float | None
    """When its message that is under way got its turn."""
    at_once: bool


class CriticalPath:
    """What is left of a run, lane by lane; all times are monotonic seconds."""

    def __init__(self, *, messages: int, rate: Rate) -> None:
        """Begin a run that is to send so many messages."""
        self._messages = messages
        self._count = rate.count
        self._window_seconds = rate.window_seconds
        self._lanes: dict[int, _Lane] = {}
        self._cycle_seconds: float | None = None
        self._reserving = 0
        self._reserving_left = 0

    @property
    def reserve(self) -> int:
        """Return how many sends of each window are to be kept free for lanes that go at once."""
        return self._reserving * self._sends_in_window()

    def ready(self, name: int, *, left: int, now: float) -> Urgency:
        """Take that a lane could send the first of so many messages left, and return how that is to wait."""
        lane = self._lanes.setdefault(name, _Lane(left=left, slot=None, at_once=False))
        if lane.slot is not None:
            self._observe(now - lane.slot)
            lane.slot = None
        self._unreserve(lane)
        self._messages -= lane.left - left
        lane.left = left
        if not self._is_critical(left):
            return Urgency.NONE
        if not self._is_reserve_worth(left):
            return Urgency.FIRST
        self._reserve(lane)
        return Urgency.AT_ONCE

    def turn(self, name: int, slot: float) -> None:
        """Note that a lane's message has its turn."""
        self._lanes[name].slot = slot

    def leave(self, name: int) -> None:
        """Take that a lane sends no more, whatever is left of it."""
        lane = self._lanes.pop(name, None)
        if lane is not None:
            self._unreserve(lane)
            self._messages -= lane.left

    def _is_critical(self, left: int) -> bool:
        return self._lane_seconds(left) > self._messages * self._window_seconds / self._count

    def _is_reserve_worth(self, left: int) -> bool:
        """Return whether the others, slowed down, are through before the lane is that waits for slots."""
        if self._cycle_seconds is None or self._mean_wait_seconds() < _WORTH * self._cycle_seconds:
            return False
        rest = self._count - (self._reserving + 1) * self._sends_in_window()
        if rest <= 0:
            return False
        others = self._messages - self._reserving_left - left
        return self._lane_seconds(left) > others * self._window_seconds / rest

    def _lane_seconds(self, left: int) -> float:
        if self._cycle_seconds is None:
            return 0.0
        return left * (self._cycle_seconds + self._mean_wait_seconds())

    def _mean_wait_seconds(self) -> float:
        return self._window_seconds / self._count / 2

    def _sends_in_window(self) -> int:
        return ceil(self._window_seconds / self._cycle_seconds) if self._cycle_seconds else 0

    def _observe(self, seconds: float) -> None:
        mean = self._cycle_seconds
        if mean is None:
            self._cycle_seconds = seconds
        else:
            self._cycle_seconds = mean + (min(seconds, _MOST_TIMES * mean) - mean) * _SMOOTHING

    def _reserve(self, lane: _Lane) -> None:
        lane.at_once = True
        self._reserving += 1
        self._reserving_left += lane.left

    def _unreserve(self, lane: _Lane) -> None:
        if lane.at_once:
            lane.at_once = False
            self._reserving -= 1
            self._reserving_left -= lane.left
