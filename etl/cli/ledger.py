"""`etl ledger`."""

from pathlib import Path

import click

from etl.cli import options
from etl.cli.console import say
from etl.config.load import load_job
from etl.errors import UsageError
from etl.pipeline.export import run_export
from etl.report.export import TableFormat


@click.group("ledger")
def command() -> None:
    """Work with the results ledger: every message that was ever sent, and what came of it."""


@command.command("export")
@options.job
@click.option(
    "--format",
    "table_format",
    type=click.Choice([member.value for member in TableFormat]),
    default=TableFormat.CSV.value,
    show_default=True,
    help="In CSV, cells that a spreadsheet could take for a formula begin with '; JSON lines are exact.",
)
@click.option("--output", "-o", type=click.Path(path_type=Path), help="A file instead of stdout.")
@options.sandbox
def export(job: Path, table_format: str, output: Path | None, sandbox: bool) -> int:  # noqa: FBT001  a flag
    """Write the ledger as a table: ids, states, times, answers; no message text."""
    chosen = TableFormat(table_format)
    if chosen is TableFormat.PARQUET and output is None:
        raise UsageError("Parquet needs --output FILE")
    rows = run_export(load_job(job), sandbox=sandbox, table_format=chosen, output=output)
    if output is not None:
        say(f"{rows:,} messages written to {output}")
    return 0
