"""`etl import`."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Unpack

import click

from etl.cli import check, kinds, options
from etl.cli.console import at_terminal, say
from etl.cli.observing import Watch, log_wish, logging_options, observing
from etl.cli.outcome import canary_lines, result_lines
from etl.config.load import load_job
from etl.config.override import Pace, with_pace
from etl.pipeline.opening import Trust
from etl.pipeline.prepare import Wish
from etl.pipeline.result import Canary
from etl.pipeline.run import ImportWish
from etl.pipeline.sending import SendWish
from etl.pipeline.told import run_told_import
from etl.pipeline.validation import ReportWish
from etl.replay.limits import ErrorBudget
from etl.sandbox.profiles import Profile


@click.command("import")
@options.job
@options.files
@options.sandbox
@options.profiles(
    "--sandbox-profile",
    "Rehearse trouble: the stand-in of --sandbox behaves so (README: profiles); repeatable.",
)
@options.pace
@click.option("--limit-lanes", type=click.IntRange(min=1), help="A trial: only the first N users, by name.")
@click.option(
    "--canary",
    is_flag=True,
    help="Send the first user by name, then ask for the rest; without a terminal end there, exit code 3.",
)
@click.option("--max-duration", type=kinds.DURATION, metavar="TIME", help="End after 45s, 90min or 2h.")
@click.option("--max-messages", type=click.IntRange(min=1), help="End when so many messages are sent.")
@click.option(
    "--max-errors",
    type=kinds.Parsed("errors", ErrorBudget.parse),
    metavar="N|P%",
    help="End when more messages than that are rejected or uncertain; a share counts from 100 messages on.",
)
@click.option("--expect-plan", metavar="HASH", help="Send only the plan that was approved; refuse another.")
@click.option(
    "--new-ledger",
    "trust",
    flag_value=Trust.NEW.value,
    help="Begin anew although a ledger is remembered: what was sent before is not known and is sent again.",
)
@click.option(
    "--restored",
    "trust",
    flag_value=Trust.RESTORED.value,
    help="The ledger was put back from a copy: what it does not know as settled becomes uncertain.",
)
@click.option("--dry-run", is_flag=True, help="The same as `etl check`.")
@options.planning
@logging_options
@options.as_json
def command(  # noqa: PLR0913, PLR0917  one for each option
    job: Path,
    files: tuple[str, ...],
    sandbox: bool,  # noqa: FBT001  a flag of the command line
    sandbox_profile: tuple[Profile, ...],
    limit_lanes: int | None,
    canary: bool,  # noqa: FBT001
    max_duration: float | None,
    max_messages: int | None,
    max_errors: ErrorBudget | None,
    expect_plan: str | None,
    trust: str | None,
    dry_run: bool,  # noqa: FBT001
    unfinished: str | None,
    new_identity: bool,  # noqa: FBT001
    log_file: Path | None,
    log_format: str | None,
    log_level: str,
    as_json: bool,  # noqa: FBT001
    **pace: Unpack[Pace],
) -> int:
    """Plan the input and send it, one message at a time for each user, at the configured rate.

    FILES are read instead of the job's. Run again, the same command goes on where it was; a message that was
    accepted is never sent again. The first Ctrl-C finishes what is in flight, the second leaves at once.
    --max-duration, --max-messages and --max-errors end a run in the same good order, with exit code 3.
    """
    if canary and limit_lanes is not None:
        raise click.UsageError("--canary and --limit-lanes exclude each other")
    if sandbox_profile and (dry_run or not sandbox):
        raise click.UsageError("--sandbox-profile needs --sandbox, and messages to be sent")
    wish = Wish(files=files, unfinished=unfinished, new_identity=new_identity, expect_plan=expect_plan)
    log = log_wish(log_file, log_format, log_level)
    job_file = with_pace(load_job(job), **pace)
    if dry_run:
        return check.run(job_file, wish, log=log, sandbox=sandbox, as_json=as_json, report=ReportWish())
    asks = at_terminal() and not as_json and not log.instead_of_text
    with observing(log, quiet=as_json) as watch:
        result = run_told_import(
            job_file,
            ImportWish(
                plan=wish,
                send=SendWish(
                    sandbox=sandbox,
                    sandbox_profiles=sandbox_profile,
                    expect_plan=expect_plan,
                    limit_lanes=limit_lanes,
                    max_duration_seconds=max_duration,
                    max_messages=max_messages,
                    max_errors=max_errors,
                    canary=canary,
                    confirm=_confirmed_by(watch) if asks else lambda _: False,
                ),
                trust=Trust(trust) if trust else Trust.REMEMBERED,
            ),
            watch,
        )
    if as_json:
        json.dump(result.as_json(), sys.stdout)
        sys.stdout.write("\n")
    elif not log.instead_of_text:
        for line in result_lines(result, job):
            say(line)
    return result.exit_code


def _confirmed_by(watch: Watch) -> Callable[[Canary], bool]:
    def confirm(canary: Canary) -> bool:
        watch.pause()
        for line in canary_lines(canary):
            say(line)
        return click.confirm(f"send the other {canary.pending:,} messages?", err=True)

    return confirm
