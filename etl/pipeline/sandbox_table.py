"""`etl sandbox export`: what a sandbox took, as a table. Works beside a running one."""

import sys
from contextlib import closing
from pathlib import Path

from etl.errors import UsageError
from etl.report.export import TableFormat, write_file, write_table
from etl.sandbox.errors import SandboxError
from etl.sandbox.store import Store
from etl.sandbox.table import SCHEMA, tables


def run_sandbox_export(path: Path, *, table_format: TableFormat, output: Path | None) -> int:
    """Write all messages of a sandbox's store to a file, or to stdout; return how many.

    Raises:
        UsageError: there is no such store, or the file can't be written.
    """
    if not path.exists():
        raise UsageError(
            f"there is no {path}", hint="say --store FILE; `etl import … --sandbox` names its own at the end"
        )
    try:
        with closing(Store.open(path)) as store:
            if output is None:
                return write_table(tables(store), SCHEMA, sys.stdout.buffer, table_format=table_format)
            return write_file(tables(store), SCHEMA, output, table_format=table_format)
    except SandboxError as error:
        raise UsageError(str(error)) from error
