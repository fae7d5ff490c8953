"""`etl import`: plan, replay, ledger, report; run again, the same command goes on where it was."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from etl import __version__
from etl.clock import MICROSECONDS, SYSTEM
from etl.config.job import Job
from etl.config.load import JobFile
from etl.config.secrets import Secret, read_token
from etl.config.target import Target
from etl.config.workspace import Workspace, workspace
from etl.errors import EtlError, ExitCode, LaterError, LedgerError
from etl.ledger.interface import RESTORED, Ledger, PlanRecord, Selection, Word
from etl.ledger.rescue import SideFile
from etl.model.events import Event, Finished, RunBegan, Started, Warned
from etl.model.plan import PlanFolder
from etl.model.states import State
from etl.pipeline.embedding import embedded_target
from etl.pipeline.opening import Trust, opened
from etl.pipeline.prepare import Wish, prepare, refuse_unknown_roles
from etl.pipeline.replaying import Replaying
from etl.pipeline.result import Canary, ImportResult, exit_code
from etl.pipeline.standings import NOTHING, PlanStates, plan_states
from etl.plan.lanes import PlanReader
from etl.replay.conversations import Conversations
from etl.replay.lane import blocking_states
from etl.replay.limits import Bounds, ErrorBudget, Limits, closed_message
from etl.replay.runner import Scope, Tally
from etl.replay.stop import Stop, StopKind, StopReason
from etl.report.outcome import write_report
from etl.sandbox.profiles import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWish:
    """What the command line asks of an import beyond the job file."""

    plan: Wish
    sandbox: bool = False
    sandbox_profiles: tuple[Profile, ...] = ()
    """How the sandbox behaves otherwise than well."""
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
    trust: Trust = Trust.REMEMBERED


def run_import(job_file: JobFile, wish: ImportWish, observe: Callable[[Event], None]) -> ImportResult:
    """Send what the job's input holds and the ledger does not know yet.

    Raises:
        EtlError: nothing was sent that the ledger does not hold.
    """
    job, started = job_file.job, SYSTEM.monotonic()
    _obey_window(job)
    space = workspace(job_file.state, job.target, sandbox=wish.sandbox)
    token = None if wish.sandbox else read_token(job.target, folder=job_file.folder, environ=os.environ)
    space.create()
    with opened(space, create=True, observe=observe, trust=wish.trust) as found:
        ledger, recovered = found.ledger, found.recovered
        _follow_policy_on_uncertain(job, ledger)
        plan = prepare(job_file, space, ledger, wish.plan, observe)
        refuse_unknown_roles(plan, job_file)
        importing = _Import(job_file, space, ledger, wish, observe, started=started)
        return importing.run(plan, token=token, recovered=recovered)


def _obey_window(job: Job) -> None:
    """Refuse to begin outside the job's hours, before anything is read."""
    now_us, hours = SYSTEM.wall_us(), job.replay.hours
    if hours is not None and not hours.is_open(now_us):
        raise LaterError(
            closed_message(hours, now_us),
            hint="run the same command then; `etl check` works at any hour, --window takes other hours",
        )


def _follow_policy_on_uncertain(job: Job, ledger: Ledger) -> None:
    """Settle what is uncertain by the job's word, if it gives one."""
    if job.replay.on_uncertain == "hold":
        return
    state = State.PENDING if job.replay.on_uncertain == "resend" else State.ACCEPTED
    under_way = ledger.open_plan()
    if state is State.PENDING and under_way is None:
        return
    word = Word(
        state=state,
        who="job file",
        why=f'replay.on_uncertain = "{job.replay.on_uncertain}"',
        now_us=SYSTEM.wall_us(),
    )
    selection = Selection(
        states=frozenset({State.UNCERTAIN}),
        plan=under_way.number if state is State.PENDING and under_way else None,
        # The job speaks of single messages; after a restore it would speak of thousands.
        except_codes=(RESTORED,),
    )
    ledger.settle(selection, word)


class _Import:
    """One import, once its plan is there."""

    def __init__(
        self,
        job_file: JobFile,
        space: Workspace,
        ledger: Ledger,
        wish: ImportWish,
        observe: Callable[[Event], None],
        *,
        started: float,
    ) -> None:
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
        self._limits = Limits(bounds, wall_us=SYSTEM.wall_us())
        minutes = self._job.message.session_expiration_minutes
        self._conversations = Conversations(expiration_minutes=minutes)
        self._canary: Canary | None = None

    def run(self, plan: PlanFolder, *, token: Secret | None, recovered: int) -> ImportResult:
        """Replay the plan and report."""
        started, started_us = SYSTEM.monotonic(), SYSTEM.wall_us()
        states, sent, stop = NOTHING, {}, None
        if plan.summary.conservation.planned:
            record = self._start(plan)
            self._doubt(plan, record)
            states = plan_states(self._ledger, record.number, plan, blocking=self._blocking)
            if states.pending:
                self._obey_hold_off()
                with self._target(token) as (target, secret):
                    expected = self._expected(plan, states)
                    self._observe(Started(messages=expected, target=self._space.target))
                    tally, stop = self._send(plan, record, target, secret)
                sent = {state.value: count for state, count in tally.sent.items()}
                states = plan_states(self._ledger, record.number, plan, blocking=self._blocking)
        result = ImportResult(
            plan=plan,
            target=self._space.target,
            states=states,
            sent=sent,
            seconds=SYSTEM.monotonic() - started,
            recovered=recovered,
            stop=stop,
            canary=self._canary,
            conversations=self._conversations,
            allowed_per_second=self._job.replay.rate.per_second,
            learned_per_second=self._ledger.learned_rate_per_second() if self._job.replay.adapt else None,
            ledger=self._space.ledger,
            report=self._space.reports / f"import-{_stamp(started_us)}.json",
            rejects_file=plan.rejects_csv,
            sandbox_store=self._space.sandbox_store if self._wish.sandbox else None,
            exit_code=self._exit_code(states, plan, stop),
        )
        write_report(result.report, result.as_json())
        self._observe(
            Finished(exit_code=result.exit_code, counts=asdict(states), report=str(result.report)),
        )
        return result

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

    def _doubt(self, plan: PlanFolder, record: PlanRecord) -> None:
        """After a restore: what the copy does not know as settled may have been sent since."""
        before_us = self._ledger.doubt_before_us(record.number)
        if before_us is None:
            return
        run = self._start_run(record)
        messages = PlanReader(plan).written_before(before_us)
        count = self._ledger.doubt(record.number, run, messages, now_us=SYSTEM.wall_us())
        self._ledger.end_run(run, exit_code=ExitCode.INCOMPLETE, now_us=SYSTEM.wall_us())
        if count:
            self._observe(
                Warned(message=f"{count:,} messages may have been sent after the ledger's copy was made"),
            )

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
        target: Target,
        token: Secret,
    ) -> tuple[Tally, StopReason | None]:
        """Replay, in two parts with a question in between where a canary is wished."""
        first = 1 if self._wish.canary else self._wish.limit_lanes
        tally, stop = self._replay(plan, record, target, token, only_first_lanes=first)
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
        rest, stop = self._replay(plan, record, target, token, only_first_lanes=None)
        tally.add(rest)
        return tally, stop

    def _start_run(self, record: PlanRecord) -> int:
        return self._ledger.start_run(
            record.number,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            now_us=SYSTEM.wall_us(),
        )

    def _replay(
        self,
        plan: PlanFolder,
        record: PlanRecord,
        target: Target,
        token: Secret,
        *,
        only_first_lanes: int | None,
    ) -> tuple[Tally, StopReason | None]:
        """Replay, with its beginning and end in the ledger."""
        run = self._start_run(record)
        self._observe(RunBegan(run=run))
        stop = Stop(self._observe)
        replaying = Replaying(
            job=self._job,
            folder=self._job_file.folder,
            ledger=self._ledger,
            scope=Scope(
                plan=record.number,
                only_first_lanes=only_first_lanes,
                blocking=self._blocking,
            ),
            run=run,
            limits=self._limits,
            conversations=self._conversations,
            observe=self._observe,
            rescue=SideFile(
                self._space.folder,
                identity=self._ledger.name().identity,
                run=run,
                say=_say,
            ),
        )
        try:
            tally = asyncio.run(replaying.replay(PlanReader(plan), target=target, token=token, stop=stop))
        except asyncio.CancelledError:
            tally = Tally()  # the second signal: what was in flight is uncertain at the next start
        except BaseException as error:
            ended = error.exit_code if isinstance(error, EtlError) else ExitCode.DEFECT
            # A ledger that refuses this, too, must not hide why the run ended.
            with suppress(LedgerError):
                self._ledger.end_run(run, exit_code=ended, now_us=SYSTEM.wall_us())
            raise
        states = plan_states(self._ledger, record.number, plan, blocking=self._blocking)
        ended = self._exit_code(states, plan, stop.reason)
        self._ledger.end_run(run, exit_code=ended, now_us=SYSTEM.wall_us())
        return tally, stop.reason

    def _exit_code(self, states: PlanStates, plan: PlanFolder, stop: StopReason | None) -> ExitCode:
        trial = self._wish.limit_lanes is not None
        return exit_code(states, plan.summary, stop=stop, trial=trial)


def _say(line: str) -> None:
    # Called by the ledger's writer, so not by way of the progress bar.
    sys.stderr.write(f"etl: {line}\n")


def _stamp(wall_us: int) -> str:
    return datetime.fromtimestamp(wall_us / MICROSECONDS, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
