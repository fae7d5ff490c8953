"""`etl replay`: the second half of an import. Sends a plan that is there, without reading the input."""

from collections.abc import Callable
from dataclasses import dataclass

from etl.config.load import JobFile
from etl.config.workspace import Workspace
from etl.errors import InputError, UsageError
from etl.ledger.interface import Ledger
from etl.model.events import Event, Planned
from etl.model.plan import PlanFolder, PlanSummary
from etl.pipeline.engines import opened_engine
from etl.pipeline.opening import Trust
from etl.pipeline.plans import Plans
from etl.pipeline.prepare import NEW_LEDGER_MARK
from etl.pipeline.refusing import refuse_broken_limits, refuse_unknown_roles
from etl.pipeline.result import ImportResult
from etl.pipeline.run import replayed
from etl.pipeline.sending import SendWish
from etl.pipeline.shape import request_settings, settings_digest
from etl.plan.order import hash_plan

AGAIN = "run `etl plan` again (what was sent is not planned again), then `etl replay`"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayWish:
    """What the command line asks of a replay beyond the job file."""

    send: SendWish
    plan: str | None = None
    """The hash, or its beginning; otherwise the newest plan that fits the ledger, or the one under way."""
    trust: Trust = Trust.REMEMBERED


def run_replay(job_file: JobFile, wish: ReplayWish, observe: Callable[[Event], None]) -> ImportResult:
    """Send what is left of a plan.

    Raises:
        EtlError: nothing was sent that the ledger does not hold.
    """

    def choose(space: Workspace, ledger: Ledger) -> PlanFolder:
        plan = chosen_plan(job_file, space, ledger, wish.plan)
        expected = wish.send.expect_plan
        if expected and not plan.summary.hash.startswith(expected):
            raise UsageError(
                f"the plan is {plan.summary.hash[:12]}, not the expected {expected[:12]}",
                hint=f"to send the expected one if it still fits: --plan {expected[:12]}; or {AGAIN}",
            )
        _refuse_changed(plan, job_file)
        refuse_broken_limits(plan, job_file, space, ledger)
        refuse_unknown_roles(plan, job_file)
        counts = plan.summary.conservation
        observe(
            Planned(
                plan=plan.summary.hash,
                messages=counts.planned,
                lanes=plan.summary.lanes,
                rejects=counts.rejects,
            ),
        )
        return plan

    with opened_engine(wish.send.cluster, job_file.job) as engine:
        return replayed(job_file, wish.send, choose, trust=wish.trust, observe=observe, engine=engine)


def chosen_plan(job_file: JobFile, space: Workspace, ledger: Ledger, wanted: str | None) -> PlanFolder:
    """Return the plan to send: one that is under way, or one made of the ledger as it is now.

    Raises:
        UsageError: there is none, more than one is meant, or the ledger has changed since it was made.
    """
    plans = Plans(space, ledger)
    meant = _meant(job_file, plans, wanted)
    under_way = ledger.open_plan()
    mark = ledger.mark() if ledger.plans() else NEW_LEDGER_MARK
    fresh = [summary for summary in meant if summary.ledger_mark == mark]
    open_ones = [summary for summary in meant if under_way is not None and summary.hash == under_way.hash]
    found = [plan for summary in (*fresh, *open_ones)[:1] if (plan := plans.load(summary.hash)) is not None]
    if found:
        return found[0]
    if wanted and meant:
        raise UsageError(
            f"plan {meant[0].hash[:12]} was made before the ledger last changed: some of its "
            "messages may have been sent since",
            hint=AGAIN,
        )
    named = f"no plan of {job_file.job.source} in {space.shown(space.plans)}"
    what = f" begins with {wanted}" if wanted else " fits the ledger as it is now"
    raise UsageError(f"{named}{what}", hint="`etl plan JOB` makes one")


def _meant(job_file: JobFile, plans: Plans, wanted: str | None) -> list[PlanSummary]:
    """Return the job's plans that are meant, newest first."""
    ours = [summary for summary in plans.newest_first() if summary.source == job_file.job.source]
    if wanted is None:
        return ours
    meant = [summary for summary in ours if summary.hash.startswith(wanted.lower())]
    if len(meant) > 1:
        raise UsageError(f"{len(meant)} plans begin with {wanted}", hint="name more digits of the hash")
    return meant


def _refuse_changed(plan: PlanFolder, job_file: JobFile) -> None:
    """Refuse a plan whose hash no longer covers what would be sent: files changed, or settings."""
    try:
        now = hash_plan(plan.messages, plan.lanes, request_settings(job_file.job))
    except (OSError, ValueError) as error:
        raise InputError(
            f"plan {plan.path} can't be read: {type(error).__name__}",
            hint="delete that folder; `etl plan` makes the plan anew",
        ) from error
    if now != plan.summary.hash or settings_digest(job_file) != plan.summary.settings:
        raise UsageError(
            f"plan {plan.summary.hash[:12]} is not what would be sent now: the job's settings, or the plan's "
            "files, have changed since it was made",
            hint=f"set them back, or {AGAIN}",
        )
