"""Arguments and options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from etl.cli import kinds
from etl.cli.gathered import Function, added
from etl.config.job import Job
from etl.config.override import Pace
from etl.sandbox.profiles import Profile

_UNFINISHED = click.Choice(["refuse", "carry", "drop"])


def job(function: Function) -> Function:
    """Add the job file as an argument."""
    return click.argument("job", type=click.Path(path_type=Path))(function)


def files(function: Function) -> Function:
    """Add source files as arguments; file names that begin with - come after --."""
    return click.argument("files", nargs=-1, type=click.Path())(function)


def as_json(function: Function) -> Function:
    """Add --json."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")(
        function
    )


def sandbox(function: Function) -> Function:
    """Add --sandbox."""
    return click.option(
        "--sandbox",
        is_flag=True,
        help="Use a stand-in platform that runs on this machine meanwhile; no account is needed.",
    )(function)


def rehearsed(function: Function) -> Function:
    """Add --sandbox where it only says whose ledger is meant."""
    return click.option(
        "--sandbox", is_flag=True, help="Of what was sent with --sandbox, instead of the job's target."
    )(function)


def cluster(function: Function) -> Function:
    """Add --cluster."""
    return click.option(
        "--cluster",
        metavar="ADDRESS",
        help="Let the workers of a Dask cluster do it: tcp://host:8786, tls://host:8786; or local, local:4: "
        "threads of this process. To send, they need a ledger in PostgreSQL.",
    )(function)


def cluster_words(address: str | None, job: Job) -> list[str]:
    """Return --cluster for a command to type that sends; a ledger that is a file is one process's."""
    return ["--cluster", address] if address and job.ledger else []


def profiles(name: str, text: str) -> Callable[[Function], Function]:
    """Return an option, by its name and help, that takes profiles of the sandbox."""
    kind = kinds.Parsed("profile", _profile)
    return click.option(name, multiple=True, type=kind, metavar="NAME", help=text)


def _profile(text: str) -> Profile:
    try:
        return Profile(text)
    except ValueError as error:
        raise ValueError(f"is none of {', '.join(Profile)}") from error


def recorded(function: Function) -> Function:
    """Add --why and --dry-run."""
    function = click.option(
        "--why", default="no reason given", show_default=True, help="The reason, for the record."
    )(function)
    return click.option("--dry-run", is_flag=True, help="Show which messages are meant; change nothing.")(
        function
    )


PACE: Final = (
    click.option(
        "--rate",
        type=kinds.RATE,
        metavar="N[/s|/min]",
        help="The most messages a second or a minute, such as 5 or 120/min, instead of the job's rate.",
    ),
    click.option(
        "--share",
        type=click.FloatRange(min=0, min_open=True, max=1),
        help="Use only this part of the rate, such as 0.75.",
    ),
    click.option(
        "--window",
        metavar="HH:MM-HH:MM",
        help="Send only in these hours, such as 22:00-06:00; an import outside ends with exit code 75.",
    ),
    click.option("--timezone", metavar="ZONE", help="The zone of --window, such as Europe/Copenhagen."),
)
"""What replaces the job's pace and hours: rate, share, window, timezone."""


def typed(job: Path, *, sandbox: bool) -> str:
    """Return the words after a command's name that mean the same job and target again."""
    return f"{job}{' --sandbox' if sandbox else ''}"


def words_of(pace: Pace) -> list[str]:
    """Return the words of a command line that say that pace."""
    return [word for name, value in pace.items() if value is not None for word in (f"--{name}", f"{value}")]


PLANNING: Final = (
    click.option(
        "--new-identity",
        is_flag=True,
        help="Plan although settings that decide a message's identity have changed.",
    ),
    click.option(
        "--unfinished",
        type=_UNFINISHED,
        help="What becomes of an earlier plan's unsent messages that this input does not hold: refuse to "
        "plan, carry them over, drop them; instead of the job's word.",
    ),
)
"""What decides which plan is made."""


def planning(function: Function) -> Function:
    """Add `PLANNING`."""
    return added(function, *PLANNING)
