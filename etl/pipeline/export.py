"""`etl ledger export`: the results ledger as a table. Reads only; works beside a running import."""

import sys
from pathlib import Path

from etl.config.load import JobFile
from etl.config.workspace import workspace
from etl.ledger.interface import EXPORT_SCHEMA
from etl.pipeline.opening import read
from etl.report.export import TableFormat, write_file, write_table


def run_export(job_file: JobFile, *, sandbox: bool, table_format: TableFormat, output: Path | None) -> int:
    """Write all touched messages of a target to a file, or to stdout; return how many.

    Raises:
        UsageError: there is no ledger yet, or the file can't be written.
        LedgerError: the ledger can't be read.
    """
    space = workspace(job_file.state, job_file.job.target, sandbox=sandbox, ledger=job_file.job.ledger)
    with read(space) as ledger:
        if output is None:
            return write_table(ledger.export(), EXPORT_SCHEMA, sys.stdout.buffer, table_format=table_format)
        return write_file(ledger.export(), EXPORT_SCHEMA, output, table_format=table_format)
