"""`etl check`."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from etl.cli import options
from etl.cli.console import give, say
from etl.cli.observing import LogWish, logging_options, observing
from etl.cli.planned import Planned, planned
from etl.config.load import JobFile, load_job
from etl.pipeline.check import CheckResult
from etl.pipeline.engines import opened_engine
from etl.pipeline.validation import ReportFiles, ReportWish, run_reported_check
from etl.pipeline.wish import Wish
from etl.report.approval import Outlook
from etl.report.export import TableFormat
from etl.report.insight import insight_lines
from etl.report.summary import duration, plan_json, plan_lines, reject_lines, skip_lines
from etl.report.verdict import Typed, Verdict


@click.command("check")
@options.job
@planned
@logging_options
@click.option(
    "--examples", type=click.IntRange(0, 100), default=0, help="Show N masked messages of each role."
)
@click.option(
    "--tables",
    type=click.Choice([one.value for one in TableFormat]),
    help="Also write the report's tables as files.",
)
@click.option("--no-report", is_flag=True, help="Print only; write no report.")
@options.as_json
def command(  # noqa: PLR0913  one for each group of options
    *,
    job: Path,
    asked: Planned,
    log: LogWish,
    examples: int,
    tables: str | None,
    no_report: bool,
    as_json: bool,
) -> int:
    """Dry run: read the whole input, plan it, and say what an import would do. Sends nothing.

    FILES are read instead of the job's. The validation report, an HTML file and the same as JSON, is for
    whoever approves the import. Exit code 0: ready; 3: ready, but some rows are rejects; 4: the input can't
    be read or nothing of it may be sent; 5: the ledger is not the one that was there.
    """
    report = ReportWish(examples=examples, tables=TableFormat(tables) if tables else None)
    return run(
        asked.of(load_job(job)),
        asked.wish,
        log=log,
        sandbox=asked.sandbox,
        as_json=as_json,
        report=None if no_report else report,
        words=options.words_of(asked.pace),
    )


def run(  # noqa: PLR0913  one for each part of the command line
    job_file: JobFile,
    wish: Wish,
    *,
    log: LogWish,
    sandbox: bool,
    as_json: bool,
    report: ReportWish | None,
    words: Sequence[str] = (),
) -> int:
    """Run the check, with its report if one is wished, print the result and return the exit code.

    `words` are those of the command line that `job_file` has taken in; a command to type needs them again.
    """
    rest = [*wish.files, *(["--sandbox"] if sandbox else []), *words, *_words(wish)]
    rest += options.cluster_words(wish.cluster, job_file.job)
    typed = Typed(
        check=shlex.join(["etl", "check", str(job_file.path), *rest]),
        send=shlex.join(["etl", "import", str(job_file.path), *rest]),
    )
    with (
        observing(log, quiet=as_json) as observe,
        opened_engine(wish.cluster, job_file.job, sends=False) as engine,
    ):
        wish = replace(wish, workers=engine)
        result, files = run_reported_check(
            job_file, wish, report, sandbox=sandbox, observe=observe, typed=typed
        )
    if as_json:
        give(_as_json(result, files))
    elif not log.instead_of_text:
        for line in _lines(result, files):
            say(line)
    return result.exit_code


def _words(wish: Wish) -> Iterator[str]:
    """Yield what else decides which plan is made."""
    if wish.unfinished is not None:
        yield from ("--unfinished", wish.unfinished)
    if wish.new_identity:
        yield "--new-identity"


def _as_json(result: CheckResult, files: ReportFiles | None) -> dict[str, object]:
    shown = result.space.shown
    return {
        "plan": plan_json(result.plan.summary, result.insight),
        "target": result.space.target,
        "verdict": asdict(result.verdict),
        "forecast": {"seconds": result.outlook.least_seconds, **asdict(result.outlook)},
        "report": shown(files.html) if files else None,
        "report_json": shown(files.json) if files else None,
        "plan_folder": shown(result.plan.path),
        "rejects_file": result.rejects_file,
        "unknown_roles": result.unknown_roles,
        "exit_code": result.exit_code,
    }


def _lines(result: CheckResult, files: ReportFiles | None) -> list[str]:
    summary, outlook, verdict = result.plan.summary, result.outlook, result.verdict
    return [
        *plan_lines(summary),
        *skip_lines(summary.skipped_by_reason),
        *reject_lines(result.first_rejects, summary.rejects_by_code),
        *insight_lines(
            summary,
            result.insight,
            rate_bound_seconds=outlook.rate_bound_seconds,
            lane_bound_seconds=outlook.lane_bound_seconds,
        ),
        f"target   {result.space.target}",
        _forecast(outlook, summary.longest_lane),
        *_window_lines(outlook),
        f"plan     {result.space.shown(result.plan.path)}",
        f"rejects  {result.rejects_file}",
        *([f"report   {result.space.shown(files.html)}"] if files else []),
        *([f"tables   {result.space.shown(files.tables)}"] if files and files.tables else []),
        f"hash     {summary.hash}",
        f"verdict  {verdict.readiness.value}: {verdict.sentence}",
        *_step_lines(verdict),
    ]


def _forecast(outlook: Outlook, longest_lane: int) -> str:
    return (
        f"forecast {duration(outlook.least_seconds)} to {duration(outlook.most_seconds)}: at least "
        f"{duration(outlook.rate_bound_seconds)} by the rate ({outlook.rate_per_second:g}/s) and "
        f"{duration(outlook.lane_bound_seconds)} by the longest lane ({longest_lane:,} messages)"
    )


def _window_lines(outlook: Outlook) -> Iterator[str]:
    if outlook.nights is not None:
        least, most = outlook.nights
        many = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        yield f"nights   {many} of {outlook.window}; done at the earliest {outlook.earliest_end}"


def _step_lines(verdict: Verdict) -> Iterator[str]:
    for place, step in enumerate(verdict.steps, 1):
        yield f"next {place}   {step.text}"
        if step.command:
            yield f"         {step.command}"
