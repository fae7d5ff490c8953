"""Summaries as JSON and as lines of text. Pure; every number comes from a plan or the ledger."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from etl.model.insight import Insight
from etl.model.plan import PlanSummary
from etl.model.rejects import RejectCode, SkipReason
from etl.report.validation import RejectLine


def duration(seconds: float) -> str:
    """Return a duration that people can read, such as `2 h 05 min` or `8 s`."""
    whole = round(seconds)
    days, hours, minutes = whole // 86_400, whole % 86_400 // 3_600, whole % 3_600 // 60
    if days:
        return f"{days} d {hours:02} h"
    if hours:
        return f"{hours} h {minutes:02} min"
    if minutes:
        return f"{minutes} min {whole % 60:02} s"
    return f"{seconds:.1f} s" if round(seconds, 1) < 10 else f"{whole} s"  # noqa: PLR2004  short ones get a decimal


def learned(learned_per_second: float, allowed_per_second: float) -> str:
    """Return what earlier runs have learned of the pace that the API takes well."""
    return (
        f"{learned_per_second:.3g}/s of {allowed_per_second:.3g}/s, after refusals or slow answers; "
        "it comes back by itself"
    )


def plan_json(plan: PlanSummary, insight: Insight | None = None) -> dict[str, Any]:
    """Return a plan's summary for machines, with its insight where there is one."""
    data = asdict(plan)
    if insight is None:
        return data
    return {
        **data,
        "found": dict(sorted({**plan.found, **insight.personal}.items())),
        "insight": asdict(insight),
    }


def plan_lines(plan: PlanSummary) -> list[str]:
    """Return where every row went; the numbers add up (promise P1)."""
    counts = plan.conservation
    span = f", {plan.first_at[:10]} to {plan.last_at[:10]}" if plan.first_at and plan.last_at else ""
    lines = [
        f"plan {plan.hash[:12]}: {_count(counts.planned, 'message')} in {_count(plan.lanes, 'lane')}{span}",
        f"  rows read  {counts.rows:>12,}",
    ]
    if counts.carried:
        lines.append(f"+ carried    {counts.carried:>12,}   from an unfinished plan")
    if counts.split:
        lines.append(f"+ split      {counts.split:>12,}   messages beyond one a record")
    lines += [
        f"= planned    {counts.planned:>12,}   {_breakdown(plan.roles)}".rstrip(),
        f"+ duplicates {counts.duplicates:>12,}",
        f"+ known      {counts.known:>12,}   {_breakdown(plan.known_by_state)}".rstrip(),
        f"+ skipped    {counts.skipped:>12,}   {_breakdown(plan.skipped_by_reason)}".rstrip(),
        f"+ rejects    {counts.rejects:>12,}   {_breakdown(plan.rejects_by_code)}".rstrip(),
    ]
    if plan.changed:
        lines.append(f"texts changed: {_breakdown(plan.changed)}")
    lines += [f"file left out: {file}" for file in plan.skipped_files]
    return lines


def reject_lines(rejects: tuple[RejectLine, ...], totals: Mapping[str, int]) -> list[str]:
    """Return each reject code with its meaning, how to fix it, and its first places."""
    lines: list[str] = []
    for code in RejectCode:
        if code.value not in totals:
            continue
        lines.append(f"{code.value} ({totals[code.value]:,}): {code.meaning}")
        for place in (line for line in rejects if line.code is code):
            column = f", column {place.column}" if place.column else ""
            detail = f": {place.detail}" if place.detail else ""
            lines.append(f"    {place.file}:{place.line}{column}{detail}")
        lines.append(f"    -> {code.remedy}")
    return lines


def skip_lines(skipped: Mapping[str, int]) -> list[str]:
    """Return each rule that left rows out, in words."""
    return [f"{count:,} skipped: {SkipReason(reason).meaning}" for reason, count in skipped.items()]


def states_line(states: Mapping[str, int]) -> str:
    """Return counts by state in one line."""
    return " · ".join(f"{name} {count:,}" for name, count in states.items())


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _breakdown(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
