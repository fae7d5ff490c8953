"""`etl import`: plan, replay, ledger, report; run again, the same command goes on where it was."""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from etl.clock import SYSTEM
from etl.cluster.interface import Engine
from etl.config.job import Job
from etl.config.load import JobFile
from etl.config.secrets import read_token
from etl.config.workspace import Workspace, workspace
from etl.errors import LaterError, UsageError
from etl.ledger.interface import RESTORED, Ledger, Selection, Word
from etl.model.events import Event, Finished, Warned
from etl.model.plan import PlanFolder
from etl.model.states import State
from etl.pipeline.depots import CHECKS, fetch_reports, make_ready, publish_or_warn
from etl.pipeline.engines import opened_engine
from etl.pipeline.opening import Trust, opened, place_of, seal
from etl.pipeline.prepare import prepare
from etl.pipeline.refusing import refuse_unknown_roles
from etl.pipeline.reporting import report_path, run_report, subject_of, write_files
from etl.pipeline.result import ImportResult, exit_code
from etl.pipeline.sending import Sending, SendWish
from etl.pipeline.wish import Wish
from etl.replay.limits import closed_message
from etl.report.replayed import RunReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWish:
    """What the command line asks of an import beyond the job file."""

    plan: Wish
    send: SendWish
    trust: Trust = Trust.REMEMBERED


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The ledger as a run finds it, before a plan is chosen."""

    ledger: Ledger
    mark: str
    """As `Opened` has it."""
    put_back: int
    """Uncertain messages of the plan under way that are to be sent again, by the job's word."""


def run_import(job_file: JobFile, wish: ImportWish, observe: Callable[[Event], None]) -> ImportResult:
    """Send what the job's input holds and the ledger does not know yet.

    Raises:
        EtlError: nothing was sent that the ledger does not hold.
    """

    def choose(space: Workspace, begun: Begun) -> PlanFolder:
        plan = prepare(job_file, space, begun.ledger, replace(wish.plan, workers=engine), observe)
        refuse_unknown_roles(plan, job_file)
        return plan

    with opened_engine(wish.send.cluster, job_file.job) as engine:
        return replayed(job_file, wish.send, choose, trust=wish.trust, observe=observe, engine=engine)


def replayed(
    job_file: JobFile,
    wish: SendWish,
    choose: Callable[[Workspace, Begun], PlanFolder],
    *,
    trust: Trust,
    observe: Callable[[Event], None],
    engine: Engine | None,
) -> ImportResult:
    """Send the plan that `choose` gives, asked under the target's lock, and report.

    Raises:
        EtlError: nothing was sent that the ledger does not hold.
    """
    job, started = job_file.job, SYSTEM.monotonic()
    _obey_window(job)
    space = workspace(job_file.state, job.target, sandbox=wish.sandbox, ledger=job_file.job.ledger)
    token = None if wish.sandbox else read_token(job.target, folder=job_file.folder, environ=os.environ)
    make_ready(space)
    fetch_reports(space, CHECKS)  # now: at the end nothing may stand in the way of the result
    with opened(space, create=True, observe=observe, trust=trust) as found:
        put_back = _follow_policy_on_uncertain(job, found.ledger)
        plan = choose(space, Begun(ledger=found.ledger, mark=found.mark, put_back=put_back))
        began, began_us = SYSTEM.monotonic(), SYSTEM.wall_us()
        sending = Sending(
            job_file,
            space,
            found.ledger,
            wish,
            observe,
            started=started,
            clock_ahead_seconds=found.clock_ahead_seconds,
            engine=engine,
        )
        sent = sending.send(plan, token=token)
        seal(found.ledger)  # of a killed run, too, so that the report has it
        path = report_path(space, "import", began_us)
        result = ImportResult(
            plan=plan,
            space=space,
            states=sent.states,
            sent=sent.by_state,
            seconds=SYSTEM.monotonic() - began,
            recovered=found.recovered,
            stop=sent.stop,
            canary=sent.canary,
            conversations=sent.conversations,
            allowed_per_second=job.replay.rate.per_second,
            learned_per_second=found.ledger.learned_rate_per_second() if job.replay.adapt else None,
            ledger=str(place_of(space)),
            report=path,
            page=path.with_suffix(".html"),
            rejects_file=plan.rejects_csv,
            sandbox_store=space.sandbox_store if wish.sandbox else None,
            exit_code=exit_code(
                sent.states, plan.summary, stop=sent.stop, trial=wish.limit_lanes is not None
            ),
        )
        subject = subject_of(job_file, space, found.ledger, plan, sandbox=wish.sandbox, runs=sent.runs)
        result = _reported(result, run_report(subject, command=result.command_json()), path, observe)
        page = None if result.page is None else space.shown(result.page)
        observe(Finished(exit_code=result.exit_code, counts=asdict(sent.states), report=page))
    return result


def _reported(
    result: ImportResult, report: RunReport, path: Path, observe: Callable[[Event], None]
) -> ImportResult:
    """Write the report, and return the result that says so; a full disk can't undo what was sent."""
    try:
        write_files(report, path)
    except UsageError as error:
        again = f"etl report {report.job}"
        observe(Warned(message=f"{error.message}; the ledger has the whole run: `{again}` makes its report"))
        return replace(result, report=None, page=None)
    publish_or_warn(result.space, path, path.with_suffix(".html"), observe=observe)
    return result


def _obey_window(job: Job) -> None:
    """Refuse to begin outside the job's hours, before anything is read."""
    now_us, hours = SYSTEM.wall_us(), job.replay.hours
    if hours is not None and not hours.is_open(now_us):
        raise LaterError(
            closed_message(hours, now_us),
            hint="run the same command then; `etl check` works at any hour, --window takes other hours",
        )


def _follow_policy_on_uncertain(job: Job, ledger: Ledger) -> int:
    """Settle what is uncertain by the job's word, if it gives one; return how many are to be sent again."""
    if job.replay.on_uncertain == "hold":
        return 0
    state = State.PENDING if job.replay.on_uncertain == "resend" else State.ACCEPTED
    under_way = ledger.open_plan()
    if state is State.PENDING and under_way is None:
        return 0
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
    settled = ledger.settle(selection, word)
    return settled if state is State.PENDING else 0
