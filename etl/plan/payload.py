"""Staged rows in two halves: what decides about them, for DuckDB, and what is written of them, for Arrow.

DuckDB orders what decides; whole rows are then put in that order by `arrange`. Having DuckDB sort whole rows
costs about twice as much, for carrying the texts along.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Protocol

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl.plan.connection import quoted
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
    """Rows by `WRITTEN`, in order of arrival, that grow and are then read back.

    They stay in memory while they take no more than `room_bytes`; beyond that all are in a private file.
    """

    def __init__(self, path: Path, *, room_bytes: int) -> None:
        self.path = path
        self.rows = 0
        self._room = room_bytes
        self._octets = 0
        self._held: list[pa.RecordBatch] = []
        self._file: pa.NativeFile | None = None
        self._writer: pa.RecordBatchFileWriter | None = None

    def add(self, table: pa.Table) -> None:
        """Add rows that have at least the columns of `WRITTEN`.

        Raises:
            OSError: the disk is full or not writable.
        """
        batches = table.select(WRITTEN.names).to_batches()
        self.rows += table.num_rows
        self._octets += sum(batch.nbytes for batch in batches)
        if self._writer is None and self._octets > self._room:
            self.path.touch(mode=0o600)
            self._file = pa.OSFile(str(self.path), "wb")
            self._writer = pa.ipc.new_file(self._file, WRITTEN)
            batches, self._held = self._held + batches, []
        if self._writer is None:
            self._held += batches
            return
        for batch in batches:
            self._writer.write_batch(batch)

    @property
    def spill(self) -> Path:
        """Return where a file can be made meanwhile."""
        return self.path.with_name("piles")

    def close(self) -> None:
        """End adding; doing it again changes nothing."""
        if self._writer is not None and self._file is not None and not self._file.closed:
            self._writer.close()
            self._file.close()

    def octets(self) -> int:
        """Return the size of what was added."""
        return self._octets

    def mapped(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows without copying: of a page that nobody looks at nothing is read.

        The file is mapped anew every so often, since what was looked at counts as memory while it is mapped.
        """
        if self._writer is None:
            yield from self._held
            return
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
        if self._writer is None:
            yield from self._held
            return
        with pa.OSFile(str(self.path)) as file:
            reader = pa.ipc.open_file(file)
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)


class Halves:
    """The writer of staged rows: `WRITTEN` to a payload, `DECIDING` to where DuckDB can read it.

    That is memory while it takes no more than `room_bytes`, beyond that a private Parquet file.
    """

    def __init__(self, path: Path, payload: Payload, *, room_bytes: int) -> None:
        self._path = path
        self._payload = payload
        self._room = room_bytes
        self._octets = 0
        self._held: list[pa.Table] = []
        self._writer: pq.ParquetWriter | None = None

    def write_table(self, table: pa.Table) -> None:
        """Take rows by `STAGED`.

        Raises:
            OSError: the disk is full or not writable.
        """
        rows = np.arange(self._payload.rows, self._payload.rows + table.num_rows)
        deciding = [table.append_column("row", pa.array(rows)).select(DECIDING.names)]
        self._payload.add(table)
        self._octets += deciding[0].nbytes
        if self._writer is None and self._octets > self._room:
            self._path.touch(mode=0o600)
            self._writer = pq.ParquetWriter(
                self._path,
                DECIDING,
                compression="none",
                use_dictionary=["role", "file"],
                write_statistics=False,
            )
            deciding, self._held = self._held + deciding, []
        if self._writer is None:
            self._held += deciding
            return
        for piece in deciding:
            self._writer.write_table(piece)

    def close(self) -> None:
        """Make what decides readable; the payload may still grow."""
        if self._writer is not None:
            self._writer.close()

    def offer(self, connection: duckdb.DuckDBPyConnection) -> str:
        """Return what of SQL these rows are read `FROM`; only by this connection, not by its cursors."""
        if self._writer is not None:
            return f"read_parquet({quoted(self._path)})"
        connection.register("deciding", pa.concat_tables([DECIDING.empty_table(), *self._held]))
        return "deciding"
