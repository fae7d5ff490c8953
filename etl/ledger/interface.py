"""What any ledger promises; the replay and the commands know nothing else of it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import pyarrow as pa

from etl.ledger.evidence import Aim, Pause, Seal, Verification
from etl.ledger.records import (
    DOUBT_SCHEMA,
    EXPORT_SCHEMA,
    RESTORED,
    TOUCHED_SCHEMA,
    Decision,
    Entry,
    Intent,
    LedgerName,
    Outcome,
    PlanRecord,
    RunRecord,
    Selection,
    Word,
)
from etl.model.states import State

__all__ = [
    "DOUBT_SCHEMA",
    "EXPORT_SCHEMA",
    "RESTORED",
    "TOUCHED_SCHEMA",
    "Decision",
    "Entry",
    "Intent",
    "Ledger",
    "LedgerName",
    "Outcome",
    "PlanRecord",
    "RunRecord",
    "Selection",
    "Word",
]


class Ledger(Protocol):
    """A ledger that is open. All methods raise `LedgerError`, never a driver's exception.

    Times are microseconds since 1970 UTC. A method that writes returns only when the write is durable.
    """

    @property
    def distant(self) -> bool:
        """Return whether a question may take long: the database is elsewhere, and may be away."""

    def close(self) -> None:
        """Release it; may be called twice."""

    def hurry(self) -> None:
        """Wait no longer for a database that is away; from any thread, while another one waits."""

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
        """Return when the newest intent was written, as this clock has it."""

    def hold_off_us(self) -> int | None:
        """Return until when the API asked everybody to wait, if it did, as this clock has it."""

    def set_hold_off(self, until_us: int, *, pause: Pause | None = None) -> None:
        """Remember that across runs; `pause` is kept for the report of the run that goes on."""

    def learned_rate_per_second(self) -> float | None:
        """Return the rate that earlier runs found this target to bear, if they had to slow down."""

    def remember_learned_rate(self, rate_per_second: float | None) -> None:
        """Keep that rate for the next run; None: the target bears what the job asks for."""

    def export(self) -> Iterator[pa.RecordBatch]:
        """Yield `EXPORT_SCHEMA` in order of (plan, ordinal), at most 65,536 rows a batch."""
