"""What any ledger promises; the replay and the commands know nothing else of it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import pyarrow as pa

from etl.ledger.evidence import Aim, Pause, Seal, Verification
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


class Ledger(Protocol):
    """A ledger that is open. All methods raise `LedgerError`, never a driver's exception.

    Times are microseconds since 1970 UTC. A method that writes returns only when the write is durable.
    """

    def close(self) -> None:
        """Release it; may be called twice."""

    def mark(self) -> str:
        """Return a short text that changes whenever a plan was started or a message touched."""

    def name(self) -> LedgerName:
        """Return which ledger this is, and its generation."""

    def advance(self) -> None:
        """Let the generation grow, so that any copy made before is recognised as older."""

    def open_plan(self) -> PlanRecord | None:
        """Return the plan whose messages may still be sent, if any."""

    def plans(self) -> list[PlanRecord]:
        """Return all plans, oldest first."""

    def start_plan(self, record: PlanRecord, *, now_us: int) -> PlanRecord:
        """Open a plan (its `number` is ignored and given anew) and close the one that was open."""

    def start_run(
        self, plan: int, *, host: str, pid: int, version: str, now_us: int, aim: Aim | None = None
    ) -> int:
        """Record that a replay begins and return its number."""

    def end_run(self, run: int, *, exit_code: int, now_us: int, stop: str | None = None) -> None:
        """Record how it ended; `stop` is why before its plan."""

    def seal(self, *, now_us: int) -> None:
        """Seal every run that can record nothing more; call it only while none sends."""

    def seals(self) -> list[Seal]:
        """Return the seals of all runs that have one, oldest first."""

    def verify_seals(self) -> Verification:
        """Compute every seal again from what is recorded; the memory it takes is bounded."""

    def runs(self) -> list[RunRecord]:
        """Return all runs, oldest first."""

    def acceptances(self, runs: Iterable[int]) -> Iterator[pa.RecordBatch]:
        """Yield `ACCEPTED_SCHEMA` for what these runs saw accepted, at most 65,536 rows a batch."""

    def attempts(self, runs: Iterable[int]) -> Iterator[pa.RecordBatch]:
        """Yield `ATTEMPT_SCHEMA` for these runs, at most 65,536 rows a batch."""

    def pauses(self, runs: Iterable[int]) -> list[Pause]:
        """Return the pauses that the API asked these runs for, oldest first."""

    def words(self, plan: int) -> dict[str, int]:
        """Return how many of people's words a plan's messages got, by the state that they led to."""

    def last_run(self) -> RunRecord | None:
        """Return the newest run."""

    def recover(self, *, now_us: int) -> int:
        """Turn every `in_flight` left by a dead run into `uncertain`; return how many.

        Call it only while holding the target's lock.
        """

    def commit(self, entries: Sequence[Intent | Outcome]) -> None:
        """Apply all in order in one durable transaction, or none.

        Raises:
            LedgerError: the disk refused; or a move that the state machine forbids; or a second message
                of one lane in flight. Nothing was applied.
        """

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Apply people's words in one durable transaction, each recorded with who, when and why."""

    def chosen(self, selection: Selection, *, limit: int) -> list[Entry]:
        """Return up to `limit` of the selected messages, in order of (plan, ordinal)."""

    def count_chosen(self, selection: Selection) -> dict[tuple[State, str], int]:
        """Return how many are selected, by state and code, most first."""

    def settle(self, selection: Selection, word: Word) -> int:
        """Follow one word on all that is selected, in one durable transaction; return how many.

        Raises:
            LedgerError: the state machine forbids it for one of them. Nothing was applied.
        """

    def restore(self, *, generation: int, who: str, why: str, now_us: int) -> None:
        """Take this file for a copy that was put back, and go on beyond a remembered generation."""

    def doubt_before_us(self, plan: int) -> int | None:
        """Return up to which time messages of a plan may have been sent unknown to this restored copy.

        None: it was never restored, or that plan's messages are in doubt already.
        """

    def doubt(self, plan: int, run: int, messages: Iterable[pa.RecordBatch], *, now_us: int) -> int:
        """Put `DOUBT_SCHEMA` in doubt where not settled, durably; return how many became uncertain.

        May be called again after a crash; what is in doubt or settled stays.
        """

    def apply_late(self, outcomes: Sequence[Outcome]) -> int:
        """Apply outcomes that a dead run could not store; return how many were still in flight.

        Each is compared and set: one whose message is not in flight under its run any more is left.
        Call it before `recover`.
        """

    def touched(self, wanted: pa.Table | None = None) -> Iterator[pa.RecordBatch]:
        """Yield `TOUCHED_SCHEMA`, in no particular order, at most 65,536 rows a batch.

        With `wanted` only what has a `key` or a `lane` of that table.
        """

    def progress(self, plan: int, first: int, end: int) -> tuple[list[int], list[State]]:
        """Return the stored ordinals in [first, end) of a plan, ascending, and their states."""

    def count_settled(self, plan: int, first: int, end: int) -> int:
        """Return how many messages with ordinals in [first, end) of a plan are settled."""

    def counts(self, plan: int | None = None) -> dict[State, int]:
        """Return stored messages by state, of one plan or of all; states without messages are absent."""

    def blocked_lanes(self, states: frozenset[State]) -> dict[str, int]:
        """Return each lane with a message in one of `states` in any plan, and how many it has.

        `states` is a subset of in_flight, uncertain and rejected.
        """

    def entries(self, states: frozenset[State], *, limit: int) -> list[Entry]:
        """Return up to `limit` messages in those states, in order of (plan, ordinal)."""

    def last_send_us(self) -> int | None:
        """Return when the newest intent was written."""

    def hold_off_us(self) -> int | None:
        """Return until when the API asked everybody to wait, if it did."""

    def set_hold_off(self, until_us: int, *, pause: Pause | None = None) -> None:
        """Remember that across runs; `pause` is kept for the report of the run that goes on."""

    def learned_rate_per_second(self) -> float | None:
        """Return the rate that earlier runs found this target to bear, if they had to slow down."""

    def remember_learned_rate(self, rate_per_second: float | None) -> None:
        """Keep that rate for the next run; None: the target bears what the job asks for."""

    def export(self) -> Iterator[pa.RecordBatch]:
        """Yield `EXPORT_SCHEMA` in order of (plan, ordinal), at most 65,536 rows a batch."""
