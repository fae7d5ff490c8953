"""`etl settle`."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from etl.cli import options
from etl.cli.console import Progress, say
from etl.cli.entries import entry_json, entry_line
from etl.config.load import load_job
from etl.errors import UsageError
from etl.model.states import State
from etl.pipeline.choosing import Choice, Chosen
from etl.pipeline.settle import SettleResult, SettleWish, run_settle


@click.command("settle")
@options.job
@options.choosing
@click.option("--accepted", "state", flag_value=State.ACCEPTED.value, help="The platform has them.")
@click.option("--resend", "state", flag_value=State.PENDING.value, help="It has not: send them again.")
@click.option("--skip", "state", flag_value=State.SKIPPED.value, help="Leave them out; rejected ones, too.")
@options.recorded
@options.sandbox
@options.as_json
def command(  # noqa: PLR0913, PLR0917  one for each option
    job: Path,
    keys: tuple[str, ...],
    lanes: tuple[str, ...],
    codes: tuple[str, ...],
    runs: tuple[int, ...],
    everything: bool,  # noqa: FBT001  a flag of the command line
    state: str | None,
    why: str,
    dry_run: bool,  # noqa: FBT001
    sandbox: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> int:
    """Decide uncertain messages: those with KEYS, as `etl status` lists them, or of a user, code or run.

    Say what you found on the platform. --resend doubles a message if it was taken after all; the ledger keeps
    that it may be doubled. Words of one kind add up, kinds restrict each other: --lane ann --code timeout
    means ann's timeouts. Every word is recorded with who, when and why.
    """
    if state is None:
        raise UsageError("say what you found: --accepted, --resend or --skip")
    wish = SettleWish(
        choice=Choice(keys=keys, lanes=lanes, codes=codes, runs=runs, everything=everything),
        state=State(state),
        why=why,
        sandbox=sandbox,
        dry_run=dry_run,
    )
    with Progress(quiet=as_json) as progress:
        result = run_settle(load_job(job), wish, progress)
    if as_json:
        json.dump(_as_json(result), sys.stdout)
        sys.stdout.write("\n")
    else:
        _show(result, options.typed(job, sandbox=sandbox), dry_run=dry_run)
    return 0


def chosen_json(chosen: Chosen) -> dict[str, Any]:
    """Return what was chosen for machines."""
    return {
        "chosen": chosen.messages,
        "by_code": chosen.by_code,
        "listed": [entry_json(entry) for entry in chosen.listed],
    }


def chosen_lines(chosen: Chosen) -> list[str]:
    """Return what was chosen for people: counts by code and the first few."""
    codes = ", ".join(f"{count:,} {code}" for code, count in chosen.by_code.items())
    lines = [f"chosen   {chosen.messages:,} messages" + (f": {codes}" if codes else "")]
    lines += [entry_line(entry) for entry in chosen.listed]
    if chosen.messages > len(chosen.listed):
        lines.append(f"         and {chosen.messages - len(chosen.listed):,} more")
    return lines


def _as_json(result: SettleResult) -> dict[str, Any]:
    return {
        **chosen_json(result.chosen),
        "settled": result.settled,
        "state": result.state.value,
        "left_uncertain": result.left_uncertain,
        "left_rejected": result.left_rejected,
    }


def _show(result: SettleResult, job: str, *, dry_run: bool) -> None:
    for line in chosen_lines(result.chosen):
        say(line)
    if dry_run:
        say(f"dry run  nothing was changed; without --dry-run they become {result.state.value}")
        return
    left = f"{result.left_uncertain:,} are still uncertain"
    say(f"settled  {result.settled:,} as {result.state.value}; {left}")
    say(f"next     etl import {job}")
