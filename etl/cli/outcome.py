"""What people read when an import ends."""

import shlex
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from etl.cli import options
from etl.errors import ExitCode
from etl.model.states import State
from etl.pipeline.result import Canary, ImportResult
from etl.replay.stop import StopKind
from etl.report.summary import duration, learned, plan_lines, states_line


def result_lines(result: ImportResult, job: Path) -> list[str]:
    """Return the whole summary, the next command to type last."""
    return [
        *plan_lines(result.plan.summary),
        *_run_lines(result),
        *_pace_lines(result),
        *_place_lines(result),
        f"result   {_verdict(result)}",
        *_next_lines(result, job),
    ]


def canary_lines(canary: Canary) -> list[str]:
    """Return whom to look up, and what to look at."""
    return [
        f"canary   user {canary.lane}, {canary.messages:,} messages: look the user up in the Inbox",
        "         Is the order right? Are the times the original ones? Can you tell who wrote what?",
        "         Do conversations begin where you expect it? Did the bot keep silent?",
    ]


def _run_lines(result: ImportResult) -> list[str]:
    lines: list[str] = []
    if result.recovered:
        lines.append(
            f"a run was killed with {result.recovered:,} in flight: outcome unknown, so uncertain",
        )
    sent = sum(result.sent.values())
    if sent:
        pace = f" ({sent / result.seconds:.1f}/s)" if result.seconds else ""
        lines.append(f"this run {states_line(result.sent)} in {duration(result.seconds)}{pace}")
    else:
        lines.append("this run sent nothing")
    lines.append(f"plan now {states_line(asdict(result.states))}")
    if result.stop:
        lines.append(f"stopped  {result.stop.message}")
    if result.canary and _ended_at_canary(result):
        lines += canary_lines(result.canary)
    return lines


def _pace_lines(result: ImportResult) -> list[str]:
    lines: list[str] = []
    if result.learned_per_second:
        lines.append(f"pace     {learned(result.learned_per_second, result.allowed_per_second)}")
    contradictions = result.conversations.report()
    if contradictions:
        lines.append(f"warning  {contradictions}")
    return lines


def _place_lines(result: ImportResult) -> list[str]:
    page = result.space.shown(result.page) if result.page else "could not be written"
    lines = [f"ledger   {result.ledger}", f"report   {page}"]
    if result.plan.summary.conservation.rejects:
        lines.append(f"rejects  {result.space.shown(result.rejects_file)}")
    if result.sandbox_store:
        lines.append(f"sandbox  {result.sandbox_store}")
        shown = shlex.quote(str(result.sandbox_store))
        lines.append(f"inbox    etl sandbox --store {shown}   (then open the link that it prints)")
    return lines


def _next_lines(result: ImportResult, job: Path) -> list[str]:
    typed = options.typed(job, sandbox=result.sandbox_store is not None)
    if result.states.uncertain:
        return [f"next     etl status {typed}   (what is uncertain, and how to settle it)"]
    if _ended_at_canary(result):
        return ["next     the same command without --canary sends the rest"]
    if result.states.pending:
        return ["next     the same command goes on"]
    if result.states.held:
        return [f"next     etl status {typed}   (what holds the others, and how to settle it)"]
    return []


def _ended_at_canary(result: ImportResult) -> bool:
    return result.stop is not None and result.stop.kind is StopKind.CANARY


def _verdict(result: ImportResult) -> str:
    if result.exit_code is ExitCode.OK:
        return "complete" if not result.states.pending else "the trial is complete"
    why = result.exit_code.meaning
    if result.exit_code is ExitCode.INCOMPLETE:
        why = ", ".join(_missing(result)) or why
    return f"not complete: {why} (exit code {result.exit_code.value})"


def _missing(result: ImportResult) -> Iterator[str]:
    """Yield what keeps a plan from being complete, most pressing first."""
    plan, states = result.plan.summary, result.states
    doubt = plan.known_by_state.get(State.UNCERTAIN.value, 0)
    for count, what in (
        (states.uncertain, "uncertain"),
        (doubt, "uncertain since an earlier plan"),
        (states.rejected, "rejected"),
        (states.held, "held"),
        (states.pending, "pending"),
        (plan.conservation.rejects, "of the input's rows are rejects"),
        (len(plan.skipped_files), "of its files left out"),
    ):
        if count:
            yield f"{count:,} {what}"
