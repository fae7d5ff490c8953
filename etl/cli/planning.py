"""`etl plan`."""

import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click

from etl.cli import options
from etl.cli.console import give, say
from etl.cli.observing import LogWish, logging_options, observing
from etl.cli.planned import Planned, planned
from etl.config.load import load_job
from etl.pipeline.engines import opened_engine
from etl.pipeline.planning import PlanResult, run_plan
from etl.report.summary import duration, plan_json, plan_lines, states_line


@click.command("plan")
@options.job
@planned
@logging_options
@options.as_json
def command(*, job: Path, asked: Planned, log: LogWish, as_json: bool) -> int:
    """Make the plan that an import would send, and send nothing: the first half of `etl import`.

    FILES are read instead of the job's. `etl replay` sends the plan later, without the input. Exit code 0:
    planned; 3: planned, but some rows are rejects; 4: an import would refuse this input.
    """
    job_file = asked.of(load_job(job))
    with (
        observing(log, quiet=as_json) as watch,
        opened_engine(asked.cluster, job_file.job, sends=False) as engine,
    ):
        result = run_plan(job_file, replace(asked.wish, workers=engine), sandbox=asked.sandbox, observe=watch)
    words = ["etl", "replay", str(job), *(["--sandbox"] if asked.sandbox else [])]
    words += [*options.words_of(asked.pace), *options.cluster_words(asked.cluster, job_file.job)]
    typed = shlex.join([*words, "--expect-plan", result.plan.summary.hash[:12]])
    if as_json:
        give(_as_json(result, typed))
    elif not log.instead_of_text:
        for line in _lines(result, typed):
            say(line)
    return result.exit_code


def _as_json(result: PlanResult, typed: str) -> dict[str, Any]:
    return {
        "plan": plan_json(result.plan.summary),
        "target": result.space.target,
        "plan_folder": result.space.shown(result.plan.path),
        "rejects_file": result.space.shown(result.plan.rejects_csv),
        "states": asdict(result.states),
        "forecast_seconds": result.forecast.seconds,
        "next": typed if result.states.pending else None,
        "exit_code": int(result.exit_code),
    }


def _lines(result: PlanResult, typed: str) -> list[str]:
    summary, pending, shown = result.plan.summary, result.states.pending, result.space.shown
    lines = [*plan_lines(summary), f"target   {result.space.target}", f"plan     {shown(result.plan.path)}"]
    if summary.conservation.rejects:
        lines.append(f"rejects  {shown(result.plan.rejects_csv)}")
    lines += [f"hash     {summary.hash}", f"plan now {states_line(asdict(result.states))}"]
    if not pending:
        return [*lines, "next     nothing: there is no message to send"]
    least, pace = duration(result.forecast.seconds), f"{result.rate_per_second:g}/s"
    return [*lines, f"forecast at least {least} for {pending:,} messages, at {pace}", f"next     {typed}"]
