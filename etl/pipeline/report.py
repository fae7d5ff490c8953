"""`etl report`: a run's report from plan and ledger alone, and whether the ledger was changed since."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.clock import SYSTEM
from etl.config.load import JobFile
from etl.config.workspace import workspace
from etl.errors import ExitCode, UsageError
from etl.ledger.evidence import Seal, Verification
from etl.ledger.interface import Ledger, PlanRecord
from etl.pipeline.depots import CHECKS, fetch_reports, make_ready, publish
from etl.pipeline.opening import ledger_concern, place_of, read
from etl.pipeline.plans import Plans
from etl.pipeline.reporting import report_path, run_report, subject_of, write_files
from etl.report.replayed import RunReport


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeReport:
    """A report and where it is."""

    report: RunReport
    json: str
    page: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contradiction:
    """A report that says something else of a run than the ledger."""

    file: str
    run: int
    digest: str
    """As the report has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """What was found when every seal was computed again."""

    ledger: str
    verification: Verification
    reports: int
    """Run reports that were compared."""
    contradictions: tuple[Contradiction, ...]
    concern: str | None
    """Why this is not the ledger that is remembered, if so."""

    @property
    def sound(self) -> bool:
        """Return whether nothing speaks of a change."""
        found = self.verification
        return not (found.differing or found.unexplained or self.contradictions or self.concern)

    @property
    def exit_code(self) -> ExitCode:
        """Return 0, or 5 where the ledger can't be trusted."""
        return ExitCode.OK if self.sound else ExitCode.LEDGER


def make_report(job_file: JobFile, *, sandbox: bool, run: int | None, whole_plan: bool) -> MadeReport:
    """Write the report of a run (the newest, if none is named) or of the plan of that run with all its runs.

    Raises:
        UsageError: there is no such run, nothing was imported yet, or the plan's folder is gone.
        LedgerError: the ledger can't be read.
    """
    space = workspace(job_file.state, job_file.job.target, sandbox=sandbox, ledger=job_file.job.ledger)
    with read(space) as ledger:
        record, numbers = _meant(ledger, run, whole_plan=whole_plan)
        plans = Plans(space, ledger)
        plan = plans.load(record.hash)
        if plan is None:
            raise UsageError(
                f"the folder of plan {record.hash[:12]} is gone: {plans.place(record.hash)}",
                hint="`etl ledger export` still has every message that was touched",
            )
        make_ready(space)
        fetch_reports(space, CHECKS)
        report = run_report(subject_of(job_file, space, ledger, plan, sandbox=sandbox, runs=numbers))
    stem = f"report-plan-{record.hash[:12]}" if numbers is None else f"report-run-{numbers[0]}"
    path = report_path(space, stem, SYSTEM.wall_us())
    page = path.with_suffix(".html")
    write_files(report, path)
    publish(space, path, page)
    return MadeReport(report=report, json=space.shown(path), page=space.shown(page))


def verify_report(job_file: JobFile, *, sandbox: bool) -> VerifyResult:
    """Compute every run's seal again; compare with the ledger and with the run reports beside it.

    Raises:
        UsageError: nothing was imported yet.
        LedgerError: the ledger was lost, or can't be read.
    """
    space = workspace(job_file.state, job_file.job.target, sandbox=sandbox, ledger=job_file.job.ledger)
    with read(space) as ledger:
        verification = ledger.verify_seals()
        concern = ledger_concern(space, ledger)
    stored = {seal.run: seal for seal in verification.sealed}
    reports, contradictions = 0, []
    fetch_reports(space, "*.json")
    for path in sorted(space.reports.glob("*.json")):
        told = _seals_of(path)
        reports += told is not None
        contradictions += list(_contradictions(space.shown(path), told or [], stored))
    return VerifyResult(
        ledger=str(place_of(space)),
        verification=verification,
        reports=reports,
        contradictions=tuple(contradictions),
        concern=concern,
    )


def _meant(ledger: Ledger, run: int | None, *, whole_plan: bool) -> tuple[PlanRecord, list[int] | None]:
    runs = {record.number: record for record in ledger.runs()}
    plans = {record.number: record for record in ledger.plans()}
    if run is not None and run not in runs:
        known = f"the newest is {max(runs)}" if runs else "there was none yet"
        raise UsageError(f"the ledger has no run {run}: {known}", hint="`etl status JOB` names the last run")
    if not runs:
        raise UsageError("there was no run yet", hint="`etl import JOB`")
    chosen = runs[max(runs) if run is None else run]
    return plans[chosen.plan], None if whole_plan else [chosen.number]


def _seals_of(path: Path) -> list[Mapping[str, Any]] | None:
    """Return the seals that a run report holds; None for another file."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return list(data["seals"]) if data["report"] == "run" else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _contradictions(
    file: str, told: list[Mapping[str, Any]], stored: Mapping[int, Seal]
) -> Iterator[Contradiction]:
    for seal in told:
        try:
            run, digest = int(seal["run"]), str(seal["digest"])
        except (KeyError, TypeError, ValueError):
            continue
        if run not in stored or stored[run].digest != digest:
            yield Contradiction(file=file, run=run, digest=digest)
