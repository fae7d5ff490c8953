"""The options of what writes a table."""

from pathlib import Path

import click

from etl.cli.gathered import Function, added
from etl.report.export import TableFormat


def table(function: Function) -> Function:
    """Add --format and --output, as `table_format` and `output`."""
    return added(
        function,
        click.option(
            "--format",
            "table_format",
            type=click.Choice([member.value for member in TableFormat]),
            default=TableFormat.CSV.value,
            show_default=True,
            help="In CSV, cells that a spreadsheet could take for a formula begin with '; "
            "JSON lines are exact.",
        ),
        click.option("--output", "-o", type=click.Path(path_type=Path), help="A file instead of stdout."),
    )
