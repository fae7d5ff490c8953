"""`etl retry`."""

from pathlib import Path

import click

from etl.cli import options
from etl.cli.choosing import choosing, chosen_json, chosen_lines
from etl.cli.console import Progress, give, say
from etl.config.load import load_job
from etl.pipeline.choosing import Choice
from etl.pipeline.retry import Late, RetryResult, RetryWish, run_retry


@click.command("retry")
@options.job
@choosing
@click.option(
    "--late",
    type=click.Choice([member.value for member in Late]),
    default=Late.REFUSE.value,
    show_default=True,
    help="Where later messages of the same user were accepted: refuse all, leave those, send out of order.",
)
@options.recorded
@options.rehearsed
@options.as_json
def command(  # noqa: PLR0913  one for each group of options
    *, job: Path, choice: Choice, late: str, why: str, dry_run: bool, sandbox: bool, as_json: bool
) -> int:
    """Put rejected messages back: those with KEYS, or of a user, code or run. The next import sends them.

    A refusal is for good unless something has changed since: the bot's settings, a limit. Each user's
    messages leave in their order; where later ones were accepted meanwhile, a retry arrives out of order,
    and that needs a word (--late). Every word is recorded with who, when and why.
    """
    wish = RetryWish(
        choice=choice,
        late=Late(late),
        why=why,
        sandbox=sandbox,
        dry_run=dry_run,
    )
    with Progress(quiet=as_json) as progress:
        result = run_retry(load_job(job), wish, progress)
    if as_json:
        counts = {"late": result.late, "put_back": result.put_back, "closed": result.closed}
        give({**chosen_json(result.chosen), **counts})
    else:
        _show(result, options.typed(job, sandbox=sandbox), dry_run=dry_run)
    return 0


def _show(result: RetryResult, job: str, *, dry_run: bool) -> None:
    for line in chosen_lines(result.chosen):
        say(line)
    if result.late:
        say(f"late     {result.late:,} of them: later messages of their users were accepted already")
    if result.closed:
        say(f"closed   {result.closed:,} more fit, in plans that are no longer under way: they can't be sent")
    if dry_run:
        say("dry run  nothing was changed")
        return
    say(f"put back {result.put_back:,}")
    say(f"next     etl {'import' if result.put_back else 'status'} {job}")
