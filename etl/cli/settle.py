"""`etl settle`."""

from pathlib import Path
from typing import Any

import click

from etl.cli import options
from etl.cli.choosing import choosing, chosen_json, chosen_lines
from etl.cli.console import Progress, give, say
from etl.config.load import load_job
from etl.errors import UsageError
from etl.model.states import State
from etl.pipeline.choosing import Choice
from etl.pipeline.settle import SettleResult, SettleWish, run_settle


@click.command("settle")
@options.job
@choosing
@click.option("--accepted", "state", flag_value=State.ACCEPTED.value, help="The platform has them.")
@click.option("--resend", "state", flag_value=State.PENDING.value, help="It has not: send them again.")
@click.option("--skip", "state", flag_value=State.SKIPPED.value, help="Leave them out; rejected ones, too.")
@options.recorded
@options.rehearsed
@options.as_json
def command(  # noqa: PLR0913  one for each group of options
    *, job: Path, choice: Choice, state: str | None, why: str, dry_run: bool, sandbox: bool, as_json: bool
) -> int:
    """Decide uncertain messages: those with KEYS, as `etl status` lists them, or of a user, code or run.

    Say what you found on the platform. --resend doubles a message if it was taken after all; the ledger keeps
    that it may be doubled. Words of one kind add up, kinds restrict each other: --lane ann --code timeout
    means ann's timeouts. Every word is recorded with who, when and why.
    """
    if state is None:
        raise UsageError("say what you found: --accepted, --resend or --skip")
    wish = SettleWish(
        choice=choice,
        state=State(state),
        why=why,
        sandbox=sandbox,
        dry_run=dry_run,
    )
    with Progress(quiet=as_json) as progress:
        result = run_settle(load_job(job), wish, progress)
    if as_json:
        give(_as_json(result))
    else:
        _show(result, options.typed(job, sandbox=sandbox), dry_run=dry_run)
    return 0


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
    say(f"next     etl {'import' if result.settled else 'status'} {job}")
