"""Which lanes the end of a run waits for. Pure.

No run ends before its messages are through at the rate, nor before its longest lane is through, one latency
after the other. Where the second takes longer, each wait of that lane for a slot is a wait of the whole run,
while the other lanes have time. So it goes first, and where that costs the others less than the run gains, a
part of the rate is kept free, that it needs to wait for no slot at all.
"""

from dataclasses import dataclass
from math import ceil
from typing import Final

from etl.model.rate import Rate

_WORTH: Final = 0.0025
"""A wait for a slot that is a smaller part of a lane's cycle is not worth a reserve."""

_SMOOTHING: Final = 1 / 16
"""What one cycle counts in their mean."""

_MOST_TIMES: Final = 4.0
"""A cycle longer than so many means counts as that: one time-out says little of the next message."""


@dataclass(slots=True)
class _Lane:
    left: int
    slot: float | None
    """When its message that is under way got its turn."""
    reserved: bool
    """Whether the reserve counts on it."""


class CriticalPath:
    """What is left of a run, lane by lane; all times are monotonic seconds."""

    def __init__(self, *, messages: int, rate: Rate) -> None:
        """Begin a run that is to send so many messages."""
        self._messages = messages
        self._count = rate.count
        self._window_seconds = rate.window_seconds
        self._mean_wait_seconds = rate.window_seconds / rate.count / 2
        self._lanes: dict[int, _Lane] = {}
        self._cycle_seconds: float | None = None
        self._reserving = 0
        self._reserving_left = 0

    @property
    def reserve(self) -> int:
        """Return how many sends of each window are to be kept free for the critical lanes."""
        return self._reserving and self._reserving * self._sends_in_window()

    def ready(self, name: int, *, left: int, now: float) -> bool:
        """Take that a lane could send the first of so many messages left; return whether it is critical."""
        lane = self._lanes.get(name)
        if lane is None:
            lane = self._lanes[name] = _Lane(left=left, slot=None, reserved=False)
        if lane.slot is not None:
            self._observe(now - lane.slot)
            lane.slot = None
        if lane.reserved:
            self._unreserve(lane)
        self._messages -= lane.left - left
        lane.left = left
        critical = self.is_critical(left)
        if critical and self._is_worth_reserving(left):
            self._reserve(lane)
        return critical

    def turn(self, name: int, slot: float) -> None:
        """Note that a lane's message has its turn."""
        self._lanes[name].slot = slot

    def leave(self, name: int) -> None:
        """Take that a lane sends no more, whatever is left of it."""
        lane = self._lanes.pop(name, None)
        if lane is not None:
            if lane.reserved:
                self._unreserve(lane)
            self._messages -= lane.left

    def is_critical(self, left: int) -> bool:
        """Return whether a lane with so much left is through later than all messages at the rate."""
        return self._lane_seconds(left) > self._messages * self._window_seconds / self._count

    def _is_worth_reserving(self, left: int) -> bool:
        """Return whether the others, slowed down, are through before the lane is that waits for slots."""
        if self._cycle_seconds is None or self._mean_wait_seconds < _WORTH * self._cycle_seconds:
            return False
        rest = self._count - (self._reserving + 1) * self._sends_in_window()
        if rest <= 0:
            return False
        others = self._messages - self._reserving_left - left
        return self._lane_seconds(left) > others * self._window_seconds / rest

    def _lane_seconds(self, left: int) -> float:
        if self._cycle_seconds is None:
            return 0.0
        return left * (self._cycle_seconds + self._mean_wait_seconds)

    def _sends_in_window(self) -> int:
        return ceil(self._window_seconds / self._cycle_seconds) if self._cycle_seconds else 0

    def _observe(self, seconds: float) -> None:
        mean = self._cycle_seconds
        if mean is None:
            self._cycle_seconds = seconds
        else:
            self._cycle_seconds = mean + (min(seconds, _MOST_TIMES * mean) - mean) * _SMOOTHING

    def _reserve(self, lane: _Lane) -> None:
        lane.reserved = True
        self._reserving += 1
        self._reserving_left += lane.left

    def _unreserve(self, lane: _Lane) -> None:
        lane.reserved = False
        self._reserving -= 1
        self._reserving_left -= lane.left
