"""`etl check`: the dry run. The same code as `import` up to the first byte."""

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

from etl.clock import SYSTEM
from etl.config.load import JobFile
from etl.config.workspace import workspace
from etl.errors import ExitCode
from etl.ledger.sqlite import open_readonly
from etl.model.events import Event, Finished, Warned
from etl.model.plan import PlanFolder
from etl.model.window import Window
from etl.pipeline.opening import ledger_concern
from etl.pipeline.prepare import Wish, prepare
from etl.plan.forecast import Forecast, forecast
from etl.plan.lanes import plan_rejects
from etl.report.unknown import unknown_roles
from etl.report.validation import RejectLine, first_rejects


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a dry run found."""

    plan: PlanFolder
    target: str
    forecast: Forecast
    rate_per_second: float
    earliest_end: str | None
    """With a window: when an import that begins now, or when it opens, could be done; None without one."""
    rejects_file: Path
    first_rejects: tuple[RejectLine, ...]
    unknown_roles: dict[str, int]
    """Role values that would stop an import, and their rows."""
    exit_code: ExitCode


def run_check(
    job_file: JobFile,
    wish: Wish,
    *,
    sandbox: bool,
    observe: Callable[[Event], None],
) -> CheckResult:
    """Plan the job's input and say what an import would do; nothing is sent and no ledger is made.

    Raises:
        EtlError: as `prepare`.
    """
    job = job_file.job
    space = workspace(job_file.state, job.target, sandbox=sandbox)
    space.create()
    ledger = open_readonly(space.ledger, target=space.target)
    with closing(ledger) if ledger else nullcontext():
        problem = ledger_concern(space, ledger)
        if problem:
            observe(Warned(message=f"an import would refuse: {problem}"))
        plan = prepare(job_file, space, ledger, wish, observe)
    rate = job.replay.rate.per_second
    counts = plan.summary.conservation
    bounds = forecast(
        messages=counts.planned,
        longest_lane=plan.summary.longest_lane,
        rate_per_second=rate,
        latency_seconds=job.plan.latency_seconds,
    )
    result = CheckResult(
        plan=plan,
        target=space.target,
        forecast=bounds,
        rate_per_second=rate,
        earliest_end=_earliest_end(job.replay.hours, bounds),
        rejects_file=plan.rejects_csv,
        first_rejects=first_rejects(plan_rejects(plan)),
        unknown_roles={} if job.roles.unknown == "reject" else unknown_roles(plan_rejects(plan)),
        exit_code=ExitCode.INCOMPLETE if counts.rejects or plan.summary.skipped_files else ExitCode.OK,
    )
    observe(Finished(exit_code=result.exit_code, counts=asdict(counts), report=None))
    return result


def _earliest_end(hours: Window | None, bounds: Forecast) -> str | None:
    if hours is None:
        return None
    end_us = hours.after_us(SYSTEM.wall_us(), bounds.seconds)
    return f"in more than a year, by {hours}" if end_us is None else f"{hours.spoken(end_us)}, by {hours}"
