"""The values that go into a ledger and come out of it, and the schemas of its tables."""

from dataclasses import dataclass
from typing import Final, NamedTuple

import pyarrow as pa

from etl.model.states import State

TOUCHED_SCHEMA: Final = pa.schema(
    [
        pa.field("key", pa.binary(16), nullable=False),
        pa.field("content", pa.binary(16), nullable=False),
        pa.field("lane", pa.string(), nullable=False),
        pa.field("at_us", pa.int64(), nullable=False),
        pa.field("state", pa.string(), nullable=False),
    ],
)
"""Messages that were ever sent or decided, over all plans; stored `pending` ones are left out."""

DOUBT_SCHEMA: Final = pa.schema(
    [
        pa.field("ordinal", pa.int64(), nullable=False),
        pa.field("key", pa.binary(16), nullable=False),
        pa.field("content", pa.binary(16), nullable=False),
        pa.field("lane", pa.string(), nullable=False),
        pa.field("at_us", pa.int64(), nullable=False),
    ],
)
"""Planned messages that a restored copy can't vouch for."""

EXPORT_SCHEMA: Final = pa.schema(
    [
        pa.field("plan", pa.string(), nullable=False),
        pa.field("ordinal", pa.int64(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("lane", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("state", pa.string(), nullable=False),
        pa.field("attempts", pa.int64(), nullable=False),
        pa.field("maybe_doubled", pa.bool_(), nullable=False),
        pa.field("http_status", pa.int64()),
        pa.field("reason", pa.string()),
        pa.field("platform_id", pa.string()),
        pa.field("conversation_id", pa.string()),
        pa.field("run", pa.int64(), nullable=False),
        pa.field("intent_at", pa.timestamp("us", tz="UTC")),
        pa.field("settled_at", pa.timestamp("us", tz="UTC")),
    ],
)
"""The results ledger as people get it. `key` is hex, the `id` that was sent; `plan` the plan's hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerName:
    """Which ledger a file is, and how far it has come."""

    target: str
    identity: str
    """Drawn once, 32 hex digits; a copy has the same."""
    generation: int
    """Grows with every run's start and end, every word of a person and every backup; a copy that was put
    back has an older one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRecord:
    """A plan that was started. At most one per ledger is open."""

    number: int
    """Its short name inside the ledger, from 1."""
    hash: str
    fingerprint: str
    identity: str
    source: str
    messages: int
    lanes: int
    open: bool
    """Whether messages of it may still be sent; opening another plan closes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One replay of a plan, for `status` and the summary."""

    number: int
    plan: int
    host: str
    pid: int
    version: str
    started_us: int
    ended_us: int | None
    exit_code: int | None
    allowed_per_second: float | None = None
    """This and what follows as the run's `Aim`; None for a run that was started without one."""
    expected: int | None = None
    forecast_seconds: float | None = None
    expected_plan: str | None = None
    stop: str | None = None
    """Why it ended before its plan, in one line."""


# A tuple, as Outcome: one of each is made for every message, at a fifth of the price of a dataclass.
class Intent(NamedTuple):
    """A message is about to be sent: pending -> in_flight, durable before the first byte leaves."""

    plan: int
    ordinal: int
    run: int
    key: bytes
    content: bytes
    lane: str
    at_us: int
    now_us: int


class Outcome(NamedTuple):
    """What came of an attempt: in_flight -> `state` (accepted, rejected, uncertain or pending)."""

    plan: int
    ordinal: int
    run: int
    state: State
    now_us: int
    phase: str
    """How far the attempt got: `connect`, `certificate`, `sent` or `answered`."""
    reason: str
    """A short code as `accepted`, `timeout`, `http_429`; or the API's cleaned error text."""
    http_status: int | None = None
    platform_id: str | None = None
    conversation_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A person's (or the job's) word on one message: uncertain or rejected -> `state`."""

    plan: int
    ordinal: int
    state: State
    """`accepted`, `pending` (send it again, possibly doubled) or `skipped`."""
    who: str
    why: str
    now_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which uncertain or rejected messages are meant: all that fit every word that is said."""

    states: frozenset[State]
    """A subset of uncertain and rejected."""
    plan: int | None = None
    keys: tuple[str, ...] = ()
    """Hex."""
    lanes: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    """Reasons up to their colon, as `http_422` or `timeout`, or HTTP statuses, as `422`."""
    runs: tuple[int, ...] = ()
    """Runs that touched the message last."""
    except_codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What a person, or the job, says of a selection: uncertain or rejected -> `state`."""

    state: State
    """`accepted`, `pending` (send it again) or `skipped`."""
    who: str
    why: str
    now_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One touched message, for lists that people read."""

    plan: int
    ordinal: int
    key: bytes
    lane: str
    at_us: int
    state: State
    reason: str | None
    http_status: int | None


RESTORED: Final = "restored"
"""The reason of a message that became uncertain because its ledger was put back from a copy."""
