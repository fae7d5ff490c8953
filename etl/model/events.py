"""What the replay tells its observers: the progress bar, the JSON log, the summary.

The ledger is no observer: durability is a call that can fail.
"""

from dataclasses import dataclass
from typing import NamedTuple

from etl.errors import ExitCode
from etl.model.states import State


@dataclass(frozen=True, slots=True, kw_only=True)
class FileProgress:
    """Bytes of a source file were consumed while planning."""

    file: str
    bytes_done: int
    bytes_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """Workers have done one more piece of a step of planning."""

    step: str
    """What they do, for people: `reading`, `comparing` or `sorting`."""
    done: int
    pieces: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan is there: made now, or found again."""

    plan: str
    """Its hash."""
    messages: int
    lanes: int
    rejects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The replay begins."""

    messages: int
    """How many it is about to send."""
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBegan:
    """The ledger has given the replay its number."""

    run: int
    loop: str
    """The event loop that it is sent on."""


class Settled(NamedTuple):
    """A message reached a stored state; a tuple, since one is made for every message."""

    ordinal: int
    state: State
    latency_seconds: float
    """From the request's first byte to its durable outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledElsewhere:
    """Messages reached a stored state by the work of others; the ledger says so."""

    messages: int
    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneHeld:
    """A lane waits behind a message of unknown (or, if the job says so, refused) fate."""

    messages: int
    """How many wait."""


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
class PaceChanged:
    """The run goes slower than it may, or comes back to that."""

    per_second: float
    allowed_per_second: float
    reason: str | None
    """Why it was cut, as `http_429` or `slow answers`; None when it creeps up again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draining:
    """No new message is started; those in flight are finished."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something that a person should know, in one line."""

    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The command came to its end."""

    exit_code: ExitCode
    counts: dict[str, int]
    """Messages of the plan by where they stand; for a dry run where every row went."""
    report: str | None
    """The run report's path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An error ended the command."""

    message: str
    hint: str
    exit_code: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeRead:
    """One more range of the platform's report was read."""

    done: int
    known: int
    """Ranges to read as far as is known: one that was cut off becomes two."""


Event = (
    FileProgress
    | PlanStep
    | RangeRead
    | Planned
    | Started
    | RunBegan
    | Settled
    | SettledElsewhere
    | LaneHeld
    | Retrying
    | HoldOff
    | PaceChanged
    | Draining
    | Warned
    | Finished
    | Failed
)
