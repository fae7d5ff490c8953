"""`etl ledger export`: the results ledger as a table. Reads only; works beside a running import."""

import sys
from contextlib import closing
from pathlib import Path

from etl.config.load import JobFile
from etl.config.workspace import workspace
from etl.errors import UsageError
from etl.ledger.interface import EXPORT_SCHEMA
from etl.ledger.sqlite import open_readonly
from etl.report.export import TableFormat, write_file, write_table


def run_export(job_file: JobFile, *, sandbox: bool, table_format: TableFormat, output: Path | None) -> int:
    """Write all touched messages of a target to a file, or to stdout; return how many.

    Raises:
        UsageError: there is no ledger yet, or the file can't be written.
        LedgerError: the ledger can't be read.
    """
    space = workspace(job_file.state, job_file.job.target, sandbox=sandbox)
    ledger = open_readonly(space.ledger, target=space.target)
    if ledger is None:
        raise UsageError(
            f"nothing was imported to {space.target} yet: there is no ledger {space.ledger}",
            hint="" if sandbox else "for the sandbox's ledger say --sandbox",
        )
    with closing(ledger):
        if output is None:
            return write_table(ledger.export(), EXPORT_SCHEMA, sys.stdout.buffer, table_format=table_format)
        return write_file(ledger.export(), EXPORT_SCHEMA, output, table_format=table_format)
