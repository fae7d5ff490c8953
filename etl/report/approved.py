"""What was approved before a run: the hash that was named, and the newest validation report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from etl.model.plan import PlanSummary
from etl.report.summary import plan_json

_COMPARED: Final = (
    "lanes", "longest_lane", "first_at", "last_at", "conservation", "roles", "rejects_by_code",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One fact of the plan that is another one than in the check."""

    name: str
    checked: str
    sent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """What a person had seen of the plan."""

    expected: tuple[str, ...]
    """What --expect-plan named, run by run; a run whose plan did not fit sent nothing."""
    check_file: str | None
    """The newest check's report, if any."""
    checked_at: str | None
    checked_plan: str | None
    same_plan: bool | None
    """Whether that check saw this very plan; None without a check."""
    forecast_seconds: tuple[float, float] | None
    """At least and at most, as the check said."""
    differences: tuple[Difference, ...]


def approved(reports: Path, summary: PlanSummary, *, expected: tuple[str, ...]) -> Approved:
    """Compare a plan with the newest check of its source; files that can't be read are passed over."""
    found = _newest_check(reports, summary.source)
    if found is None:
        return Approved(
            expected=expected, check_file=None, checked_at=None, checked_plan=None, same_plan=None,
            forecast_seconds=None, differences=(),
        )  # fmt: skip
    path, check = found
    plan = check["plan"]
    return Approved(
        expected=expected,
        check_file=str(path),
        checked_at=str(check["made_at"]),
        checked_plan=str(plan["hash"]),
        same_plan=plan["hash"] == summary.hash,
        forecast_seconds=_forecast(check),
        differences=() if plan["hash"] == summary.hash else tuple(_differences(plan, plan_json(summary))),
    )


def _newest_check(reports: Path, source: str) -> tuple[Path, Mapping[str, Any]] | None:
    found = []
    for path in reports.glob("check-*.json"):
        try:
            check = json.loads(path.read_text(encoding="utf-8"))
            plan = check["plan"]
            if check["report"] == "validation" and plan["source"] == source and isinstance(plan["hash"], str):
                found.append((str(check["made_at"]), path, check))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return max(found, key=lambda one: one[:2])[1:] if found else None


def _forecast(check: Mapping[str, Any]) -> tuple[float, float] | None:
    try:
        return float(check["forecast"]["least_seconds"]), float(check["forecast"]["most_seconds"])
    except (KeyError, TypeError, ValueError):
        return None


def _differences(checked: Mapping[str, Any], sent: Mapping[str, Any]) -> list[Difference]:
    before, now = _facts(checked), _facts(sent)
    return [
        Difference(name=name, checked=before.get(name, ""), sent=now.get(name, ""))
        for name in dict.fromkeys((*before, *now))
        if before.get(name, "") != now.get(name, "")
    ]


def _facts(plan: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _COMPARED:
        value = plan.get(name)
        if isinstance(value, Mapping):
            found.update({f"{name}.{part}": str(number) for part, number in value.items()})
        elif value is not None:
            found[name] = str(value)
    return found
