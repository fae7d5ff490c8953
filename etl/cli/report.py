"""`etl report`."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from etl.cli import options
from etl.cli.console import give, say
from etl.config.load import load_job
from etl.pipeline.report import MadeReport, VerifyResult, make_report, verify_report
from etl.report.summary import duration, states_line

_SHOWN = 5
_LIMITS = (
    "this proves that outcomes, attempts and words are as they were when each run ended;",
    "it can't notice somebody who rewrote the ledger, its seals and every report:",
    "keep a report, or the last digest, where they can't reach it",
)


@click.command("report")
@options.job
@click.option("--run", type=click.IntRange(min=1), help="Of that run, instead of the newest.")
@click.option("--plan", "whole_plan", is_flag=True, help="Of the run's whole plan: all its runs together.")
@click.option("--verify", is_flag=True, help="Was the ledger changed since its runs ended? Writes nothing.")
@options.rehearsed
@options.as_json
def command(
    job: Path,
    run: int | None,
    whole_plan: bool,  # noqa: FBT001  a flag of the command line
    verify: bool,  # noqa: FBT001
    sandbox: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> int:
    """Write a run's report again, from plan and ledger alone; also after a kill, or while a run goes on.

    It goes beside the reports that imports write: an HTML file and the same as JSON. With --verify every
    run's seal is computed again; exit code 5 says that something was changed, and in which run.
    """
    if verify and (run is not None or whole_plan):
        raise click.UsageError("--verify looks at all runs: leave --run and --plan out")
    job_file = load_job(job)
    if verify:
        result = verify_report(job_file, sandbox=sandbox)
        _print(_verify_json(result), list(_verify_lines(result)), as_json=as_json)
        return result.exit_code
    made = make_report(job_file, sandbox=sandbox, run=run, whole_plan=whole_plan)
    _print({**made.report.as_json(), "page": made.page}, _lines(made), as_json=as_json)
    return 0


def _print(data: dict[str, Any], lines: list[str], *, as_json: bool) -> None:
    if as_json:
        give(data)
        return
    for line in lines:
        say(line)


def _lines(made: MadeReport) -> list[str]:
    report = made.report
    numbers = ", ".join(str(run.number) for run in report.runs)
    sent = states_line(report.sent) if report.sent else "nothing"
    return [
        f"plan     {report.summary.hash[:12]}, run {numbers}",
        f"sent     {sent} in {duration(report.active_seconds)}",
        f"plan now {states_line(report.states)}",
        f"report   {made.page}",
        *(f"next     {step.command}   ({step.meaning})" for step in report.steps[:1]),
    ]


def _verify_json(result: VerifyResult) -> dict[str, Any]:
    found = result.verification
    return {
        "ledger": result.ledger,
        "sound": result.sound,
        "sealed_runs": [seal.run for seal in found.sealed],
        "last_digest": found.sealed[-1].digest if found.sealed else None,
        "differing_runs": list(found.differing),
        "unsealed_runs": list(found.unsealed),
        "unsealed_words": found.unsealed_words,
        "unexplained_messages": found.unexplained,
        "reports": result.reports,
        "contradictions": [asdict(one) for one in result.contradictions],
        "concern": result.concern,
        "exit_code": int(result.exit_code),
    }


def _verify_lines(result: VerifyResult) -> list[str]:
    found = result.verification
    rows = sum(seal.accepted + seal.attempts for seal in found.sealed)
    lines = [
        f"ledger   {result.ledger}",
        f"sealed   {len(found.sealed):,} runs, {rows:,} acceptances and other attempts",
    ]
    if found.sealed:
        lines.append(f"digest   {found.sealed[-1].digest} (run {found.sealed[-1].run})")
    lines += [f"reports  {result.reports:,} compared", *_changed(result)]
    if result.concern:
        lines.append(f"concern  {result.concern}")
    if found.unsealed or found.unsealed_words:
        open_ones = f"{len(found.unsealed):,} runs and {found.unsealed_words:,} words"
        lines.append(f"open     {open_ones} are not sealed yet; the next command that writes does it")
    verdict = "nothing was found changed" if result.sound else "the ledger is not as its runs left it"
    lines += [f"result   {verdict}", *(f"         {line}" for line in _LIMITS)]
    if result.contradictions or result.concern:
        lines.append(
            "         A ledger that was put back from a copy looks like this, too: see `etl status`."
        )
    return lines


def _changed(result: VerifyResult) -> Iterator[str]:
    found = result.verification
    for run in found.differing:
        yield f"CHANGED  run {run}: what is recorded of it is not what was sealed"
    if found.unexplained:
        yield f"CHANGED  {found.unexplained:,} messages are in a state that no attempt and no word explains"
    for one in result.contradictions[:_SHOWN]:
        yield f"CHANGED  run {one.run}: {one.file} says {one.digest[:12]}…, the ledger does not"
    if len(result.contradictions) > _SHOWN:
        yield f"         and {len(result.contradictions) - _SHOWN:,} more"
