"""What of a plan or its settings stands in the way of sending."""

from collections.abc import Iterator

from etl.config.load import JobFile
from etl.config.workspace import Workspace
from etl.errors import InputError, UsageError
from etl.ledger.interface import Ledger
from etl.model.plan import PlanFolder
from etl.pipeline.plans import Plans
from etl.pipeline.shape import identity_of
from etl.pipeline.wish import Wish
from etl.plan.lanes import plan_rejects
from etl.report.thresholds import needs_insight, refusals
from etl.report.unknown import unknown_roles


def refuse_broken_limits(
    plan: PlanFolder, job_file: JobFile, space: Workspace, ledger: Ledger | None
) -> None:
    """Refuse to send a plan that breaks a limit of `[validate]`.

    Raises:
        InputError: naming each limit, and what to do.
    """
    job = job_file.job
    insight = None
    if needs_insight(job.validate_):
        # Nobody pays for a look over the plan that no limit needs, nor for loading what looks.
        from etl.pipeline.looking import insight_of  # noqa: PLC0415

        insight = insight_of(plan, job, Plans(space, ledger))
    broken = refusals(plan.summary, insight, job.validate_)
    if broken:
        raise InputError(
            f"{'; '.join(one.fault for one in broken)}; nothing is sent",
            hint="; ".join([*(one.remedy for one in broken), *_rejects_place(plan, space)]),
        )


def _rejects_place(plan: PlanFolder, space: Workspace) -> Iterator[str]:
    if plan.summary.conservation.rejects:
        yield f"each reject with file and line: {space.shown(plan.rejects_csv)}"


def refuse_other_identity(job_file: JobFile, ledger: Ledger | None, wish: Wish) -> None:
    """Refuse to plan under settings that would not recognise what was sent under others.

    Raises:
        UsageError: the ledger holds such messages of this source, and nobody said --new-identity.
    """
    if ledger is None or wish.new_identity:
        return
    identity = identity_of(job_file)
    others = [
        plan for plan in ledger.plans() if plan.source == job_file.job.source and plan.identity != identity
    ]
    if others:
        raise UsageError(
            f"settings that decide what a message is have changed since plan {others[-1].hash[:12]}: "
            "messages that were sent then would not be recognised and would be sent again",
            hint="set them back (lane, id column, time zone, text settings), or, if nothing of this input "
            "was sent under the old ones, say --new-identity",
        )


def refuse_unknown_roles(plan: PlanFolder, job_file: JobFile) -> None:
    """Refuse to send anything while the job does not name every role that the input holds.

    Raises:
        InputError: listing the values and how many rows each has, if `roles.unknown = "stop"`.
    """
    if job_file.job.roles.unknown == "reject":
        return
    values = unknown_roles(plan_rejects(plan))
    if values:
        listed = ", ".join(f"{value} ({count:,} rows)" for value, count in list(values.items())[:20])
        raise InputError(
            f"roles that the job does not name: {listed}; nothing is sent",
            hint='name each under `[roles]`, if only under skip; or set roles.unknown = "reject"',
        )
