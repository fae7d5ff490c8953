"""Staged rows in two halves: what decides about them, for DuckDB, and what is written of them, for Arrow.

DuckDB orders what decides; whole rows are then put in that order by `arrange`. Having DuckDB sort whole rows
costs about twice as much, for carrying the texts along.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl.plan.tables import MESSAGES, STAGED

_BATCHES_PER_MAP: Final = 64

WRITTEN: Final = pa.schema([*MESSAGES, STAGED.field("characters")])
"""What is written of a message."""

_DECIDES: Final = (
    "key", "content", "lane", "at_us", "sequence", "role", "file", "line", "file_number", "place",
)  # fmt: skip
DECIDING: Final = pa.schema([*map(STAGED.field, _DECIDES), ("row", pa.int64())])
"""What decides about a message; `row` is its number in the payload."""


class Rows(Protocol):
    """Rows by `WRITTEN`, in order of arrival, wherever they lie."""

    @property
    def rows(self) -> int:
        """Return how many."""

    @property
    def spill(self) -> Path:
        """Return where a file can be made meanwhile."""

    def close(self) -> None:
        """End adding; doing it again changes nothing."""

    def octets(self) -> int:
        """Return about how many bytes they take."""

    def mapped(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows without copying: of a page that nobody looks at nothing is read."""

    def loaded(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in memory of their own: what was mapped once would count until the end."""


class Payload:
    """A private file of rows by `WRITTEN`, in order of arrival, that grows and is then read back.

    Raises:
        OSError: the disk is full or not writable.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        path.touch(mode=0o600)
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, WRITTEN)

    def add(self, table: pa.Table) -> None:
        """Add rows that have at least the columns of `WRITTEN`."""
        self._writer.write_table(table.select(WRITTEN.names))
        self.rows += table.num_rows

    @property
    def spill(self) -> Path:
        """Return where a file can be made meanwhile."""
        return self.path.with_name("piles")

    def close(self) -> None:
        """End adding; doing it again changes nothing."""
        if not self._file.closed:
            self._writer.close()
            self._file.close()

    def octets(self) -> int:
        """Return the size of what was added."""
        return self.path.stat().st_size

    def mapped(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows without copying: of a page that nobody looks at nothing is read.

        The file is mapped anew every so often, since what was looked at counts as memory while it is mapped.
        """
        first, number = 0, 1
        while first < number:
            with pa.memory_map(str(self.path)) as file:
                reader = pa.ipc.open_file(file)
                number = reader.num_record_batches
                for place in range(first, min(first + _BATCHES_PER_MAP, number)):
                    yield reader.get_batch(place)
            first += _BATCHES_PER_MAP

    def loaded(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in memory of their own: what was mapped once would count until the end."""
        with pa.OSFile(str(self.path)) as file:
            reader = pa.ipc.open_file(file)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)


class Halves:
    """The writer of staged rows: `DECIDING` into a Parquet file, `WRITTEN` into a payload."""

    def __init__(self, path: Path, payload: Payload) -> None:
        self._payload = payload
        path.touch(mode=0o600)
        self._deciding = pq.ParquetWriter(
            path, DECIDING, compression="none", use_dictionary=["role", "file"], write_statistics=False
        )

    def write_table(self, table: pa.Table) -> None:
        """Take rows by `STAGED`."""
        rows = np.arange(self._payload.rows, self._payload.rows + table.num_rows)
        self._deciding.write_table(table.append_column("row", pa.array(rows)).select(DECIDING.names))
        self._payload.add(table)

    def close(self) -> None:
        """Make what decides readable; the payload may still grow."""
        self._deciding.close()
