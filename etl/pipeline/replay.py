"""`etl replay`: the second half of an import. Sends a plan that is there, without reading the input."""

from collections.abc import Callable
from dataclasses import dataclass

from etl.config.load import JobFile
from etl.config.workspace import Workspace
from etl.errors import InputError, UsageError
from etl.model.events import Event, Warned
from etl.model.plan import PlanFolder, PlanSummary
from etl.pipeline.engines import opened_engine
from etl.pipeline.opening import Trust
from etl.pipeline.plans import Plans
from etl.pipeline.prepare import NEW_LEDGER_MARK, planned
from etl.pipeline.refusing import refuse_broken_limits, refuse_unknown_roles
from etl.pipeline.result import ImportResult
from etl.pipeline.run import Begun, replayed
from etl.pipeline.sending import SendWish
from etl.pipeline.shape import request_settings, settings_digest
from etl.plan.order import hash_plan


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

    def choose(space: Workspace, begun: Begun) -> PlanFolder:
        expected = wish.send.expect_plan
        plan = chosen_plan(job_file, space, begun, wish, observe)
        if expected and not plan.summary.hash.startswith(expected):
            raise UsageError(
                f"the plan is {plan.summary.hash[:12]}, not the expected {expected[:12]}",
                hint="leave out --plan, or say --expect-plan as it does",
            )
        _refuse_changed(plan, job_file, wish)
        refuse_broken_limits(plan, job_file, space, begun.ledger)
        refuse_unknown_roles(plan, job_file)
        observe(planned(plan))
        return plan

    with opened_engine(wish.send.cluster, job_file.job) as engine:
        return replayed(job_file, wish.send, choose, trust=wish.trust, observe=observe, engine=engine)


def chosen_plan(
    job_file: JobFile,
    space: Workspace,
    begun: Begun,
    wish: ReplayWish,
    observe: Callable[[Event], None],
) -> PlanFolder:
    """Return the plan to send: one that is under way, or one made of the ledger as it is now.

    Raises:
        UsageError: there is none, more than one is meant, or the ledger has changed since it was made.
    """
    ledger, wanted = begun.ledger, wish.plan or wish.send.expect_plan
    plans = Plans(space, ledger)
    meant = _meant(job_file, plans, wanted)
    under_way = ledger.open_plan()
    marks = _fitting_marks(begun)
    fresh = [summary for summary in meant if summary.ledger_mark in marks]
    open_ones = [summary for summary in meant if under_way is not None and summary.hash == under_way.hash]
    found = [plan for summary in (*fresh, *open_ones)[:1] if (plan := plans.load(summary.hash)) is not None]
    if found:
        if meant[0].hash != found[0].summary.hash and not fresh:
            told = f"{_outgrown(meant[0], begun)}; the older plan {found[0].summary.hash[:12]} "
            observe(Warned(message=f"{told}is finished first: run `{_planning(job_file, wish)}` afterwards"))
        return found[0]
    if wanted and meant:
        raise UsageError(_outgrown(meant[0], begun), hint=_again(job_file, wish))
    named = f"no plan of {job_file.job.source} in {space.shown(space.plans)}"
    what = f" begins with {wanted}" if wanted else " fits the ledger as it is now"
    raise UsageError(f"{named}{what}", hint=f"`{_planning(job_file, wish)}` makes one")


def _planning(job_file: JobFile, wish: ReplayWish) -> str:
    return f"etl plan {job_file.path}{' --sandbox' if wish.send.sandbox else ''}"


def _again(job_file: JobFile, wish: ReplayWish) -> str:
    return (
        f"run `{_planning(job_file, wish)}` again, which plans nothing that was sent, and the replay "
        "that it names"
    )


def _fitting_marks(begun: Begun) -> set[str]:
    """Return the marks of a ledger in which exactly those messages were pending that are pending now."""
    if not begun.ledger.plans():
        return {NEW_LEDGER_MARK}
    now = begun.ledger.mark()
    return {now} if begun.put_back else {now, begun.mark}


def _outgrown(plan: PlanSummary, begun: Begun) -> str:
    """Return why a plan can't be sent any more."""
    if begun.put_back and plan.ledger_mark == begun.mark:
        messages = "1 message" if begun.put_back == 1 else f"{begun.put_back:,} messages"
        return (
            f"plan {plan.hash[:12]} lacks {messages} whose outcome was unknown when it was made, and that "
            'replay.on_uncertain = "resend" has just put back'
        )
    return (
        f"plan {plan.hash[:12]} was made before the ledger last changed: some of its messages may have been "
        "sent since"
    )


def _meant(job_file: JobFile, plans: Plans, wanted: str | None) -> list[PlanSummary]:
    """Return the job's plans that are meant, newest first."""
    ours = [summary for summary in plans.newest_first() if summary.source == job_file.job.source]
    if wanted is None:
        return ours
    meant = [summary for summary in ours if summary.hash.startswith(wanted.lower())]
    if len(meant) > 1:
        raise UsageError(f"{len(meant)} plans begin with {wanted}", hint="name more digits of the hash")
    return meant


def _refuse_changed(plan: PlanFolder, job_file: JobFile, wish: ReplayWish) -> None:
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
            hint=f"set them back, or {_again(job_file, wish)}",
        )
