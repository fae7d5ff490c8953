"""`etl replay`."""

from pathlib import Path
from typing import Unpack

import click

from etl.cli import options
from etl.cli.observing import LogWish, logging_options
from etl.cli.sending import Words, pace_of, send, sending, trust_of
from etl.config.load import load_job
from etl.config.override import with_pace
from etl.pipeline.replay import ReplayWish, run_replay


@click.command("replay")
@options.job
@click.option("--plan", metavar="HASH", help="The plan to send, instead of the newest that fits the ledger.")
@sending
@logging_options
@options.as_json
def command(
    *,
    job: Path,
    plan: str | None,
    log: LogWish,
    as_json: bool,
    **words: Unpack[Words],
) -> int:
    """Send a plan that `etl plan` made, without reading the input: the second half of `etl import`.

    It sends the newest plan of the job that was made of the ledger as it is now, or else goes on with the one
    under way. A plan that the ledger has outgrown, or that the job's settings no longer fit, is refused.
    """
    job_file = with_pace(load_job(job), **pace_of(words))
    trust = trust_of(words)
    return send(
        job_file,
        words,
        lambda how, observe: run_replay(job_file, ReplayWish(send=how, plan=plan, trust=trust), observe),
        log=log,
        as_json=as_json,
    )
