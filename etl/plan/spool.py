"""Rows on their way into DuckDB: gathered, then written beside the plan in large pieces.

Chosen over a table of DuckDB: a scan of these files needs next to none of its memory limit, so the sort
has all of it, and inserts of less than a row group (122,880 rows) cost five times as much. Not packed:
packing and unpacking cost more than the disk that they save for so short a time.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from etl.errors import InputError

_ROWS_PER_PIECE: Final = 65_536
_BYTES_PER_PIECE: Final = 32 << 20
"""What is gathered is outside DuckDB's limit, so long texts make the pieces smaller."""


def _as_it_is(rows: pa.Table) -> pa.Table:
    return rows


class Writer(Protocol):
    """Where the pieces of a spool go."""

    def write_table(self, table: pa.Table) -> None:
        """Take the next rows."""

    def close(self) -> None:
        """Make what was written readable; doing it again changes nothing."""


class Spool:
    """A Parquet file that grows, beside what is added; private, and gone with its folder.

    Raises:
        InputError: the disk is full or not writable.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        *,
        dictionary: tuple[str, ...] = (),
        finish: Callable[[pa.Table], pa.Table] = _as_it_is,
        writer: Writer | None = None,
    ) -> None:
        """Prepare; what is added passes through `finish` in large pieces, and then has the schema.

        With `writer` it goes there instead of into the file.

        `finish` is called in a thread of the spool's own, one piece after another.
        """
        self.path = path
        self._finish = finish
        self._gathered: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0
        self._beside = ThreadPoolExecutor(max_workers=1)
        self._writing: Future[None] | None = None
        try:
            path.touch(mode=0o600)
            self._writer: Writer = writer or pq.ParquetWriter(
                path, schema, compression="none", use_dictionary=list(dictionary), write_statistics=False
            )
        except OSError as error:
            raise unwritable(path, error) from error

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows that all have one schema."""
        if not batch.num_rows:
            return
        self._gathered.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= _ROWS_PER_PIECE or self._bytes >= _BYTES_PER_PIECE:
            self._write()

    def close(self) -> None:
        """Write what is left; the file can then be read. Doing it again changes nothing."""
        self._write()
        self._written()
        self._beside.shutdown()
        try:
            self._writer.close()
        except (OSError, pa.ArrowException) as error:
            raise unwritable(self.path, error) from error

    def abandon(self) -> None:
        """End what is being written, whatever comes of it; the file is not wanted any more."""
        self._beside.shutdown()

    def _write(self) -> None:
        """Have what is gathered written; only one piece is on its way, which bounds the memory."""
        gathered, self._gathered, self._rows, self._bytes = self._gathered, [], 0, 0
        if gathered:
            self._written()
            self._writing = self._beside.submit(self._put, gathered)

    def _written(self) -> None:
        """Wait for the piece on its way, and fail if it failed."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def _put(self, gathered: list[pa.RecordBatch]) -> None:
        try:
            self._writer.write_table(self._finish(pa.Table.from_batches(gathered)))
        except (OSError, pa.ArrowException) as error:
            raise unwritable(self.path, error) from error


def unwritable(path: Path, error: Exception) -> InputError:
    """Return the error that says where and why nothing can be staged."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    return InputError(
        f"{path.parent.parent}: the input can't be staged there: {reason}",
        hint="free disk space beside the plans",
    )
