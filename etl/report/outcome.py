"""The run report: what an import did, for machines, as a private file that appears whole or not at all."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etl.errors import UsageError


def write_report(path: Path, result: Mapping[str, Any]) -> None:
    """Write a report as JSON.

    Raises:
        UsageError: the file can't be written; the run itself is safe in the ledger.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)
        part.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UsageError(
            f"report {path} can't be written: {error.strerror}",
            hint="the ledger holds everything; etl status shows it",
        ) from error
