"""What many workers that send for one run say to its ledger, and hear from it."""

from dataclasses import dataclass
from typing import Final, NamedTuple

INTERRUPTED: Final = "interrupted"
"""The reason of a message whose sender's lease ended before its outcome was known."""


LOST: Final = "the ledger came back without commits that it had confirmed"
"""Why a run ends whose database has forgotten something: messages that were sent are missing in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a plan that one worker at a time may send: neighbouring lanes of one part."""

    number: int
    """Its rank: those with the longest lanes come first."""
    part: int
    """The part of the plan with its messages; -1: the plan is in one part."""
    first_lane: int
    end_lane: int
    """Lanes by their place in the plan, first to before end."""
    messages: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A shard that is this worker's as long as it renews the lease."""

    number: int
    epoch: int
    part: int
    first_lane: int
    end_lane: int
    doubted: int
    """Messages that its owner before left in flight: uncertain now."""


class Heard(NamedTuple):
    """What every answer of the ledger tells a worker of its run."""

    era: int
    share: float
    stop_kind: str | None
    stop_message: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """How a run stands when a worker joins it."""

    heard: Heard
    seconds_left: float | None
    """To the end that was set for it; None: none was."""
    counted: bool
    """Whether it may send only so many messages."""
    full: bool
    """Whether as many were begun already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceWish:
    """How a shared run begins, and what ends it."""

    spacing_seconds: float
    share: float
    rest_seconds: float
    """From now to the first slot."""
    hold_off_seconds: float
    max_messages: int | None
    duration_seconds: float | None
    """From now to the end; None: none was set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worked:
    """How a shared run stands."""

    done: int
    waiting: int
    open: dict[str, int]
    """Shards under a live lease by owner."""
    expired: int
    """Shards whose owner does not renew the lease any more."""
    lease_seconds: float
    """How long the last live lease lasts at most."""
    share: float
    held_seconds: float
    full: bool
    """Whether as many messages were begun as may be."""
    stop_kind: str | None
    stop_message: str | None

    @property
    def shards(self) -> int:
        """Return how many there are."""
        return self.done + self.waiting + sum(self.open.values()) + self.expired

    @property
    def live(self) -> int:
        """Return how many have an owner."""
        return sum(self.open.values())
