"""Arguments and options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])

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


def rate(function: Function) -> Function:
    """Add --rate."""
    return click.option(
        "--rate",
        type=click.FloatRange(min=0, min_open=True, max=10_000),
        help="Messages per second, instead of replay.rate_per_second.",
    )(function)


def planning(function: Function) -> Function:
    """Add what decides which plan is made."""
    function = click.option(
        "--unfinished",
        type=_UNFINISHED,
        help="What becomes of an earlier plan's unsent messages that this input does not hold.",
    )(function)
    return click.option(
        "--new-identity",
        is_flag=True,
        help="Plan although settings that decide a message's identity have changed.",
    )(function)
