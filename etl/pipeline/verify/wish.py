"""What the command line asks of `etl verify` beyond the job file."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from etl.verify.findings import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyWish:
    """What the command line asks beyond the job file."""

    sandbox: bool = False
    level: Level = Level.FULL
    files: tuple[Path, ...] = ()
    """Report files instead of the endpoint."""
    since: date | None = None
    until: date | None = None
    """The days for which the report files were made, both included."""
    sample_size: int = 300
    seed: str = ""
    settle: bool = False
