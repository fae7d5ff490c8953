"""`etl status`."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from etl.cli import options
from etl.cli.console import say
from etl.clock import MICROSECONDS
from etl.config.load import load_job
from etl.ledger.interface import Entry
from etl.pipeline.status import StatusResult, run_status
from etl.report.summary import duration, learned, states_line


@click.command("status")
@options.job
@options.sandbox
@options.as_json
def command(job: Path, sandbox: bool, as_json: bool) -> int:  # noqa: FBT001  flags of the command line
    """Show how the plan under way stands, what is uncertain or held and why, and what to type next.

    Reads only, also while an import runs. Exit code 0: all messages are accepted; 3: not yet.
    """
    result = run_status(load_job(job), sandbox=sandbox)
    if as_json:
        json.dump(_as_json(result), sys.stdout)
        sys.stdout.write("\n")
    else:
        flags = " --sandbox" if sandbox else ""
        for line in _lines(result, f"{job}{flags}"):
            say(line)
    return result.exit_code


def _as_json(result: StatusResult) -> dict[str, Any]:
    return {
        "target": result.target,
        "ledger": str(result.ledger),
        "plan": result.plan.hash,
        "messages": result.plan.messages,
        "lanes": result.plan.lanes,
        "states": asdict(result.states),
        "all_plans": result.all_plans,
        "listed": [_entry(entry) for entry in result.listed],
        "hold_off_seconds": result.hold_off_seconds,
        "pace": {
            "allowed_per_second": result.allowed_per_second,
            "learned_per_second": result.learned_per_second,
        },
        "closed": result.closed,
        "running": asdict(result.holder) if result.holder else None,
        "last_run": asdict(result.last_run) if result.last_run else None,
        "forecast_seconds": result.forecast.seconds,
        "exit_code": result.exit_code,
    }


def _entry(entry: Entry) -> dict[str, object]:
    return {
        "key": entry.key.hex(),
        "lane": entry.lane,
        "at": _iso(entry.at_us),
        "state": entry.state.value,
        "reason": entry.reason,
        "http_status": entry.http_status,
    }


def _lines(result: StatusResult, job: str) -> list[str]:
    lines = [
        f"target   {result.target}",
        f"ledger   {result.ledger}",
        f"plan     {result.plan.hash[:12]}: {result.plan.messages:,} messages in {result.plan.lanes:,} lanes",
        f"plan now {states_line(asdict(result.states))}",
    ]
    if result.holder:
        lines.append(f"running  {result.holder}")
    if result.last_run:
        lines.append(f"last run {_run(result)}")
    if result.hold_off_seconds:
        lines.append(f"hold-off the API asked to wait another {duration(result.hold_off_seconds)}")
    if result.learned_per_second:
        lines.append(f"pace     {learned(result.learned_per_second, result.allowed_per_second)}")
    if result.closed:
        lines.append(f"hours    {result.closed}")
    for entry in result.listed:
        reason = f": {entry.reason}" if entry.reason else ""
        lines.append(
            f"{entry.state.value:<9} {entry.key.hex()}  lane {entry.lane}, {_iso(entry.at_us)}{reason}"
        )
    return [*lines, *_next(result, job)]


def _run(result: StatusResult) -> str:
    run = result.last_run
    if run is None:
        return ""
    if run.ended_us is None:
        return f"{run.number} began {_iso(run.started_us)} and has not ended (running, or killed)"
    span = f"{_iso(run.started_us)} to {_iso(run.ended_us)}"
    return f"{run.number}: {span}, exit code {run.exit_code}"


def _next(result: StatusResult, job: str) -> list[str]:
    states = result.states
    if result.holder:
        return [f"next     wait: at least {duration(result.forecast.seconds)}"]
    if states.pending:
        return [f"next     etl import {job}   (at least {duration(result.forecast.seconds)})"]
    if states.uncertain or states.held or result.all_plans.get("uncertain"):
        return [
            f"next     etl verify {job} --settle   (settles by the platform's own report), or",
            "         look the uncertain ones up in the Inbox, then say what you found:",
            f"         etl settle {job} --accepted KEY…   (it is there)",
            f"         etl settle {job} --resend KEY…     (it is not there; if you are wrong it is doubled)",
            f"         etl settle {job} --skip KEY…       (leave it out)",
        ]
    if states.rejected:
        return ["next     read the reasons above; the ledger has all of them: etl ledger export"]
    return ["next     nothing: complete"]


def _iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us // MICROSECONDS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
