"""`etl check`: the dry run. The same code as `import` up to the first byte."""

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import dataclass

from etl.clock import SYSTEM
from etl.config.load import JobFile
from etl.config.workspace import Workspace, workspace
from etl.errors import ExitCode
from etl.ledger.interface import Ledger
from etl.model.events import Event, Warned
from etl.model.insight import Insight
from etl.model.plan import PlanFolder
from etl.model.window import Window
from etl.pipeline.depots import make_ready
from etl.pipeline.looking import insight_of
from etl.pipeline.opening import ledger_concern, place_of
from etl.pipeline.plans import Plans
from etl.pipeline.prepare import draft
from etl.pipeline.standings import settled
from etl.pipeline.wish import Wish
from etl.plan.forecast import Forecast, forecast, nights, slowest
from etl.plan.lanes import plan_rejects
from etl.report.approval import Outlook
from etl.report.thresholds import Refusal, refusals
from etl.report.unknown import unknown_roles
from etl.report.validation import RejectLine, first_rejects
from etl.report.verdict import Readiness, Typed, Verdict, judge


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a dry run found."""

    plan: PlanFolder
    insight: Insight
    space: Workspace
    verdict: Verdict
    outlook: Outlook
    rejects_file: str
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
    typed: Typed | None = None,
) -> CheckResult:
    """Plan the job's input and say what an import would do; nothing is sent and no ledger is made.

    Raises:
        EtlError: as `draft`.
    """
    job, typed = job_file.job, typed or Typed()
    space = workspace(job_file.state, job.target, sandbox=sandbox, ledger=job_file.job.ledger)
    make_ready(space)
    ledger = place_of(space).read()
    with closing(ledger) if ledger else nullcontext():
        concern = ledger_concern(space, ledger)
        if concern:
            observe(Warned(message=f"an import would refuse: {concern}"))
        plan = draft(job_file, space, ledger, wish, observe)
        done = _settled_before(ledger, plan)
        insight = insight_of(plan, job, Plans(space, ledger))
    unknown = {} if job.roles.unknown == "reject" else unknown_roles(plan_rejects(plan))
    verdict = judge(
        plan.summary,
        insight,
        [*_ledger(concern), *refusals(plan.summary, insight, job.validate_)],
        unknown,
        settled=done,
        typed=typed,
    )
    return CheckResult(
        plan=plan,
        insight=insight,
        space=space,
        verdict=verdict,
        outlook=_outlook(job_file, plan),
        rejects_file=space.shown(plan.rejects_csv),
        first_rejects=first_rejects(plan_rejects(plan)),
        unknown_roles=unknown,
        exit_code=_exit_code(plan, verdict, concern),
    )


def _settled_before(ledger: Ledger | None, plan: PlanFolder) -> int:
    """Return how many messages of a plan that is under way are settled."""
    under_way = None if ledger is None else ledger.open_plan()
    if ledger is None or under_way is None or under_way.hash != plan.summary.hash:
        return 0
    return settled(ledger.counts(under_way.number))


def _ledger(concern: str | None) -> Iterator[Refusal]:
    if concern:
        yield Refusal(fault=concern, remedy="put that right first; an import names the ways")


def _exit_code(plan: PlanFolder, verdict: Verdict, concern: str | None) -> ExitCode:
    if concern:
        return ExitCode.LEDGER
    if verdict.readiness is Readiness.NOT_READY:
        return ExitCode.INPUT
    left_out = plan.summary.conservation.rejects or plan.summary.skipped_files
    return ExitCode.INCOMPLETE if left_out else ExitCode.OK


def _outlook(job_file: JobFile, plan: PlanFolder) -> Outlook:
    replay, latency_seconds = job_file.job.replay, job_file.job.plan.latency_seconds
    messages, longest = plan.summary.conservation.planned, plan.summary.longest_lane
    rate = replay.rate.per_second
    bounds = forecast(
        messages=messages, longest_lane=longest, rate_per_second=rate, latency_seconds=latency_seconds
    )
    most = slowest(
        messages=messages,
        longest_lane=longest,
        rate_per_second=rate,
        latency_seconds=latency_seconds,
        lanes=replay.lanes,
    )
    hours = replay.hours
    return Outlook(
        least_seconds=bounds.seconds,
        most_seconds=most,
        rate_bound_seconds=bounds.rate_bound_seconds,
        lane_bound_seconds=bounds.lane_bound_seconds,
        rate_per_second=rate,
        latency_seconds=latency_seconds,
        lanes_at_once=replay.lanes,
        window=None if hours is None else str(hours),
        nights=None if hours is None else (nights(bounds.seconds, hours), nights(most, hours)),
        earliest_end=_earliest_end(hours, bounds),
    )


def _earliest_end(hours: Window | None, bounds: Forecast) -> str | None:
    if hours is None:
        return None
    end_us = hours.after_us(SYSTEM.wall_us(), bounds.seconds)
    return f"in more than a year, by {hours}" if end_us is None else f"{hours.spoken(end_us)}, by {hours}"
