"""`etl status`: how the plan under way stands. Reads only; works beside a running import."""

from dataclasses import dataclass

from etl.clock import MICROSECONDS, SYSTEM
from etl.config.job import Job
from etl.config.load import JobFile
from etl.config.workspace import workspace
from etl.errors import ExitCode, UsageError
from etl.ledger.interface import Entry, Ledger, PlanRecord, RunRecord
from etl.ledger.lock import Holder
from etl.ledger.sharing import Worked
from etl.model.states import State
from etl.model.window import Window
from etl.pipeline.opening import ledger_concern, place_of, read
from etl.pipeline.plans import Plans
from etl.pipeline.reporting import by_code, listed
from etl.pipeline.standings import PlanStates, plan_states
from etl.plan.forecast import Forecast, forecast
from etl.replay.lane import blocking_states
from etl.replay.limits import closed_message


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusResult:
    """What is known of a target."""

    target: str
    ledger: str
    plan: PlanRecord
    states: PlanStates
    all_plans: dict[str, int]
    """Stored messages of all plans, by state."""
    listed: tuple[Entry, ...]
    """The first uncertain and rejected messages of all plans."""
    uncertain_by_code: dict[str, int]
    rejected_by_code: dict[str, int]
    held_lanes: int
    hold_off_until_us: int | None
    """Until when the API asked everybody to wait, if that is still to come."""
    hold_off_seconds: float
    allowed_per_second: float
    learned_per_second: float | None
    """The pace that earlier runs have learned, when it is below the allowed one."""
    closed: str | None
    """Until when the job's hours keep the next run waiting."""
    generation: int
    concern: str | None
    """Why an import would refuse this ledger: it is not the one that is remembered."""
    holder: Holder | None
    last_run: RunRecord | None
    forecast: Forecast
    exit_code: ExitCode
    worked: Worked | None = None
    """How the last run's shards stand; None: it is one process's."""


def run_status(job_file: JobFile, *, sandbox: bool) -> StatusResult:
    """Return how the plan under way stands.

    Raises:
        UsageError: nothing was ever imported to this target, or the plan's folder is gone.
        LedgerError: the ledger was lost, or can't be read.
    """
    job = job_file.job
    space = workspace(job_file.state, job.target, sandbox=sandbox, ledger=job_file.job.ledger)
    with read(space) as ledger:
        record = ledger.open_plan()
        if record is None:
            raise UsageError(f"no plan was started yet in {place_of(space)}", hint="etl import JOB")
        plans = Plans(space, ledger)
        plan = plans.load(record.hash)
        if plan is None:
            raise UsageError(
                f"the folder of plan {record.hash[:12]} is gone: {plans.place(record.hash)}",
                hint="etl import JOB makes it anew; the ledger is intact",
            )
        blocking = blocking_states(hold_rejected=job.replay.on_rejected == "hold")
        states = plan_states(ledger, record.number, plan, blocking=blocking)
        hold_off_seconds, last_run = _hold_off_seconds(ledger), ledger.last_run()
        holder = place_of(space).holder()
        return StatusResult(
            target=space.target,
            ledger=str(place_of(space)),
            plan=record,
            states=states,
            all_plans={state.value: count for state, count in ledger.counts().items()},
            listed=listed(ledger),
            allowed_per_second=job.replay.rate.per_second,
            learned_per_second=ledger.learned_rate_per_second() if job.replay.adapt else None,
            closed=_closed(job.replay.hours),
            uncertain_by_code=by_code(ledger, State.UNCERTAIN),
            rejected_by_code=by_code(ledger, State.REJECTED),
            held_lanes=len(ledger.blocked_lanes(blocking)),
            hold_off_until_us=ledger.hold_off_us() if hold_off_seconds else None,
            hold_off_seconds=hold_off_seconds,
            generation=ledger.name().generation,
            concern=ledger_concern(space, ledger),
            holder=holder,
            last_run=last_run,
            worked=place_of(space).worked(last_run.number) if last_run else None,
            forecast=forecast(
                messages=states.pending,
                longest_lane=min(plan.summary.longest_lane, states.pending),
                rate_per_second=_rate_of_the_rest(last_run if holder else None, job),
                latency_seconds=job.plan.latency_seconds,
            ),
            exit_code=ExitCode.OK if states.complete else ExitCode.INCOMPLETE,
        )


def _rate_of_the_rest(running: RunRecord | None, job: Job) -> float:
    """Return how fast the rest may be sent: a run that is active may have been given a rate of its own."""
    told = running.allowed_per_second if running is not None and running.ended_us is None else None
    return told or job.replay.rate.per_second


def _closed(hours: Window | None) -> str | None:
    now_us = SYSTEM.wall_us()
    return closed_message(hours, now_us) if hours is not None and not hours.is_open(now_us) else None


def _hold_off_seconds(ledger: Ledger) -> float:
    until = ledger.hold_off_us()
    return 0.0 if until is None else max(0.0, (until - SYSTEM.wall_us()) / MICROSECONDS)
