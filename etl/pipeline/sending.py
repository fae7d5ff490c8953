"""Sending a plan's messages: runs that the ledger knows, a trial or a canary before the rest."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etl.clock import MICROSECONDS, SYSTEM
from etl.cluster.interface import Engine
from etl.config.load import JobFile
from etl.config.secrets import Secret
from etl.config.target import Target
from etl.config.workspace import Workspace
from etl.errors import LaterError
from etl.ledger.interface import Ledger, PlanRecord
from etl.model.events import Event, Started
from etl.model.plan import PlanFolder
from etl.pipeline.embedding import embedded_target
from etl.pipeline.result import Canary
from etl.pipeline.runs import Runs
from etl.pipeline.standings import NOTHING, PlanStates, plan_states
from etl.plan.lanes import PlanReader
from etl.replay.conversations import Conversations
from etl.replay.lane import blocking_states
from etl.replay.limits import Bounds, ErrorBudget, Limits
from etl.replay.runner import Tally
from etl.replay.stop import StopKind, StopReason
from etl.sandbox.profiles import Profile

if TYPE_CHECKING:
    from etl.pipeline.spreading import Spread  # an extra


@dataclass(frozen=True, slots=True, kw_only=True)
class SendWish:
    """What the command line asks of sending, beyond the job file."""

    sandbox: bool = False
    cluster: str | None = None
    """The address of the engine whose workers send; None: this process does."""
    sandbox_profiles: tuple[Profile, ...] = ()
    """How the sandbox behaves otherwise than well."""
    expect_plan: str | None = None
    """The plan's hash, or its beginning, as it was approved; for the record."""
    limit_lanes: int | None = None
    """A trial: only so many users, the first by name."""
    max_duration_seconds: float | None = None
    """From the start of the command on."""
    max_messages: int | None = None
    max_errors: ErrorBudget | None = None
    canary: bool = False
    """Send the first user by name, then ask for the rest."""
    confirm: Callable[[Canary], bool] = lambda _: False
    """Asked after the canary; no by default, as where nobody sits at a terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What came of it."""

    states: PlanStates
    """Of the whole plan, now."""
    by_state: dict[str, int]
    """Messages that were settled, by state."""
    stop: StopReason | None
    canary: Canary | None
    conversations: Conversations
    runs: tuple[int, ...]
    """Their numbers in the ledger."""


class Sending:
    """Sends what is left of one plan."""

    def __init__(  # noqa: PLR0913  wiring: each argument is one collaborator
        self,
        job_file: JobFile,
        space: Workspace,
        ledger: Ledger,
        wish: SendWish,
        observe: Callable[[Event], None],
        *,
        started: float,
        clock_ahead_seconds: float = 0.0,
        engine: Engine | None = None,
    ) -> None:
        """`started` is when the command began (monotonic seconds); an `engine` does the sending."""
        self._job_file = job_file
        self._job = job_file.job
        self._space = space
        self._ledger = ledger
        self._wish = wish
        self._observe = observe
        self._blocking = blocking_states(hold_rejected=self._job.replay.on_rejected == "hold")
        duration = wish.max_duration_seconds
        bounds = Bounds(
            window=self._job.replay.hours,
            ends_at=None if duration is None else started + duration,
            max_messages=wish.max_messages,
            max_errors=wish.max_errors,
        )
        minutes = self._job.message.session_expiration_minutes
        self._conversations = Conversations(expiration_minutes=minutes)
        self._canary: Canary | None = None
        self._runs = Runs(
            job_file,
            space,
            ledger,
            observe,
            limits=Limits(bounds, wall_us=SYSTEM.wall_us()),
            conversations=self._conversations,
            expect_plan=wish.expect_plan,
            trial=wish.limit_lanes is not None,
            clock_ahead_seconds=clock_ahead_seconds,
            spread=None if engine is None else self._spread(engine),
        )

    def send(self, plan: PlanFolder, *, token: Secret | None) -> Sent:
        """Open the plan in the ledger if it is not, and send what is left of it.

        Raises:
            LaterError: the API asked for a pause that is longer than the job waits.
            LedgerError: an entry can't be made durable.
        """
        states, tally, stop = NOTHING, Tally(), None
        if plan.summary.conservation.planned:
            record = self._start(plan)
            self._runs.doubt(plan, record)
            states = plan_states(self._ledger, record.number, plan, blocking=self._blocking)
            if states.pending:
                self._obey_hold_off()
                with self._target(token) as (target, secret):
                    expected = self._expected(plan, states)
                    self._observe(Started(messages=expected, target=self._space.target))
                    tally, stop = self._send(plan, record, (target, secret), expected)
                states = plan_states(self._ledger, record.number, plan, blocking=self._blocking)
        return Sent(
            states=states,
            by_state={state.value: count for state, count in tally.sent.items()},
            stop=stop,
            canary=self._canary,
            conversations=self._conversations,
            runs=tuple(self._runs.numbers),
        )

    def _spread(self, engine: Engine) -> "Spread":
        from etl.ledger.postgres.address import address  # noqa: PLC0415  an extra
        from etl.pipeline.spreading import Spread  # noqa: PLC0415

        return Spread(
            engine,
            address(self._space.ledger_url or "", target=self._space.target),
            self._job,
            space=self._space,
            folder=self._job_file.folder,
            sandbox=self._wish.sandbox,
            ledger=self._ledger,
            conversations=self._conversations,
            observe=self._observe,
        )

    def _start(self, plan: PlanFolder) -> PlanRecord:
        under_way = self._ledger.open_plan()
        if under_way is not None and under_way.hash == plan.summary.hash:
            return under_way
        record = PlanRecord(
            number=0,
            hash=plan.summary.hash,
            fingerprint=plan.summary.fingerprint,
            identity=plan.summary.identity,
            source=plan.summary.source,
            messages=plan.summary.conservation.planned,
            lanes=plan.summary.lanes,
            open=True,
        )
        return self._ledger.start_plan(record, now_us=SYSTEM.wall_us())

    def _expected(self, plan: PlanFolder, before: PlanStates) -> int:
        expected = before.pending
        first = 1 if self._wish.canary else self._wish.limit_lanes
        if first is not None:
            trial = PlanReader(plan).lanes(first=first)
            expected = min(expected, sum(lane.length for batch in trial for lane in batch))
        return min(expected, self._wish.max_messages or expected)

    def _obey_hold_off(self) -> None:
        until = self._ledger.hold_off_us()
        left = 0.0 if until is None else (until - SYSTEM.wall_us()) / MICROSECONDS
        if left > self._job.replay.max_wait_seconds:
            raise LaterError(
                f"the API asked for a pause that lasts another {left:.0f} s",
                hint="run the same command then, or raise replay.max_wait_seconds",
            )

    @contextmanager
    def _target(self, token: Secret | None) -> Iterator[tuple[Target, Secret]]:
        """Give the address and token to send to; with --sandbox those of one that runs meanwhile."""
        if token is not None:
            yield self._job.target, token
            return
        store, profiles = self._space.sandbox_store, self._wish.sandbox_profiles
        with embedded_target(self._job.target, store=store, profiles=profiles) as place:
            yield place

    def _send(
        self,
        plan: PlanFolder,
        record: PlanRecord,
        place: tuple[Target, Secret],
        expected: int,
    ) -> tuple[Tally, StopReason | None]:
        """Replay, in two parts with a question in between where a canary is wished."""
        first = 1 if self._wish.canary else self._wish.limit_lanes
        tally, stop = self._runs.replay(plan, record, place, expected, only_first_lanes=first)
        if stop is not None or not self._wish.canary:
            return tally, stop
        states = plan_states(self._ledger, record.number, plan, blocking=self._blocking)
        lane = next(lane for batch in PlanReader(plan).lanes(first=1) for lane in batch)
        self._canary = Canary(lane=lane.name, messages=lane.length, pending=states.pending)
        if not states.pending:
            return tally, None
        if not self._wish.confirm(self._canary):
            return tally, StopReason(kind=StopKind.CANARY, message="one user is sent; the rest waits")
        expected = min(states.pending, self._wish.max_messages or states.pending)
        self._observe(Started(messages=expected, target=self._space.target))
        rest, stop = self._runs.replay(plan, record, place, expected, only_first_lanes=None)
        tally.add(rest)
        return tally, stop
