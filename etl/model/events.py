"""What the replay tells its observers: the progress bar, the JSON log, the summary.

The ledger is no observer: durability is a call that can fail.
"""

from dataclasses import dataclass

from etl.model.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProgress:
    """Bytes of a source file were consumed while planning."""

    file: str
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A message reached a stored state."""

    ordinal: int
    state: State
    lane_messages_held: int = 0
    """Messages of the lane that wait behind this one from now on."""
    latency_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """An attempt surely did not arrive and is made again."""

    ordinal: int
    reason: str
    wait_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOff:
    """The API asked everybody to wait."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining:
    """No new message is started; those in flight are finished."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something that a person should know, in one line."""

    message: str


Event = FileProgress | Settled | Retrying | HoldOff | Draining | Warned
