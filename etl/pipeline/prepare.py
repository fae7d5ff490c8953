"""Files -> plan: what `check` and `import` share up to the first byte (promise P4)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.clock import SYSTEM
from etl.config.job import Job
from etl.config.load import JobFile
from etl.config.workspace import Workspace
from etl.errors import InputError, UsageError
from etl.ledger.interface import Ledger, PlanRecord
from etl.model.events import Event, Planned, Warned
from etl.model.lean import spare_pandas
from etl.model.plan import PlanFolder
from etl.model.schemas import REJECT_SCHEMA
from etl.normalize.identity import identity_settings
from etl.pipeline.staging import InputFiles, InputStage, pseudonym_key
from etl.plan.fingerprint import PLAN_VERSION, digest_of
from etl.plan.insight import Question
from etl.plan.lanes import plan_rejects
from etl.plan.order import decide
from etl.plan.stage import Staging
from etl.plan.store import building, find_plan, load_plan, plan_path, write_plan
from etl.report.export import TableFormat, write_file
from etl.report.thresholds import refusals
from etl.report.unknown import unknown_roles
from etl.source.discover import SourceFile, discover

NEW_LEDGER_MARK = "new"
"""The mark of a ledger in which no plan was ever started, or that does not exist yet."""

_SHOWN_FILES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command line asks beyond the job file."""

    files: tuple[str, ...] = ()
    """Instead of the job's, relative to the current folder."""
    unfinished: str | None = None
    """Instead of `plan.unfinished`."""
    new_identity: bool = False
    """Plan although messages sent under other settings will not be recognised."""
    expect_plan: str | None = None
    """Refuse any plan whose hash does not begin so."""


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
    refuse_broken_limits(plan, job_file)
    return plan


def refuse_broken_limits(plan: PlanFolder, job_file: JobFile) -> None:
    """Refuse to send a plan that breaks a limit of `[validate]`.

    Raises:
        InputError: naming each limit, and what to do.
    """
    broken = refusals(plan.summary, job_file.job.validate_)
    if broken:
        raise InputError(
            f"{'; '.join(one.fault for one in broken)}; nothing is sent",
            hint="; ".join([*(one.remedy for one in broken), *_rejects_place(plan)]),
        )


def _rejects_place(plan: PlanFolder) -> Iterator[str]:
    if plan.summary.conservation.rejects:
        yield f"each reject with file and line: {plan.rejects_csv}"


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
    files = InputFiles(first=_discover(job_file, wish, observe), second=_second_files(job_file))
    fingerprint = digest_of({**_shape(job_file, wish), "files": files.digests})
    mark = ledger.mark() if ledger and ledger.plans() else NEW_LEDGER_MARK
    under_way = ledger.open_plan() if ledger else None
    plan = _existing(workspace, fingerprint, mark, under_way)
    if plan is None:
        _refuse_other_identity(job_file, ledger, wish)
        plan = _Build(job_file, workspace, ledger, wish, observe).build(files, fingerprint, mark, under_way)
    _write_rejects(plan)
    if wish.expect_plan and not plan.summary.hash.startswith(wish.expect_plan):
        raise UsageError(
            f"the plan is {plan.summary.hash[:12]}, not the expected {wish.expect_plan[:12]}",
            hint="input, job or ledger changed since the check; run `etl check` again and read its report",
        )
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


def request_settings(job: Job) -> dict[str, Any]:
    """Return the settings that shape a request beside its message; a plan's hash covers them."""
    message = job.message.model_dump(mode="json", exclude={"session_expiration_minutes"})
    return {"url": job.target.url, **message}


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


def _shape(job_file: JobFile, wish: Wish) -> dict[str, Any]:
    """Return the settings and words that decide which messages come out of the same files."""
    job = job_file.job
    settings = job.model_dump(
        mode="json",
        exclude={
            "input": {"files"},
            "message": {"session_expiration_minutes"},
            "target": True,
            "state": True,
            "replay": True,
            "plan": True,
            "validate_": True,
            "notify": True,
            "metrics": True,
        },
    )
    return {
        **settings,
        "expiration_minutes": job.message.session_expiration_minutes,  # of the preview in the plan
        "late": job.replay.late,
        "url": job.target.url,
        "unfinished": wish.unfinished or job.plan.unfinished,
        "new_identity": wish.new_identity,
        "plan_version": PLAN_VERSION,
    }


def settings_digest(job_file: JobFile) -> str:
    """Return the digest of the job's settings that decide which messages come out of the same files."""
    return digest_of(_shape(job_file, Wish()))


def _existing(
    workspace: Workspace,
    fingerprint: str,
    mark: str,
    under_way: PlanRecord | None,
) -> PlanFolder | None:
    if under_way is not None and under_way.fingerprint == fingerprint:
        plan = load_plan(plan_path(workspace.plans, under_way.hash))
        if plan is not None and plan.summary.hash == under_way.hash:
            return plan
    return find_plan(workspace.plans, fingerprint=fingerprint, ledger_mark=mark)


def _identity(job_file: JobFile) -> str:
    return digest_of(identity_settings(job_file.job, key=pseudonym_key(job_file.job)))


def _refuse_other_identity(job_file: JobFile, ledger: Ledger | None, wish: Wish) -> None:
    if ledger is None or wish.new_identity:
        return
    identity = _identity(job_file)
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


def _write_rejects(plan: PlanFolder) -> None:
    """Write the rejects for people, unless they are there: a kill may have come between plan and file."""
    if not plan.rejects_csv.exists():
        write_file(plan_rejects(plan), REJECT_SCHEMA, plan.rejects_csv, table_format=TableFormat.CSV)


class _Build:
    """One plan in the making."""

    def __init__(
        self,
        job_file: JobFile,
        workspace: Workspace,
        ledger: Ledger | None,
        wish: Wish,
        observe: Callable[[Event], None],
    ) -> None:
        self._job_file = job_file
        self._job = job_file.job
        self._workspace = workspace
        self._ledger = ledger
        self._wish = wish
        self._observe = observe

    def build(
        self,
        files: InputFiles,
        fingerprint: str,
        mark: str,
        under_way: PlanRecord | None,
    ) -> PlanFolder:
        """Read everything, decide, and write the plan with its rejects."""
        with (
            building(self._workspace.plans) as folder,
            Staging(
                folder, memory_limit_mb=self._job.plan.memory_limit_mb, source=self._job.source
            ) as staging,
        ):
            InputStage(self._job_file, staging, folder, self._observe).stage(files)
            if self._ledger is not None:
                for batch in self._ledger.touched():
                    staging.add_touched(batch)
            if under_way is not None:
                self._settle_unfinished(under_way, staging)
            names = {
                "fingerprint": fingerprint,
                "identity": _identity(self._job_file),
                "source": self._job.source,
                "ledger_mark": mark,
                "settings": settings_digest(self._job_file),
            }
            settings = request_settings(self._job)
            ordered = decide(
                staging,
                reject_late=self._job.replay.late == "reject",
                rows_split=self._job.text.too_long == "split" and self._job.input.transcript is None,
            )
            question = Question(
                expiration_minutes=self._job.message.session_expiration_minutes,
                placeholders=self._job.users.placeholders,
                now_us=SYSTEM.wall_us(),
            )
            return write_plan(
                folder,
                staging,
                ordered,
                settings=settings,
                names=names,
                question=question,
            )

    def _settle_unfinished(self, under_way: PlanRecord, staging: Staging) -> None:
        """Decide what becomes of an earlier plan's unsent messages: none may vanish unnoticed."""
        policy = self._wish.unfinished or self._job.plan.unfinished
        if policy == "drop":
            return
        old = load_plan(plan_path(self._workspace.plans, under_way.hash))
        if old is None:
            stored = sum(self._ledger.counts(under_way.number).values()) if self._ledger else 0
            left = under_way.messages - stored
        else:
            left = staging.left_behind(old)
        if left and policy == "carry" and old is not None:
            staging.carry(old)
        elif left:
            raise UsageError(
                f"plan {under_way.hash[:12]} is unfinished: {left} of its messages were not sent yet and "
                "are not in this input",
                hint="finish it with its own files first; or say --unfinished carry (send them too, in "
                "order) or --unfinished drop (they can be imported later, but not before newer ones)",
            )
