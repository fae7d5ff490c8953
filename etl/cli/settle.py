"""`etl settle`."""

import json
import sys
from pathlib import Path

import click

from etl.cli import options
from etl.cli.console import say
from etl.config.load import load_job
from etl.errors import UsageError
from etl.model.states import State
from etl.pipeline.settle import run_settle


@click.command("settle")
@options.job
@click.argument("keys", nargs=-1)
@click.option("--accepted", "state", flag_value=State.ACCEPTED.value, help="The platform has them.")
@click.option("--resend", "state", flag_value=State.PENDING.value, help="It has not: send them again.")
@click.option("--skip", "state", flag_value=State.SKIPPED.value, help="Leave them out.")
@click.option("--all", "everything", is_flag=True, help="All that are uncertain, instead of KEYS.")
@click.option("--why", default="", help="A word for the record.")
@options.sandbox
@options.as_json
def command(  # noqa: PLR0913, PLR0917  one for each option
    job: Path,
    keys: tuple[str, ...],
    state: str | None,
    everything: bool,  # noqa: FBT001  a flag of the command line
    why: str,
    sandbox: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> int:
    """Decide uncertain messages: those with KEYS, as `etl status` lists them, or --all.

    Say what you found on the platform. --resend doubles a message if it was taken after all; the ledger keeps
    that it may be doubled. Every word is recorded with who, when and why.
    """
    if state is None:
        raise UsageError("say what you found: --accepted, --resend or --skip")
    if bool(keys) == everything:
        raise UsageError("name KEYS, or say --all")
    result = run_settle(load_job(job), sandbox=sandbox, state=State(state), keys=keys, why=why)
    if as_json:
        json.dump(
            {"settled": result.settled, "state": state, "left_uncertain": result.left_uncertain}, sys.stdout
        )
        sys.stdout.write("\n")
    else:
        say(f"{result.settled:,} settled as {state}; {result.left_uncertain:,} are still uncertain")
        say(f"next     etl import {job}" + (" --sandbox" if sandbox else ""))
    return 0
