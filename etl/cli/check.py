"""`etl check`."""

import json
import shlex
import sys
from pathlib import Path
from typing import Unpack

import click

from etl.cli import options
from etl.cli.console import say
from etl.cli.observing import LogWish, log_wish, logging_options, observing
from etl.config.load import JobFile, load_job
from etl.config.override import Pace, with_pace
from etl.pipeline.check import CheckResult, run_check
from etl.pipeline.prepare import Wish
from etl.report.insight import insight_lines
from etl.report.summary import duration, plan_json, plan_lines, reject_lines, skip_lines


@click.command("check")
@options.job
@options.files
@options.sandbox
@options.pace
@options.planning
@logging_options
@options.as_json
def command(  # noqa: PLR0913, PLR0917  one for each option
    job: Path,
    files: tuple[str, ...],
    sandbox: bool,  # noqa: FBT001  a flag of the command line
    unfinished: str | None,
    new_identity: bool,  # noqa: FBT001
    log_file: Path | None,
    log_format: str | None,
    log_level: str,
    as_json: bool,  # noqa: FBT001
    **pace: Unpack[Pace],
) -> int:
    """Dry run: read the whole input, plan it, and say what an import would do. Sends nothing.

    FILES are read instead of the job's. Exit code 0: ready; 3: ready, but some rows are rejects; 4: the
    input can't be read or nothing of it may be sent.
    """
    wish = Wish(files=files, unfinished=unfinished, new_identity=new_identity)
    log = log_wish(log_file, log_format, log_level)
    result = run(with_pace(load_job(job), **pace), wish, log=log, sandbox=sandbox, as_json=as_json)
    return show(result, command=import_command(job, files, sandbox=sandbox), log=log, as_json=as_json)


def import_command(job: Path, files: tuple[str, ...], *, sandbox: bool) -> str:
    """Return the import that a check stands for, as it would be typed."""
    return shlex.join(["etl", "import", str(job), *files, *(["--sandbox"] if sandbox else [])])


def run(job_file: JobFile, wish: Wish, *, log: LogWish, sandbox: bool, as_json: bool) -> CheckResult:
    """Run the check with progress or a log on stderr."""
    with observing(log, quiet=as_json) as observe:
        return run_check(job_file, wish, sandbox=sandbox, observe=observe)


def show(result: CheckResult, *, command: str, log: LogWish, as_json: bool) -> int:
    """Print a result and return its exit code; `command` is what an import would be typed as."""
    if as_json:
        json.dump(_as_json(result), sys.stdout)
        sys.stdout.write("\n")
        return result.exit_code
    if log.instead_of_text:
        return result.exit_code
    for line in _lines(result, command):
        say(line)
    return result.exit_code


def _as_json(result: CheckResult) -> dict[str, object]:
    return {
        "plan": plan_json(result.plan.summary),
        "target": result.target,
        "forecast": {
            "seconds": result.forecast.seconds,
            "rate_bound_seconds": result.forecast.rate_bound_seconds,
            "lane_bound_seconds": result.forecast.lane_bound_seconds,
            "rate_per_second": result.rate_per_second,
            "earliest_end": result.earliest_end,
        },
        "plan_folder": str(result.plan.path),
        "rejects_file": str(result.rejects_file),
        "unknown_roles": result.unknown_roles,
        "exit_code": result.exit_code,
    }


def _lines(result: CheckResult, command: str) -> list[str]:
    summary = result.plan.summary
    bounds = result.forecast
    bound_lines = (
        f"forecast at least {duration(bounds.seconds)}: {duration(bounds.rate_bound_seconds)} by the rate "
        f"({result.rate_per_second:g}/s), {duration(bounds.lane_bound_seconds)} by the longest lane "
        f"({summary.longest_lane:,} messages, one at a time)"
    )
    lines = [
        *plan_lines(summary),
        *skip_lines(summary.skipped_by_reason),
        *reject_lines(result.first_rejects, summary.rejects_by_code),
        *insight_lines(
            summary,
            rate_bound_seconds=bounds.rate_bound_seconds,
            lane_bound_seconds=bounds.lane_bound_seconds,
        ),
        f"target   {result.target}",
        bound_lines,
        *([f"hours    done at the earliest {result.earliest_end}"] if result.earliest_end else []),
        f"plan     {result.plan.path}",
        f"rejects  {result.rejects_file}",
        f"hash     {summary.hash}",
    ]
    if result.unknown_roles:
        listed = ", ".join(f"{value} ({count:,} rows)" for value, count in result.unknown_roles.items())
        lines.append(f"next     name these roles under [roles], an import would stop: {listed}")
    elif summary.conservation.planned:
        lines.append(f"next     {command} --expect-plan {summary.hash[:12]}   (nothing was sent yet)")
    else:
        lines.append("next     nothing: there is no message that the ledger does not know")
    return lines
