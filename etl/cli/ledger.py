"""`etl ledger`."""

from pathlib import Path

import click

from etl.cli import options
from etl.cli.console import give, say
from etl.cli.tables import table
from etl.config.load import load_job
from etl.errors import UsageError
from etl.pipeline.backup import run_backup
from etl.pipeline.export import run_export
from etl.report.export import TableFormat


@click.group("ledger")
def command() -> None:
    """Work with the results ledger: every message that was ever sent, and what came of it."""


@command.command("export", short_help="Write it as a table, without message texts.")
@options.job
@table
@options.rehearsed
def export(job: Path, table_format: str, output: Path | None, sandbox: bool) -> int:  # noqa: FBT001  a flag
    """Write the ledger as a table: ids, states, times, answers; no message text."""
    chosen = TableFormat(table_format)
    if chosen is TableFormat.PARQUET and output is None:
        raise UsageError("Parquet needs --output FILE")
    rows = run_export(load_job(job), sandbox=sandbox, table_format=chosen, output=output)
    if output is not None:
        say(f"{rows:,} messages written to {output}")
    return 0


@command.command("backup", short_help="Copy it and check the copy, also while an import runs.")
@options.job
@click.argument("target", type=click.Path(path_type=Path), required=False)
@options.rehearsed
@options.as_json
def backup(job: Path, target: Path | None, sandbox: bool, as_json: bool) -> int:  # noqa: FBT001  flags
    """Copy the ledger to TARGET, a file or a folder, and check the copy; also while an import runs.

    Without TARGET it goes into `backups`, beside the ledger. It replaces nothing. A ledger that is put back
    from a copy does not know what was sent since: `etl import JOB --restored` takes that into account.

    A ledger in PostgreSQL is copied by pg_dump; the command to type is shown, with exit code 2.
    """
    done = run_backup(load_job(job), sandbox=sandbox, target=target)
    if as_json:
        found = {"path": str(done.path), "messages": done.messages, "size_bytes": done.size_bytes}
        give(found)
    else:
        say(f"backup   {done.path}: {done.messages:,} messages, {done.size_bytes:,} bytes, checked")
    return 0
