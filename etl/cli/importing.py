"""`etl import`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from etl.cli import check, options
from etl.cli.console import say
from etl.cli.observing import log_wish, logging_options, observing
from etl.config.load import load_job
from etl.errors import ExitCode
from etl.pipeline.prepare import Wish
from etl.pipeline.result import ImportResult
from etl.pipeline.run import ImportWish
from etl.pipeline.told import run_told_import
from etl.report.summary import duration, plan_lines, states_line


@click.command("import")
@options.job
@options.files
@options.sandbox
@options.rate
@click.option("--limit-lanes", type=click.IntRange(min=1), help="A trial: only the first N users, by name.")
@click.option("--expect-plan", metavar="HASH", help="Send only the plan that was approved; refuse another.")
@click.option("--dry-run", is_flag=True, help="The same as `etl check`.")
@options.planning
@logging_options
@options.as_json
def command(  # noqa: PLR0913, PLR0917  one for each option
    job: Path,
    files: tuple[str, ...],
    sandbox: bool,  # noqa: FBT001  a flag of the command line
    rate: float | None,
    limit_lanes: int | None,
    expect_plan: str | None,
    dry_run: bool,  # noqa: FBT001
    unfinished: str | None,
    new_identity: bool,  # noqa: FBT001
    log_file: Path | None,
    log_format: str | None,
    log_level: str,
    as_json: bool,  # noqa: FBT001
) -> int:
    """Plan the input and send it, one message at a time for each user, at the configured rate.

    FILES are read instead of the job's. Run again, the same command goes on where it was; a message that was
    accepted is never sent again. The first Ctrl-C finishes what is in flight, the second leaves at once.
    """
    wish = Wish(files=files, unfinished=unfinished, new_identity=new_identity, expect_plan=expect_plan)
    log = log_wish(log_file, log_format, log_level)
    if dry_run:
        result_of_check = check.run(job, wish, log=log, sandbox=sandbox, rate=rate, as_json=as_json)
        typed = check.import_command(job, files, sandbox=sandbox)
        return check.show(result_of_check, command=typed, log=log, as_json=as_json)
    with observing(log, quiet=as_json) as observe:
        result = run_told_import(
            load_job(job),
            ImportWish(plan=wish, sandbox=sandbox, rate_per_second=rate, limit_lanes=limit_lanes),
            observe,
        )
    if as_json:
        json.dump(result.as_json(), sys.stdout)
        sys.stdout.write("\n")
    elif not log.instead_of_text:
        for line in _lines(result, job):
            say(line)
    return result.exit_code


def _lines(result: ImportResult, job: Path) -> list[str]:
    lines = plan_lines(result.plan.summary)
    if result.recovered:
        lines.append(
            f"a run was killed with {result.recovered:,} in flight: outcome unknown, so not sent again",
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
    lines.append(f"ledger   {result.ledger}")
    lines.append(f"report   {result.report}")
    if result.plan.summary.conservation.rejects:
        lines.append(f"rejects  {result.rejects_file}")
    if result.sandbox_store:
        lines.append(f"sandbox  {result.sandbox_store}")
    lines.append(f"result   {_verdict(result)}")
    if result.states.uncertain:
        lines.append(f"next     etl status {job}   (what is uncertain, and how to settle it)")
    elif result.states.pending or result.states.held:
        lines.append("next     the same command goes on")
    return lines


def _verdict(result: ImportResult) -> str:
    if result.exit_code is ExitCode.OK:
        return "complete" if not result.states.pending else "the trial is complete"
    return f"not complete: {result.exit_code.meaning} (exit code {result.exit_code.value})"
