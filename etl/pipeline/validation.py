"""The validation report of a dry run: a second look through the plan, written for people and machines."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from etl import __version__
from etl.clock import MICROSECONDS, SYSTEM
from etl.config.load import JobFile
from etl.model.events import Event, Finished
from etl.pipeline.check import CheckResult, run_check
from etl.pipeline.depots import publish
from etl.pipeline.wish import Wish
from etl.plan.opened import opened
from etl.plan.profile import profile
from etl.plan.samples import examples, sampled_texts
from etl.report.approval import Approval, Manner
from etl.report.approval_page import write_page
from etl.report.approval_tables import tables
from etl.report.export import TableFormat
from etl.report.grid import write_grids
from etl.report.languages import SAMPLE, language_shares
from etl.report.outcome import write_report
from etl.report.verdict import Typed


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWish:
    """What the command line asks of a report."""

    examples: int = 0
    """Masked messages of each role."""
    tables: TableFormat | None = None
    """Also write the tables, in that format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFiles:
    """Where a report is."""

    html: Path
    json: Path
    tables: Path | None


def run_reported_check(
    job_file: JobFile,
    wish: Wish,
    report: ReportWish | None,
    *,
    sandbox: bool,
    observe: Callable[[Event], None],
    typed: Typed,
) -> tuple[CheckResult, ReportFiles | None]:
    """Run a check and write its report, if one is wished.

    Raises:
        EtlError: as `run_check` and `write_validation`.
    """
    result = run_check(job_file, wish, sandbox=sandbox, observe=observe, typed=typed)
    files = None if report is None else write_validation(job_file, result, report)
    counts = asdict(result.plan.summary.conservation)
    place = result.space.shown(files.html) if files else None
    observe(Finished(exit_code=result.exit_code, counts=counts, report=place))
    return result, files


def write_validation(job_file: JobFile, result: CheckResult, wish: ReportWish) -> ReportFiles:
    """Write the report of a dry run beside the target's other reports, named after the plan's hash.

    Raises:
        EtlError: the plan can't be looked through, or a file can't be written.
    """
    approval = _approval(job_file, result, wish)
    stem = result.space.reports / f"check-{result.plan.summary.hash[:12]}"
    files = ReportFiles(
        html=stem.with_name(f"{stem.name}.html"),
        json=stem.with_name(f"{stem.name}.json"),
        tables=stem.with_name(f"{stem.name}-tables") if wish.tables else None,
    )
    write_page(files.html, approval, json_file=files.json, rejects_file=result.rejects_file)
    write_report(files.json, approval.as_json())
    if files.tables is not None and wish.tables is not None:
        files.tables.mkdir(mode=0o700, exist_ok=True)
        write_grids(tables(approval).values(), files.tables, table_format=wish.tables)
    publish(result.space, files.html, files.json, *([files.tables] if files.tables else []))
    return files


def _approval(job_file: JobFile, result: CheckResult, wish: ReportWish) -> Approval:
    job, plan = job_file.job, result.plan
    with opened(plan, memory_limit_mb=job.plan.memory_limit_mb) as connection:
        shape = profile(connection, plan, expiration_minutes=result.insight.preview.expiration_minutes)
        shown = examples(connection, wish.examples) if wish.examples else ()
        languages = language_shares(sampled_texts(connection, SAMPLE))
    now = datetime.fromtimestamp(SYSTEM.wall_us() // MICROSECONDS, UTC)
    return Approval(
        made_at=now.isoformat(),
        etl_version=__version__,
        verdict=result.verdict,
        manner=Manner(
            job=str(job_file.path),
            source=job.source,
            lane=job.message.lane,
            speaker=job.message.speaker,
            agent_prefix=job.message.agent_prefix,
            bot_prefix=job.message.bot_prefix,
            masked=(*job.privacy.mask, *job.privacy.patterns),
        ),
        target=result.space.target,
        summary=plan.summary,
        insight=result.insight,
        outlook=result.outlook,
        profile=shape,
        languages=languages,
        examples=shown,
        first_rejects=result.first_rejects,
        unknown_roles=result.unknown_roles,
    )
