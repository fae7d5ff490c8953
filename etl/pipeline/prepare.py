"""Files -> plan: what `check` and `import` share up to the first byte (promise P4)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path

from etl.config.load import JobFile
from etl.config.workspace import Workspace
from etl.errors import UsageError
from etl.ledger.interface import Ledger, PlanRecord
from etl.model.events import Event, Planned, Warned
from etl.model.lean import spare_pandas
from etl.model.plan import PlanFolder
from etl.model.schemas import REJECT_SCHEMA
from etl.pipeline.basis import InputFiles
from etl.pipeline.plans import Plans
from etl.pipeline.refusing import refuse_broken_limits, refuse_other_identity
from etl.pipeline.shape import shape
from etl.pipeline.wish import Wish
from etl.plan.fingerprint import digest_of
from etl.plan.lanes import plan_rejects
from etl.report.export import TableFormat, write_file
from etl.source.discover import SourceFile, discover

NEW_LEDGER_MARK = "new"
"""The mark of a ledger in which no plan was ever started, or that does not exist yet."""

_SHOWN_FILES = 5


def prepare(
    job_file: JobFile,
    workspace: Workspace,
    ledger: Ledger | None,
    wish: Wish,
    observe: Callable[[Event], None],
) -> PlanFolder:
    """Return the plan for the job's input: one that exists already, or a new one.

    A plan is used again when input, settings and ledger are the same as when it was made, or when it is
    the one under way.

    Raises:
        InputError: the input can't be read, or breaks a limit of `[validate]`.
        UsageError: as `draft`.
    """
    plan = draft(job_file, workspace, ledger, wish, observe)
    refuse_broken_limits(plan, job_file, workspace, ledger)
    return plan


def draft(
    job_file: JobFile,
    workspace: Workspace,
    ledger: Ledger | None,
    wish: Wish,
    observe: Callable[[Event], None],
) -> PlanFolder:
    """Return the plan as `prepare` does, whatever limits it breaks.

    Raises:
        InputError: the input can't be read.
        UsageError: the plan is not the expected one; or an unfinished plan, or one made under another
            identity, stands in the way.
    """
    spare_pandas()
    with ThreadPoolExecutor(max_workers=1) as beside:
        # Hashing files leaves the interpreter to others: meanwhile it loads what makes plans.
        loading = beside.submit(import_module, "etl.pipeline.build")
        files = InputFiles(first=_discover(job_file, wish, observe), second=_second_files(job_file))
    loading.result()
    fingerprint = digest_of({**shape(job_file, wish), "files": files.digests})
    mark = ledger.mark() if ledger and ledger.plans() else NEW_LEDGER_MARK
    under_way = ledger.open_plan() if ledger else None
    plans = Plans(workspace, ledger)
    plan = _existing(plans, fingerprint, mark, under_way)
    if plan is None:
        refuse_other_identity(job_file, ledger, wish)
        from etl.pipeline.build import Build  # noqa: PLC0415  see above

        plan = Build(job_file, workspace, ledger, wish, observe).build(files, fingerprint, mark, under_way)
    _write_rejects(plan)
    plans.publish(plan)
    if wish.expect_plan and not plan.summary.hash.startswith(wish.expect_plan):
        raise UsageError(
            f"the plan is {plan.summary.hash[:12]}, not the expected {wish.expect_plan[:12]}",
            hint="input, job or ledger changed since the check; run `etl check` again and read its report",
        )
    observe(planned(plan))
    return plan


def planned(plan: PlanFolder) -> Event:
    """Return what observers are told of a plan that is there."""
    counts = plan.summary.conservation
    return Planned(
        plan=plan.summary.hash,
        messages=counts.planned,
        lanes=plan.summary.lanes,
        rejects=counts.rejects,
    )


def _discover(job_file: JobFile, wish: Wish, observe: Callable[[Event], None]) -> tuple[SourceFile, ...]:
    if not (wish.files or job_file.job.input.files):
        raise UsageError("no input: name files on the command line or in `input.files`")
    others: list[str] = []
    files = discover(
        wish.files or job_file.job.input.files,
        base=Path() if wish.files else job_file.folder,
        pass_over=others.append,
    )
    if others:
        shown = ", ".join(others[:_SHOWN_FILES])
        more = f" and {len(others) - _SHOWN_FILES:,} more" if len(others) > _SHOWN_FILES else ""
        observe(
            Warned(
                message=f"passed over, as by its name no data: {shown}{more}; "
                "to read a file, name it in `[input] files`",
            ),
        )
    return files


def _second_files(job_file: JobFile) -> dict[tuple[str, ...], tuple[SourceFile, ...]]:
    job = job_file.job
    patterns = [table.files for table in job.join] + [table.files for table in job.opening]
    return {files: discover(files, base=job_file.folder) for files in patterns}


def _existing(
    plans: Plans,
    fingerprint: str,
    mark: str,
    under_way: PlanRecord | None,
) -> PlanFolder | None:
    if under_way is not None and under_way.fingerprint == fingerprint:
        plan = plans.load(under_way.hash)
        if plan is not None:
            return plan
    return plans.find(fingerprint=fingerprint, ledger_mark=mark)


def _write_rejects(plan: PlanFolder) -> None:
    """Write the rejects for people, unless they are there: a kill may have come between plan and file."""
    if not plan.rejects_csv.exists():
        write_file(plan_rejects(plan), REJECT_SCHEMA, plan.rejects_csv, table_format=TableFormat.CSV)
