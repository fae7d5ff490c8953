"""`etl import`."""

from dataclasses import replace
from pathlib import Path
from typing import Unpack

import click

from etl.cli import check, options
from etl.cli.observing import LogWish, logging_options
from etl.cli.sending import NO_PROFILE, Words, pace_of, send, sending, trust_of
from etl.config.load import load_job
from etl.config.override import with_pace
from etl.pipeline.run import ImportWish, run_import
from etl.pipeline.validation import ReportWish
from etl.pipeline.wish import Wish


@click.command("import")
@options.job
@options.files
@sending
@click.option("--dry-run", is_flag=True, help="The same as `etl check`.")
@options.planning
@logging_options
@options.as_json
def command(  # noqa: PLR0913  one for each group of options
    *,
    job: Path,
    files: tuple[str, ...],
    dry_run: bool,
    unfinished: str | None,
    new_identity: bool,
    log: LogWish,
    as_json: bool,
    **words: Unpack[Words],
) -> int:
    """Plan the input and send it, one message at a time for each user, at the configured rate.

    FILES are read instead of the job's. Run again, the same command goes on where it was; a message that was
    accepted is never sent again. The first Ctrl-C finishes what is in flight, the second leaves at once.
    --max-duration, --max-messages and --max-errors end a run in the same good order, with exit code 3.
    """
    wish = Wish(
        files=files, unfinished=unfinished, new_identity=new_identity, expect_plan=words["expect_plan"]
    )
    job_file = with_pace(load_job(job), **pace_of(words))
    if dry_run:
        if words["sandbox_profile"]:
            raise click.UsageError(NO_PROFILE)
        if words["cluster"]:
            raise click.UsageError("--cluster needs messages to be sent: leave out --dry-run")
        return check.run(
            job_file,
            replace(wish, cluster=words["cluster"]),
            log=log,
            sandbox=words["sandbox"],
            as_json=as_json,
            report=ReportWish(),
            words=options.words_of(pace_of(words)),
        )
    trust = trust_of(words)
    return send(
        job_file,
        words,
        lambda how, observe: run_import(job_file, ImportWish(plan=wish, send=how, trust=trust), observe),
        log=log,
        as_json=as_json,
    )
