"""Answers kept between two tries of one reading: an interrupted `etl verify` goes on where it was.

No text is in them, only digests. They are used for an hour, for the same ledger and settings, and are gone
once a reading is complete.
"""

import shutil
from hashlib import sha256
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from etl.clock import MICROSECONDS, SYSTEM
from etl.config.verify import Verify
from etl.report.files import private_file
from etl.verify.theirs import KEPT
from etl.verify.windows import Window

_KEPT_SECONDS: Final = 3_600


class Spool:
    """The answers of one reading; only one process may use its folder, which exists."""

    def __init__(self, folder: Path, settings: Verify, *, ledger_mark: str) -> None:
        name = sha256(f"{ledger_mark}\n{settings.model_dump_json()}".encode()).hexdigest()[:12]
        self._folder = folder / f"answers-{name}"
        for other in folder.glob("answers-*"):
            if other != self._folder or _is_old(other):
                shutil.rmtree(other, ignore_errors=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)

    def load(self, window: Window) -> pa.Table | None:
        """Return what was kept of a window by `KEPT`, if anything."""
        try:
            return pq.read_table(self._path(window), schema=KEPT)
        except (OSError, pa.ArrowException):
            return None

    def save(self, window: Window, rows: pa.Table) -> None:
        """Keep an answer.

        Raises:
            UsageError: it can't be written.
        """
        with private_file(self._path(window), hint="free disk space beside the ledger") as sink:
            pq.write_table(rows, sink)

    def clear(self) -> None:
        """Forget everything: the reading is complete."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, window: Window) -> Path:
        return self._folder / f"{window.first}_{window.last}.parquet"


def _is_old(folder: Path) -> bool:
    try:
        age = SYSTEM.wall_us() / MICROSECONDS - folder.stat().st_mtime
    except OSError:
        return True
    return not 0 <= age < _KEPT_SECONDS
