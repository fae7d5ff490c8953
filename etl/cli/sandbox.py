"""`etl sandbox`."""

from pathlib import Path

import click

from etl.cli.console import say
from etl.errors import UsageError
from etl.sandbox.errors import SandboxError
from etl.sandbox.reports import REPORT_PATH
from etl.sandbox.serve import RunningSandbox, Setup, serve

_DEPLOYMENT = "00000000-0000-4000-8000-000000000000"


@click.command("sandbox")
@click.option("--store", type=click.Path(path_type=Path), help="Keep what arrives in this file.")
@click.option("--memory", is_flag=True, help="Keep nothing after the end.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8_765, show_default=True, help="0: any.")
@click.option("--deployment-id", default=_DEPLOYMENT, show_default=True, help="The deployment that exists.")
def command(store: Path | None, memory: bool, port: int, deployment_id: str) -> int:  # noqa: FBT001  a flag
    """Serve a stand-in for the platform on 127.0.0.1: it takes standby messages, strictly, and keeps them.

    Point a job at it with target.base_url and export the token it prints. Ctrl-C ends it.
    """
    if store is not None and memory:
        raise UsageError("--store and --memory exclude each other")
    path = None if memory else store or Path("etl-sandbox.sqlite")
    try:
        serve(Setup(store_path=path, deployment_id=deployment_id, port=port), _announce)
    except SandboxError as error:
        raise UsageError(str(error)) from error
    return 0


def _announce(running: RunningSandbox) -> None:
    say(f"sandbox  {running.base_url}   (Ctrl-C ends it)")
    say(f"keeps    {running.store_path or 'nothing: in memory'}")
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
