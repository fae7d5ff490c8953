"""What `import` and `replay` share: their options, the question after a canary, and what people read."""

from collections.abc import Callable
from typing import Final

import click

from etl.cli import kinds, options
from etl.cli.console import at_terminal, give, say
from etl.cli.gathered import Function, added
from etl.cli.observing import LogWish, Watch, observing
from etl.cli.outcome import canary_lines, result_lines
from etl.config.load import JobFile
from etl.config.override import Pace
from etl.pipeline.opening import Trust
from etl.pipeline.result import Canary, ImportResult
from etl.pipeline.sending import SendWish
from etl.pipeline.told import Observe, told
from etl.replay.limits import ErrorBudget
from etl.sandbox.profiles import Profile

NO_PROFILE: Final = "--sandbox-profile needs --sandbox, and messages to be sent"


class Words(Pace):
    """The options by name."""

    sandbox: bool
    cluster: str | None
    sandbox_profile: tuple[Profile, ...]
    limit_lanes: int | None
    canary: bool
    max_duration: float | None
    max_messages: int | None
    max_errors: ErrorBudget | None
    expect_plan: str | None
    trust: str | None


_OPTIONS = (
    options.sandbox,
    options.profiles(
        "--sandbox-profile",
        "Rehearse trouble: the stand-in of --sandbox behaves so (README: profiles); repeatable.",
    ),
    options.cluster,
    *options.PACE,
    click.option("--limit-lanes", type=click.IntRange(min=1), help="A trial: the first N users, by name."),
    click.option(
        "--canary",
        is_flag=True,
        help="Send the first user by name, then ask for the rest; without a terminal end there, exit code 3.",
    ),
    click.option("--max-duration", type=kinds.DURATION, metavar="TIME", help="End after 45s, 90min or 2h."),
    click.option("--max-messages", type=click.IntRange(min=1), help="End when so many messages are sent."),
    click.option(
        "--max-errors",
        type=kinds.Parsed("errors", ErrorBudget.parse),
        metavar="N|P%",
        help="End when more than that are rejected or uncertain; a share counts from 100 messages on.",
    ),
    click.option("--expect-plan", metavar="HASH", help="Send only the plan that was approved."),
    click.option(
        "--new-ledger",
        "trust",
        flag_value=Trust.NEW.value,
        help="Begin anew although a ledger is remembered: what was sent before is sent again.",
    ),
    click.option(
        "--restored",
        "trust",
        flag_value=Trust.RESTORED.value,
        help="The ledger was put back from a copy: what it does not know as settled becomes uncertain.",
    ),
)


def sending(function: Function) -> Function:
    """Add what decides how a plan is sent, as `Words`."""
    return added(function, *_OPTIONS)


def pace_of(words: Words) -> Pace:
    """Return the words on pace alone."""
    return {name: words[name] for name in Pace.__annotations__}  # type: ignore[literal-required,return-value]


def trust_of(words: Words) -> Trust:
    """Return what is said of the ledger."""
    return Trust(words["trust"]) if words["trust"] else Trust.REMEMBERED


def send(
    job_file: JobFile,
    words: Words,
    run: Callable[[SendWish, Observe], ImportResult],
    *,
    log: LogWish,
    as_json: bool,
) -> int:
    """Run what sends, with progress or a log, print its result and return its exit code."""
    if words["canary"] and words["limit_lanes"] is not None:
        raise click.UsageError("--canary and --limit-lanes exclude each other")
    if words["sandbox_profile"] and not words["sandbox"]:
        raise click.UsageError(NO_PROFILE)
    asks = at_terminal() and not as_json and not log.instead_of_text
    with observing(log, quiet=as_json) as watch:
        wish = SendWish(
            sandbox=words["sandbox"],
            cluster=words["cluster"],
            sandbox_profiles=words["sandbox_profile"],
            expect_plan=words["expect_plan"],
            limit_lanes=words["limit_lanes"],
            max_duration_seconds=words["max_duration"],
            max_messages=words["max_messages"],
            max_errors=words["max_errors"],
            canary=words["canary"],
            confirm=_confirmed_by(watch) if asks else lambda _: False,
        )
        result = told(job_file, lambda observe: run(wish, observe), watch, sandbox=wish.sandbox)
    if as_json:
        give(result.as_json())
    elif not log.instead_of_text:
        for line in result_lines(result, job_file.path):
            say(line)
    return result.exit_code


def _confirmed_by(watch: Watch) -> Callable[[Canary], bool]:
    def confirm(canary: Canary) -> bool:
        watch.pause()
        for line in canary_lines(canary):
            say(line)
        return click.confirm(f"send the other {canary.pending:,} messages?", err=True)

    return confirm
