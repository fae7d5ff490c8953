"""`etl status`."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click

from etl.cli import options
from etl.cli.console import at_terminal, give, say
from etl.cli.entries import entry_line
from etl.cli.following import Following, shard_lines
from etl.config.load import load_job
from etl.ledger.interface import RunRecord
from etl.ledger.lock import Holder
from etl.ledger.sharing import Worked
from etl.model.states import State
from etl.pipeline.status import StatusResult, run_status
from etl.report.entries import entry_json
from etl.report.instants import iso
from etl.report.steps import Standing, Step, next_steps
from etl.report.summary import duration, learned, states_line


@click.command("status")
@options.job
@options.rehearsed
@click.option(
    "--follow/--no-follow",
    default=None,
    help="Follow a run that is active; done by itself on a terminal.",
)
@options.as_json
def command(job: Path, sandbox: bool, follow: bool | None, as_json: bool) -> int:  # noqa: FBT001  flags
    """Show how the plan under way stands, what is uncertain or held and why, and what to type next.

    Reads only, also while an import runs; on a terminal it follows one to its end. Exit code 0: all messages
    are accepted; 3: not yet.
    """
    job_file = load_job(job)
    result = run_status(job_file, sandbox=sandbox)
    typed = options.typed(job, sandbox=sandbox)
    wished = at_terminal() if follow is None else follow
    if wished and result.holder and not as_json:
        result = Following(lambda: run_status(job_file, sandbox=sandbox), typed).run(result)
    if as_json:
        give(_as_json(result, typed))
    else:
        for line in _lines(result, typed):
            say(line)
    return result.exit_code


FIELDS: Final[dict[str, str]] = {
    "target": "where the messages go",
    "ledger": "the ledger's file; or its schema and database, in PostgreSQL",
    "generation": "how often the ledger was written by a run, a word or a backup; it only grows",
    "concern": "why an import would refuse this ledger (restored, another's); null: nothing is wrong",
    "plan": "the hash of the plan under way",
    "messages": "messages of that plan",
    "lanes": "users of that plan",
    "states": "its messages by state; held and pending ones are not sent yet; the sum is `messages`",
    "all_plans": "stored messages of all plans by state",
    "uncertain_by_code": "uncertain messages of all plans by reason, as `settle --code` takes it",
    "rejected_by_code": "rejected messages of all plans by reason, as `retry --code` takes it",
    "held_lanes": "users with a message that holds their later ones",
    "listed": "the first uncertain and the first rejected messages",
    "hold_off_until": "until when the API asked to wait (ISO 8601, UTC); null: it did not, or that is over",
    "hold_off_seconds": "the same from now, in seconds",
    "pace": "allowed_per_second by the job, and learned_per_second, what the API bears (null: all)",
    "closed": "until when the job's hours keep the next run waiting; null: they do not",
    "running": "who holds the lock: pid, host, since; null: nobody",
    "last_run": "the newest run: number, host, pid, version, started_at, ended_at, exit_code; "
    "no end: it runs or was killed",
    "shards": "of the newest run, where a cluster sends: done, waiting, expired (their worker is gone or "
    "hangs), and owners, the open ones by worker; null: one process sends",
    "forecast_seconds": "how long the pending messages take at least",
    "next": "the commands to type next, most likely first; empty: nothing is left to do, or a run is active",
    "exit_code": "that of `status`: 0 all accepted or skipped, 3 not yet",
}
"""What `status --json` prints; the README has the same table. Fields are added, never renamed."""


def _as_json(result: StatusResult, job: str) -> dict[str, Any]:
    holder, run, until_us = result.holder, result.last_run, result.hold_off_until_us
    return {
        "target": result.target,
        "ledger": result.ledger,
        "generation": result.generation,
        "concern": result.concern,
        "plan": result.plan.hash,
        "messages": result.plan.messages,
        "lanes": result.plan.lanes,
        "states": asdict(result.states),
        "all_plans": result.all_plans,
        "uncertain_by_code": result.uncertain_by_code,
        "rejected_by_code": result.rejected_by_code,
        "held_lanes": result.held_lanes,
        "listed": [entry_json(entry) for entry in result.listed],
        "hold_off_until": iso(until_us) if until_us else None,
        "hold_off_seconds": result.hold_off_seconds,
        "pace": {
            "allowed_per_second": result.allowed_per_second,
            "learned_per_second": result.learned_per_second,
        },
        "closed": result.closed,
        "running": _holder_json(holder) if holder else None,
        "last_run": _run_json(run) if run else None,
        "shards": _shards_json(result.worked) if result.worked else None,
        "forecast_seconds": result.forecast.seconds,
        "next": [step.command for step in _next(result, job)],
        "exit_code": result.exit_code,
    }


def _holder_json(holder: Holder) -> dict[str, object]:
    since = iso(holder.since_us) if holder.since_us else None
    return {"pid": holder.pid, "host": holder.host, "since": since}


def _shards_json(worked: Worked) -> dict[str, object]:
    return {
        "done": worked.done,
        "waiting": worked.waiting,
        "expired": worked.expired,
        "owners": worked.open,
    }


def _run_json(run: RunRecord) -> dict[str, object]:
    return {
        "number": run.number,
        "host": run.host,
        "pid": run.pid,
        "version": run.version,
        "started_at": iso(run.started_us),
        "ended_at": iso(run.ended_us) if run.ended_us is not None else None,
        "exit_code": run.exit_code,
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
    if result.worked:
        lines += shard_lines(result.worked)
    if result.hold_off_seconds:
        lines.append(f"hold-off the API asked to wait another {duration(result.hold_off_seconds)}")
    if result.learned_per_second:
        lines.append(f"pace     {learned(result.learned_per_second, result.allowed_per_second)}")
    if result.closed:
        lines.append(f"hours    {result.closed}")
    if result.concern:
        lines.append(f"concern  {result.concern}")
    return [*lines, *_unsettled(result), *_next_lines(result, job)]


def _unsettled(result: StatusResult) -> list[str]:
    lines = []
    for name, codes in (("doubt", result.uncertain_by_code), ("refused", result.rejected_by_code)):
        if codes:
            lines.append(f"{name:<8} {', '.join(f'{count:,} {code}' for code, count in codes.items())}")
    if result.held_lanes:
        lines.append(f"held     {result.held_lanes:,} users have a message that holds their later ones")
    return [*lines, *map(entry_line, result.listed)]


def _run(result: StatusResult) -> str:
    run = result.last_run
    if run is None:
        return ""
    if run.ended_us is None:
        return f"{run.number} began {iso(run.started_us)} and has not ended (running, or killed)"
    span = f"{iso(run.started_us)} to {iso(run.ended_us)}"
    return f"{run.number}: {span}, exit code {run.exit_code}"


def _next(result: StatusResult, job: str) -> list[Step]:
    if result.holder:
        return []
    standing = Standing(
        pending=result.states.pending,
        rejected=result.states.rejected,
        uncertain=result.all_plans.get(State.UNCERTAIN.value, 0),
        rejected_by_code=result.rejected_by_code,
        forecast_seconds=result.forecast.seconds,
        concern=result.concern,
    )
    return next_steps(standing, job)


def _next_lines(result: StatusResult, job: str) -> list[str]:
    if result.holder:
        return [f"next     wait: at least {duration(result.forecast.seconds)}"]
    steps = _next(result, job)
    if not steps:
        return ["next     nothing: complete"]
    width = max(len(step.command) for step in steps)
    heads = ["next", *[""] * (len(steps) - 1)]
    return [
        f"{head:<8} {step.command:<{width}}   ({step.meaning})"
        for head, step in zip(heads, steps, strict=True)
    ]
