"""Runs: each replay of a plan has its beginning, its aim, its end and its seal in the ledger."""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from etl import __version__
from etl.clock import SYSTEM
from etl.config.load import JobFile
from etl.config.secrets import Secret
from etl.config.target import Target
from etl.config.workspace import Workspace
from etl.errors import EtlError, ExitCode, LedgerAwayError, LedgerError, LeftByTermError, LeftError
from etl.ledger.evidence import Aim
from etl.ledger.interface import Ledger, PlanRecord
from etl.ledger.rescue import SideFile
from etl.model.events import Event, RunBegan, Warned
from etl.model.plan import PlanFolder
from etl.pipeline import loops
from etl.pipeline.plans import Plans
from etl.pipeline.replaying import Replaying
from etl.pipeline.result import exit_code
from etl.pipeline.standings import plan_states
from etl.plan.forecast import forecast
from etl.plan.lanes import PlanReader
from etl.replay.conversations import Conversations
from etl.replay.lane import blocking_states
from etl.replay.limits import Limits
from etl.replay.runner import Scope, Tally
from etl.replay.stop import Stop, StopKind, StopReason

if TYPE_CHECKING:
    from etl.pipeline.spreading import Spread  # an extra


class Runs:
    """The runs of one command."""

    def __init__(  # noqa: PLR0913  wiring: each argument is one collaborator
        self,
        job_file: JobFile,
        space: Workspace,
        ledger: Ledger,
        observe: Callable[[Event], None],
        *,
        limits: Limits,
        conversations: Conversations,
        expect_plan: str | None,
        trial: bool,
        clock_ahead_seconds: float = 0.0,
        spread: "Spread | None",
    ) -> None:
        """`spread` sends by many workers; None: this process does."""
        self._job_file = job_file
        self._job = job_file.job
        self._space = space
        self._ledger = ledger
        self._observe = observe
        self._limits = limits
        self._conversations = conversations
        self._expect_plan = expect_plan
        self._trial = trial
        self._clock_ahead_seconds = clock_ahead_seconds
        self._spread = spread
        self._blocking = blocking_states(hold_rejected=self._job.replay.on_rejected == "hold")
        self.numbers: list[int] = []
        """Those that were begun."""

    def doubt(self, plan: PlanFolder, record: PlanRecord) -> None:
        """After a restore: what the copy does not know as settled may have been sent since."""
        before_us = self._ledger.doubt_before_us(record.number)
        if before_us is None:
            return
        run = self._start_run(record)
        messages = PlanReader(plan).written_before(before_us)
        count = self._ledger.doubt(record.number, run, messages, now_us=SYSTEM.wall_us())
        self._end_run(run, ExitCode.INCOMPLETE, why="a copy of the ledger was put back: doubt, nothing sent")
        if count:
            self._observe(
                Warned(message=f"{count:,} messages may have been sent after the ledger's copy was made"),
            )

    def replay(
        self,
        plan: PlanFolder,
        record: PlanRecord,
        place: tuple[Target, Secret],
        expected: int,
        *,
        only_first_lanes: int | None,
    ) -> tuple[Tally, StopReason | None]:
        """Replay all lanes, or only the first so many by name.

        Raises:
            LedgerError: an entry can't be made durable.
        """
        loop = loops.chosen(self._job.replay.loop)
        if self._spread is not None and only_first_lanes is None:
            loop = "asyncio"  # it sends nothing itself
            Plans(self._space, self._ledger).publish(plan)  # workers read it there
            self._spread.require(plan, place[0])
        run = self._start_run(record, self._aim(plan, expected))
        self._observe(RunBegan(run=run, loop=loop))
        stop, left = Stop(self._observe), False
        try:
            if self._spread is not None and only_first_lanes is None:
                part = self._spread.part(plan, record.number, run, place)
                tally = asyncio.run(self._spread.replay(part, self._limits, stop))
            else:
                scope = Scope(plan=record.number, only_first_lanes=only_first_lanes, blocking=self._blocking)
                tally = self._replayed(plan, run, place, stop, scope, expected)
        except asyncio.CancelledError:
            # The second signal: what was in flight is uncertain at the next start.
            tally, left = Tally(), True
        except BaseException as error:
            told = _told(stop.reason, error)
            self._end_broken(run, told)
            if told is error:
                raise
            raise told from error
        try:
            states = plan_states(self._ledger, record.number, plan, blocking=self._blocking)
            ended = exit_code(states, plan.summary, stop=stop.reason, trial=self._trial)
            self._end_run(run, ended, why=stop.reason.message if stop.reason else None)
        except LedgerError as error:
            told = _left(stop.reason, error, at_once=True) if left else _told(stop.reason, error)
            if told is error:
                raise
            raise told from error
        return tally, stop.reason

    def _replayed(
        self,
        plan: PlanFolder,
        run: int,
        place: tuple[Target, Secret],
        stop: Stop,
        scope: Scope,
        expected: int,
    ) -> Tally:
        """Replay in this process."""
        target, token = place
        replaying = Replaying(
            job=self._job,
            folder=self._job_file.folder,
            ledger=self._ledger,
            scope=scope,
            run=run,
            expected=expected,
            limits=self._limits,
            conversations=self._conversations,
            observe=self._observe,
            clock_ahead_seconds=self._clock_ahead_seconds,
            rescue=SideFile(
                self._space.folder,
                identity=self._ledger.name().identity,
                run=run,
                say=_say,
            ),
        )
        sending = replaying.replay(PlanReader(plan), target=target, token=token, stop=stop)
        return loops.run(sending, self._job.replay.loop)

    def _aim(self, plan: PlanFolder, expected: int) -> Aim:
        rate = self._job.replay.rate.per_second
        least = forecast(
            messages=expected,
            longest_lane=min(plan.summary.longest_lane, expected),
            rate_per_second=rate,
            latency_seconds=self._job.plan.latency_seconds,
        )
        return Aim(
            allowed_per_second=rate,
            expected=expected,
            forecast_seconds=least.seconds,
            expected_plan=self._expect_plan,
        )

    def _start_run(self, record: PlanRecord, aim: Aim | None = None) -> int:
        run = self._ledger.start_run(
            record.number,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=__version__,
            now_us=SYSTEM.wall_us(),
            aim=aim,
        )
        self.numbers.append(run)
        return run

    def _end_broken(self, run: int, error: BaseException) -> None:
        """Record what ended a run; a ledger that refuses this, too, must not hide it."""
        if isinstance(error, LedgerAwayError | LeftError):
            self._ledger.hurry()  # it was waited for
        with suppress(LedgerError):
            self._ledger.end_run(
                run,
                exit_code=error.exit_code if isinstance(error, EtlError) else ExitCode.DEFECT,
                now_us=SYSTEM.wall_us(),
                stop=error.message if isinstance(error, EtlError) else type(error).__name__,
            )

    def _end_run(self, run: int, ended: ExitCode, *, why: str | None) -> None:
        self._ledger.end_run(run, exit_code=ended, now_us=SYSTEM.wall_us(), stop=why)
        # Without room for it the next command that writes seals the run.
        with suppress(LedgerError):
            self._ledger.seal(now_us=SYSTEM.wall_us())


def _told(reason: StopReason | None, error: BaseException) -> BaseException:
    """Return what ended a run: a ledger that is away is no news to who has asked for the end."""
    if isinstance(error, LedgerAwayError) and reason is not None and reason.by_signal:
        return _left(reason, error, at_once=False)
    return error


def _left(reason: StopReason | None, error: LedgerError, *, at_once: bool) -> LeftError:
    kind = LeftByTermError if reason is not None and reason.kind is StopKind.TERMINATED else LeftError
    how = "left at once, with messages in flight" if at_once else "ended, and the ledger can't be told how"
    return kind(
        f"{how}: {error.message}",
        hint="once the ledger can be reached, the same command resumes; what it does not know is uncertain",
    )


def _say(line: str) -> None:
    # Called by the ledger's writer, so not by way of the progress bar; a closed terminal ends no thread.
    with suppress(OSError):
        sys.stderr.write(f"etl: {line}\n")
