"""One new plan: the input staged, every message decided, and the plan's folder written."""

from collections.abc import Callable

from etl.clock import SYSTEM
from etl.config.load import JobFile
from etl.config.workspace import Workspace
from etl.errors import UsageError
from etl.ledger.interface import Ledger, PlanRecord
from etl.model.events import Event
from etl.model.plan import PlanFolder
from etl.pipeline.shape import identity_of, request_settings, settings_digest
from etl.pipeline.staging import InputFiles, InputStage
from etl.pipeline.wish import Wish
from etl.plan.insight import Question
from etl.plan.order import decide
from etl.plan.stage import Staging
from etl.plan.store import building, load_plan, plan_path, write_plan


class Build:
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
                "identity": identity_of(self._job_file),
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
        elif left and old is None:
            raise UsageError(
                f"plan {under_way.hash[:12]} is unfinished, {left} of its messages were not sent yet, and "
                f"its folder is not here: {plan_path(self._workspace.plans, under_way.hash)}",
                hint="use the state folder in which it was made, which several machines may share; or say "
                "--unfinished drop (they can be imported later, but not before newer ones)",
            )
        elif left:
            raise UsageError(
                f"plan {under_way.hash[:12]} is unfinished: {left} of its messages were not sent yet and "
                "are not in this input",
                hint="finish it with its own files first; or say --unfinished carry (send them too, in "
                "order) or --unfinished drop (they can be imported later, but not before newer ones)",
            )
