"""One new plan: the input staged, every message decided, and the plan's folder written."""

from collections.abc import Callable
from typing import Final

from etl.config.load import JobFile
from etl.config.workspace import Workspace
from etl.ledger.interface import Ledger, PlanRecord
from etl.model.events import Event
from etl.model.plan import PlanFolder
from etl.model.states import State
from etl.pipeline.basis import InputFiles, basis_of
from etl.pipeline.plans import Plans
from etl.pipeline.shape import identity_of, request_settings, settings_digest
from etl.pipeline.staging import InputStage, decision_rules
from etl.pipeline.stored import remove_left
from etl.pipeline.unfinished import Unfinished
from etl.pipeline.wish import Wish
from etl.plan.order import decide
from etl.plan.stage import Staging
from etl.plan.store import building
from etl.plan.writing import write_plan

_SMALL_INPUT_ROWS: Final = 200_000
"""Of so many the ledger is asked about each; beyond that all that it knows is compared in one pass."""


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
        names = {
            "fingerprint": fingerprint,
            "identity": identity_of(self._job_file),
            "source": self._job.source,
            "ledger_mark": mark,
            "settings": settings_digest(self._job_file),
        }
        unfinished = self._unfinished(under_way)
        if self._wish.workers is None:
            return self._build_here(files, names, unfinished)
        if unfinished is not None and unfinished.plan is None:
            unfinished.carries(unfinished.unsent(self._ledger))  # refuses, before anything is read
        from etl.pipeline.clustered import ClusterBuild, Draft  # noqa: PLC0415  most plans need no workers

        draft = Draft(
            files=files,
            names=names,
            settings=request_settings(self._job),
            unfinished=unfinished,
        )
        workers, observe = self._wish.workers, self._observe
        return ClusterBuild(self._job_file, self._workspace, self._ledger, workers, observe).build(draft)

    def _build_here(
        self, files: InputFiles, names: dict[str, str], unfinished: Unfinished | None
    ) -> PlanFolder:
        remove_left(self._workspace)
        with (
            building(self._workspace.plans) as folder,
            Staging(
                folder, memory_limit_mb=self._job.plan.memory_limit_mb, source=self._job.source
            ) as staging,
        ):
            basis = basis_of(self._job)
            InputStage(self._job_file, staging, folder, self._observe, basis).stage(files)
            if self._ledger is not None:
                # An unfinished plan's messages, too, are compared with what the ledger knows.
                wanted = staging.wanted(most=_SMALL_INPUT_ROWS) if unfinished is None else None
                for batch in self._ledger.touched(wanted):
                    staging.add_touched(batch)
            if unfinished is not None:
                self._settle(unfinished, staging)
            ordered = decide(staging, **decision_rules(self._job))
            return write_plan(
                folder,
                staging,
                ordered,
                settings=request_settings(self._job),
                names=names,
                made_at_us=basis.now_us,
            )

    def _unfinished(self, under_way: PlanRecord | None) -> Unfinished | None:
        policy = self._wish.unfinished or self._job.plan.unfinished
        if under_way is None or policy == "drop" or self._is_finished(under_way):
            return None
        plans = Plans(self._workspace, self._ledger)
        plan = plans.load(under_way.hash)
        return Unfinished(record=under_way, folder=plans.place(under_way.hash), plan=plan, policy=policy)

    def _is_finished(self, plan: PlanRecord) -> bool:
        """Return whether no message of a plan is still to be sent."""
        counts = self._ledger.counts(plan.number) if self._ledger else {}
        return sum(counts.values()) - counts.get(State.PENDING, 0) == plan.messages

    def _settle(self, unfinished: Unfinished, staging: Staging) -> None:
        plan = unfinished.plan
        left = unfinished.unsent(self._ledger) if plan is None else staging.left_behind(plan)
        if unfinished.carries(left) and plan is not None:
            staging.carry(plan)
