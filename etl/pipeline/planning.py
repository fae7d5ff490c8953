"""`etl plan`: the first half of an import. Reads the input, makes the plan, sends nothing."""

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass

from etl.config.load import JobFile
from etl.config.workspace import Workspace, workspace
from etl.errors import ExitCode
from etl.ledger.interface import Ledger
from etl.model.events import Event, Finished, Warned
from etl.model.plan import PlanFolder
from etl.pipeline.depots import make_ready
from etl.pipeline.opening import ledger_concern, place_of
from etl.pipeline.prepare import prepare
from etl.pipeline.refusing import refuse_unknown_roles
from etl.pipeline.standings import PlanStates, plan_states
from etl.pipeline.wish import Wish
from etl.plan.forecast import Forecast, forecast
from etl.replay.lane import blocking_states


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanResult:
    """The plan that a replay would send."""

    plan: PlanFolder
    space: Workspace
    states: PlanStates
    """How it stands; of a new one all messages are pending."""
    forecast: Forecast
    """Of what is pending."""
    rate_per_second: float
    exit_code: ExitCode


def run_plan(job_file: JobFile, wish: Wish, *, sandbox: bool, observe: Callable[[Event], None]) -> PlanResult:
    """Make or find the plan that an import would send now.

    Raises:
        EtlError: an import would refuse this input, for the same reason.
    """
    job = job_file.job
    space = workspace(job_file.state, job.target, sandbox=sandbox, ledger=job_file.job.ledger)
    make_ready(space)
    ledger = place_of(space).read()
    with closing(ledger) if ledger else nullcontext():
        problem = ledger_concern(space, ledger)
        if problem:
            observe(Warned(message=f"a replay would refuse: {problem}"))
        plan = prepare(job_file, space, ledger, wish, observe)
        refuse_unknown_roles(plan, job_file)
        states = _states(job_file, ledger, plan)
    least = forecast(
        messages=states.pending,
        longest_lane=min(plan.summary.longest_lane, states.pending),
        rate_per_second=job.replay.rate.per_second,
        latency_seconds=job.plan.latency_seconds,
    )
    left_out = plan.summary.conservation.rejects or plan.summary.skipped_files
    result = PlanResult(
        plan=plan,
        space=space,
        states=states,
        forecast=least,
        rate_per_second=job.replay.rate.per_second,
        exit_code=ExitCode.INCOMPLETE if left_out else ExitCode.OK,
    )
    observe(Finished(exit_code=result.exit_code, counts=asdict(states), report=None))
    return result


def _states(job_file: JobFile, ledger: Ledger | None, plan: PlanFolder) -> PlanStates:
    under_way = ledger.open_plan() if ledger else None
    if ledger is None or under_way is None or under_way.hash != plan.summary.hash:
        planned = plan.summary.conservation.planned
        return PlanStates(accepted=0, rejected=0, uncertain=0, skipped=0, held=0, pending=planned)
    blocking = blocking_states(hold_rejected=job_file.job.replay.on_rejected == "hold")
    return plan_states(ledger, under_way.number, plan, blocking=blocking)
