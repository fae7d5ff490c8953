"""What an import did, and how it ends."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from etl.config.workspace import Workspace
from etl.errors import ExitCode
from etl.model.plan import PlanFolder, PlanSummary
from etl.model.states import State
from etl.pipeline.standings import PlanStates
from etl.replay.conversations import Conversations
from etl.replay.stop import StopKind, StopReason
from etl.report.summary import plan_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """The one user that was sent before the rest."""

    lane: str
    messages: int
    """Of that user in the plan."""
    pending: int
    """Of all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import did and how its plan stands now."""

    plan: PlanFolder
    space: Workspace
    states: PlanStates
    sent: dict[str, int]
    """Messages settled by this run, by state."""
    seconds: float
    recovered: int
    """Messages whose outcome a killed run left unknown."""
    stop: StopReason | None
    canary: Canary | None
    conversations: Conversations
    allowed_per_second: float
    learned_per_second: float | None
    """The pace that the next run begins with, when it is below the allowed one."""
    ledger: str
    report: Path | None
    """As JSON; None: it could not be written, which changes nothing of what was sent."""
    page: Path | None
    """The same report for people."""
    rejects_file: Path
    sandbox_store: Path | None
    exit_code: ExitCode

    def as_json(self) -> dict[str, Any]:
        """Return the result for machines: what --json prints."""
        return {
            "plan": plan_json(self.plan.summary),
            "target": self.space.target,
            "states": asdict(self.states),
            "sent": self.sent,
            "pace": {
                "allowed_per_second": self.allowed_per_second,
                "learned_per_second": self.learned_per_second,
            },
            "report": self.space.shown(self.report) if self.report else None,
            "page": self.space.shown(self.page) if self.page else None,
            **self.command_json(),
        }

    def command_json(self) -> dict[str, Any]:
        """Return what neither plan nor ledger knows: the run report's `command`."""
        return {
            "seconds": self.seconds,
            "recovered": self.recovered,
            "stop": asdict(self.stop) if self.stop else None,
            "canary": asdict(self.canary) if self.canary else None,
            "conversations": {
                "compared": self.conversations.compared,
                "merged": self.conversations.merged,
                "split": self.conversations.split,
            },
            "ledger": self.ledger,
            "rejects_file": self.space.shown(self.rejects_file),
            "sandbox_store": str(self.sandbox_store) if self.sandbox_store else None,
            "exit_code": int(self.exit_code),
        }


EXIT_CODES: Final[dict[StopKind, ExitCode]] = {
    StopKind.INTERRUPTED: ExitCode.INTERRUPTED,
    StopKind.TERMINATED: ExitCode.TERMINATED,
    StopKind.REFUSED: ExitCode.REFUSED,
    StopKind.BREAKER: ExitCode.REFUSED,
    StopKind.BOT_REPLIED: ExitCode.REFUSED,
    StopKind.UNREACHABLE: ExitCode.LATER,
    StopKind.THROTTLED: ExitCode.LATER,
    StopKind.FAILING: ExitCode.LATER,
    StopKind.WINDOW_CLOSED: ExitCode.LATER,
    # A planned end is no error and not the API's word: its code is that of "not everything is accepted yet".
    StopKind.MAX_DURATION: ExitCode.INCOMPLETE,
    StopKind.MAX_MESSAGES: ExitCode.INCOMPLETE,
    StopKind.MAX_ERRORS: ExitCode.INCOMPLETE,
    StopKind.CANARY: ExitCode.INCOMPLETE,
    StopKind.CLUSTER_LOST: ExitCode.LATER,
    StopKind.ABORTED: ExitCode.DEFECT,
}

_PLANNED: Final = frozenset(
    {StopKind.WINDOW_CLOSED, StopKind.MAX_DURATION, StopKind.MAX_MESSAGES, StopKind.MAX_ERRORS},
)
"""Ends that a person set: they don't matter when nothing is left to send."""


def exit_code(states: PlanStates, plan: PlanSummary, *, stop: StopReason | None, trial: bool) -> ExitCode:
    """Return how an import ends. Pure."""
    if stop is not None and (states.pending or stop.kind not in _PLANNED):
        return EXIT_CODES[stop.kind]
    if trial:
        states = replace(states, pending=0)
    doubt = plan.known_by_state.get(State.UNCERTAIN.value, 0)
    left_out = plan.conservation.rejects or plan.skipped_files
    complete = states.complete and not left_out and not doubt
    return ExitCode.OK if complete else ExitCode.INCOMPLETE
