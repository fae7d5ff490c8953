"""`etl verify`."""

import shlex
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from secrets import token_hex

import click

from etl.cli import options
from etl.cli.console import Progress, give, say
from etl.cli.readback import lines
from etl.config.load import load_job
from etl.errors import UsageError
from etl.pipeline.verify.run import run_verify
from etl.pipeline.verify.wish import VerifyWish
from etl.verify.findings import Level

_DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command("verify")
@options.job
@click.option(
    "--from-file",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An e-mailed report (CSV, JSON lines, XLSX) instead of the endpoint; may be given again.",
)
@click.option("--since", type=_DAY, metavar="DAY", help="The first day that the report files were made for.")
@click.option(
    "--until", type=_DAY, metavar="DAY", help="The last one. Ask the platform for a day more at both ends."
)
@click.option(
    "--level",
    type=click.Choice([level.value for level in Level]),
    default=Level.FULL.value,
    show_default=True,
    help="Every message, a random sample with its bound, or only the numbers of each day.",
)
@click.option(
    "--sample-size",
    type=click.IntRange(1, 1_000_000),
    default=300,
    show_default=True,
    help="Messages of a random sample.",
)
@click.option(
    "--seed", help="Draws the same sample again; without it a new one is drawn, and its seed shown."
)
@click.option("--settle", is_flag=True, help="Record as accepted what is uncertain and proven to be there.")
@options.rehearsed
@options.as_json
def command(  # noqa: PLR0913, PLR0917  one for each option
    job: Path,
    files: tuple[Path, ...],
    since: datetime | None,
    until: datetime | None,
    level: str,
    sample_size: int,
    seed: str | None,
    settle: bool,  # noqa: FBT001  a flag of the command line
    sandbox: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
) -> int:
    """Read back what the platform has and compare it with the ledger. Sends nothing.

    Exit code 0: everything accepted is there, once and in order; 3: something is missing, doubled, shifted,
    swapped, uncertain, or the report can't tell.
    """
    _check(files, since, until, level=level, settle=settle)
    wish = VerifyWish(
        sandbox=sandbox,
        level=Level(level),
        files=files,
        since=since and since.date(),
        until=until and until.date(),
        sample_size=sample_size,
        seed=seed if seed is not None else token_hex(4),
        settle=settle,
    )
    with Progress(quiet=as_json) as progress:
        result = run_verify(load_job(job), wish, progress)
    if as_json:
        give(result.as_json())
    else:
        flags = ["--sandbox"] if sandbox else []
        for line in lines(result, shlex.join([str(job), *flags]), report=_report(wish)):
            say(line)
    return result.exit_code


def _report(wish: VerifyWish) -> str:
    """Return what says which report was read, as it is typed."""
    days = [f"--since={wish.since}", f"--until={wish.until}"] if wish.since else []
    return shlex.join([*(f"--from-file={file}" for file in wish.files), *days])


def _check(
    files: Sequence[Path], since: datetime | None, until: datetime | None, *, level: str, settle: bool
) -> None:
    if (since is None) != (until is None) or (since and until and until < since):
        raise UsageError("--since and --until belong together, the earlier day first")
    if since is not None and not files:
        raise UsageError("--since and --until say what the files of --from-file hold")
    if settle and level == Level.TOTALS.value:
        raise UsageError("numbers of days prove nothing of a single message: --settle needs another --level")
