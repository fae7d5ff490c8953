"""The run report: what an import did, for machines, as a private file that appears whole or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etl.report.files import private_file


def write_report(path: Path, result: Mapping[str, Any]) -> None:
    """Write a report as JSON.

    Raises:
        UsageError: the file can't be written; the run itself is safe in the ledger.
    """
    text = json.dumps(result, indent=2) + "\n"
    with private_file(path, hint="the ledger holds everything; etl status shows it") as sink:
        sink.write(text.encode())
