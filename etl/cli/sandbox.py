"""`etl sandbox`."""

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar, Unpack

import click

from etl.cli import kinds, options
from etl.cli.console import say
from etl.cli.tables import table
from etl.errors import UsageError
from etl.pipeline.sandbox_table import run_sandbox_export
from etl.report.export import TableFormat
from etl.sandbox.conduct import Conduct
from etl.sandbox.control import Control
from etl.sandbox.conversations import SESSION_EXPIRATION_MINUTES
from etl.sandbox.errors import SandboxError
from etl.sandbox.faults import Rule
from etl.sandbox.profiles import Profile
from etl.sandbox.quota import Quota
from etl.sandbox.reports import REPORT_PATH
from etl.sandbox.serve import RunningSandbox, Setup, serve
from etl.sandbox.store import Store

Function = TypeVar("Function", bound=Callable[..., Any])

_DEPLOYMENT: Final = "00000000-0000-4000-8000-000000000000"
_STORE: Final = Path("etl-sandbox.sqlite")
_PORT: Final = 8_765
_USER_TOKEN: Final = "ETL_USER_TOKEN"  # noqa: S105  the name of a variable, no token


class _Wish(TypedDict):
    """The options of `_behaviour`."""

    profile: tuple[Profile, ...]
    fault: tuple[Rule, ...]
    quota: Quota | None
    seed: int


def _behaviour(function: Function) -> Function:
    """Add what makes it behave otherwise: profile, fault, quota, seed."""
    for option in reversed(
        (
            options.profiles("--profile", "Read the documentation this way (README: profiles); repeatable."),
            click.option(
                "--fault",
                multiple=True,
                type=kinds.Parsed("fault", Rule.parse),
                metavar="NAME=WHEN",
                help="Trouble by chance (reset-after-store=0.01), each fifth time (html=every:5) or on the "
                "third and seventh message (429=at:3,7); repeatable. README: faults.",
            ),
            click.option(
                "--quota",
                type=kinds.Parsed("quota", Quota.parse),
                metavar="N/s|min|h",
                help="Answer 429 with Retry-After to more messages than that.",
            ),
            click.option(
                "--seed",
                type=click.IntRange(0, 2**53 - 1),
                default=0,
                show_default=True,
                help="The same seed, the same faults in order of arrival.",
            ),
        )
    ):
        function = option(function)
    return function


_port = click.option("--port", type=click.IntRange(1, 65_535), default=_PORT, show_default=True)
_store = click.option(
    "--store",
    type=click.Path(path_type=Path),
    default=_STORE,
    show_default=True,
    help="The file in which it keeps what arrives.",
)


@click.group("sandbox", invoke_without_command=True)
@click.option("--store", type=click.Path(path_type=Path), help="Keep what arrives in this file.")
@click.option("--memory", is_flag=True, help="Keep nothing after the end.")
@click.option("--port", type=click.IntRange(0, 65_535), default=_PORT, show_default=True, help="0: any.")
@click.option("--deployment-id", default=_DEPLOYMENT, show_default=True, help="The deployment that exists.")
@click.option(
    "--session-expiration",
    type=click.IntRange(1, 525_600),
    default=SESSION_EXPIRATION_MINUTES,
    show_default=True,
    metavar="MINUTES",
    help="The silence after which a user's next message opens a conversation.",
)
@_behaviour
@click.pass_context
def command(
    context: click.Context,
    store: Path | None,
    memory: bool,  # noqa: FBT001  a flag of the command line
    port: int,
    deployment_id: str,
    session_expiration: int,
    **wish: Unpack[_Wish],
) -> int:
    """Serve a stand-in for the platform on 127.0.0.1: it takes standby messages, strictly, and keeps them.

    Point a job at it with target.base_url and export the tokens it prints. Ctrl-C ends it.
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return 0
    if store is not None and memory:
        raise UsageError("--store and --memory exclude each other")
    setup = Setup(
        store_path=None if memory else store or _STORE,
        deployment_id=deployment_id,
        port=port,
        conduct=_conduct(wish),
        session_expiration_minutes=session_expiration,
    )
    try:
        serve(setup, lambda running: _announce(running, setup))
    except SandboxError as error:
        raise UsageError(str(error)) from error
    return 0


@command.command("export", short_help="Write what was taken as a table.")
@_store
@table
def export(store: Path, table_format: str, output: Path | None) -> int:
    """Write every message that was taken, with its text, in order of arrival."""
    chosen = TableFormat(table_format)
    if chosen is TableFormat.PARQUET and output is None:
        raise UsageError("Parquet needs --output FILE")
    rows = run_sandbox_export(store, table_format=chosen, output=output)
    if output is not None:
        say(f"{rows:,} messages written to {output}")
    return 0


@command.command("switch", short_help="Let a running one behave otherwise.")
@_port
@_store
@_behaviour
def switch(port: int, store: Path, **wish: Unpack[_Wish]) -> int:
    """Let the sandbox that runs on --port behave otherwise; without any option, well again."""
    try:
        conduct = _control(port, store).switch(_conduct(wish))
    except SandboxError as error:
        raise UsageError(str(error)) from error
    say(f"behaves  {conduct}, from the next message on")
    return 0


@command.command("new-token", short_help="Revoke the token of a running one.")
@_port
@_store
def new_token(port: int, store: Path) -> int:
    """Generate the chat API token of a running sandbox anew and print it; the old one is refused at once."""
    try:
        click.echo(_control(port, store).renew_token())
    except SandboxError as error:
        raise UsageError(str(error)) from error
    return 0


def _control(port: int, store: Path) -> Control:
    """Return a way to a running sandbox, with the user's token of the environment or of its store."""
    token = os.environ.get(_USER_TOKEN)
    if token is None and store.exists():
        with closing(Store.open(store)) as opened:
            token = opened.user_token
    if token is None:
        raise UsageError(
            f"there is no {store}, which knows the user's token",
            hint=f"say --store FILE, or set {_USER_TOKEN}",
        )
    return Control(port=port, user_token=token)


def _conduct(wish: _Wish) -> Conduct:
    return Conduct(profiles=wish["profile"], faults=wish["fault"], quota=wish["quota"], seed=wish["seed"])


def _refuse_options(context: click.Context) -> None:
    given = click.core.ParameterSource.COMMANDLINE
    for name in context.params:
        if context.get_parameter_source(name) is given:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(
                f"{option} belongs behind `{context.invoked_subcommand}`, or to the server alone"
            )


def _announce(running: RunningSandbox, setup: Setup) -> None:
    say(f"sandbox  {running.base_url}   (Ctrl-C ends it)")
    say(f"inbox    {running.inbox_url}")
    say("         opens once; later the page asks for the token below")
    say(f"keeps    {running.store_path or 'nothing: in memory'}")
    say(f"behaves  {setup.conduct}")
    say("in the job file:")
    say("  [target]")
    say(f'  base_url = "{running.base_url}"')
    say(f'  deployment_id = "{running.deployment_id}"')
    say("  [verify]")
    say(f'  path = "{REPORT_PATH}"')
    say(f'  bot_id = "{running.bot_id}"')
    say("in the shell:")
    say(f"  export ETL_TOKEN={running.token}")
    say(f"  export ETL_USER_TOKEN={running.user_token}")
