"""The dry run in this process: hostile files in, the plan and everything that a person would read out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from etl.config.load import JobFile, parse_job
from etl.model.events import Event, Warned
from etl.model.insight import Insight
from etl.model.plan import PlanSummary
from etl.pipeline.check import CheckResult, run_check
from etl.pipeline.wish import Wish
from etl.plan.lanes import plan_rejects
from etl.report.insight import insight_lines
from etl.report.summary import plan_lines, reject_lines, skip_lines
from support.history import write_csv
from support.recorder import DEPLOYMENT

COLUMNS = {
    "id": "id", "conversation": "ticket", "user": "user", "role": "role", "timestamp": "at", "text": "text",
}  # fmt: skip
_START = datetime(2024, 3, 1, 10, tzinfo=UTC)


def rows(*differing: Mapping[str, Any], **common: Any) -> list[dict[str, Any]]:
    """Return sound rows, one a second, that differ from each other as told."""
    return [
        {
            "id": f"m{number}",
            "ticket": "t1",
            "user": "u1",
            "role": "customer",
            "at": f"{_START + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}",
            "text": f"text {number}",
            **common,
            **told,
        }
        for number, told in enumerate(differing)
    ]


def write(folder: Path, table: Sequence[Mapping[str, Any]], name: str = "history.csv") -> Path:
    """Write rows as CSV, under the columns of the first one."""
    return write_csv(folder / name, [tuple(row.values()) for row in table], tuple(table[0]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a dry run made of an input."""

    summary: PlanSummary
    insight: Insight
    messages: list[dict[str, Any]]
    """In the plan's order."""
    rejects: list[dict[str, Any]]
    notes: tuple[str, ...]
    """Warnings while planning, one line each."""
    printed: str
    """What `etl check` prints of the plan."""
    rejects_csv: Path
    state: Path
    exit_code: int

    @property
    def texts(self) -> list[str]:
        """Return the planned texts in order."""
        return [message["text"] for message in self.messages]

    @property
    def codes(self) -> dict[str, int]:
        """Return the rejects by code."""
        return dict(Counter(reject["code"] for reject in self.rejects))

    def of(self, column: str) -> list[Any]:
        """Return a column of the planned messages in order."""
        return [message[column] for message in self.messages]


def job_file(folder: Path, *files: str, **tables: Any) -> JobFile:
    """Return a job over files of a folder, by default all of it; `tables` are added to or replace its own.

    A setting of None is left out.
    """
    data: dict[str, Any] = {
        "source": "test",
        "target": {"deployment_id": DEPLOYMENT},
        "state": str(folder.parent / f"{folder.name}-state"),
        "input": {"files": list(files) or ["."]},
        "columns": COLUMNS,
        "roles": {"customer": ["customer"], "agent": ["agent"]},
    }
    for name, table in tables.items():
        data[name] = {**data.get(name, {}), **table} if isinstance(table, dict) else table
    for name, table in data.items():
        if isinstance(table, dict):
            data[name] = {key: value for key, value in table.items() if value is not None}
    return JobFile(path=folder / "job.toml", job=parse_job(data, name="job.toml"))


def check(folder: Path, *files: str, **tables: Any) -> Checked:
    """Run the dry run over files of a folder; every row is accounted for, or this fails.

    Raises:
        EtlError: as the command.
    """
    events: list[Event] = []
    result = run_check(
        job_file(folder, *files, **tables),
        Wish(),
        sandbox=False,
        observe=events.append,
    )
    return checked(result, events)


def checked(result: CheckResult, events: Sequence[Event]) -> Checked:
    """Return what a dry run made, once its books are found to balance."""
    plan = result.plan
    rejects = [row for batch in plan_rejects(plan) for row in batch.to_pylist()]
    messages = pq.read_table(list(plan.messages)).to_pylist()
    counts = plan.summary.conservation
    assert counts.balanced
    assert counts.rows == sum(file.records for file in plan.summary.files)
    assert (counts.planned, counts.rejects) == (len(messages), len(rejects))
    lines = [
        *plan_lines(plan.summary),
        *skip_lines(plan.summary.skipped_by_reason),
        *reject_lines(result.first_rejects, plan.summary.rejects_by_code),
        *insight_lines(plan.summary, result.insight, rate_bound_seconds=1.0, lane_bound_seconds=1.0),
    ]
    return Checked(
        summary=plan.summary,
        insight=result.insight,
        messages=messages,
        rejects=rejects,
        notes=tuple(event.message for event in events if isinstance(event, Warned)),
        printed="\n".join(lines),
        rejects_csv=plan.rejects_csv,
        state=plan.path.parent.parent,
        exit_code=int(result.exit_code),
    )
