"""Staging: message batches and rejects gather on disk, out of core, until the plan is ordered."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl.errors import InputError
from etl.model.plan import PlanFolder
from etl.model.schemas import FileSummary, NormalizedBatch
from etl.plan.connection import connected, quoted
from etl.plan.digests import compute
from etl.plan.parts import messages_sql, numbered_sql
from etl.plan.payload import DECIDING, WRITTEN, Halves, Payload
from etl.plan.repeats import find_repeats, view_staged
from etl.plan.spool import Spool, Writer, unwritable
from etl.plan.tables import ARRIVED, STAGED, STAGED_REJECTS, TOUCHED
from etl.plan.tally import Tally

_CARRIED: Final = -(1 << 40)
"""Added to the place in an unfinished plan, it is the place of a message taken over from there: these
stand before every file, and among themselves as they did."""


_DECIDING_PART: Final = 8
"""Of the memory limit so small a part may hold what decides; the payload is about four times as large."""


class Staging:
    """The gathered input of one plan. A context manager; on exit nothing of it stays open.

    Each row has a `place`, its number in order of arrival: files in the order given, rows as they stand.

    Raises:
        InputError: the disk is full, or DuckDB's memory limit is too low for the input.
    """

    def __init__(
        self, folder: Path, *, memory_limit_mb: int, source: str, writer: Writer | None = None
    ) -> None:
        """Prepare; `source` is the one to which native ids belong.

        With `writer` the messages, by `STAGED`, go there and nowhere else; then there is no `connection`.
        """
        self.files: list[FileSummary] = []
        self.skipped_files: list[str] = []
        self.rows = 0
        self.carried = 0
        self.tally = Tally()
        memory_bytes = memory_limit_mb << 20
        self.order_bytes = memory_bytes // 2
        """What the messages may take in memory while they are put in order, and so before that."""
        self._current = Tally()
        self._file_number = 0
        self._place = 0
        self._discarded = [-2]  # a number that no file has: an empty list is no SQL
        self._rows_sealed = False
        self._sealed = False
        self._all_named = True
        self._folder = folder / "spill"
        self._folder.mkdir(mode=0o700)
        self._source = source
        staged = self._folder / "staged.parquet"
        self.payload = Payload(self._folder / "payload.arrow", room_bytes=self.order_bytes)
        self._halves = Halves(staged, self.payload, room_bytes=memory_bytes // _DECIDING_PART)
        self._staged = Spool(staged, STAGED, finish=self._finish_rows, writer=writer or self._halves)
        self._rejects = Spool(
            self._folder / "rejects.parquet", STAGED_REJECTS, dictionary=("file", "code", "column")
        )
        self._touched = Spool(self._folder / "touched.parquet", TOUCHED, dictionary=("lane", "state"))
        self._connection = connected(self._folder, memory_limit_mb=memory_limit_mb)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for spool in (self._staged, self._rejects, self._touched):
            spool.abandon()  # the connection must not close under a piece that is being written
        self._connection.close()
        if isinstance(error, duckdb.Error):
            raise InputError(
                f"planning failed: {duckdb_reason(error)}",
                hint="free disk space beside the plans, or raise plan.memory_limit_mb",
            ) from error

    def add(self, batch: NormalizedBatch) -> None:
        """Take the messages, rejects and counts of one batch of the current file, rows in their order."""
        self._current.add(batch)
        self.add_rejects(batch.rejects)
        rows = batch.messages
        self._all_named &= rows.column("native_id").null_count == 0
        given = {**dict(zip(rows.schema.names, rows.columns, strict=True)), "at_us": rows.column("at")}
        self._staged.add(self._placed(given, ARRIVED, rows.num_rows))

    def add_rejects(self, rejects: pa.RecordBatch) -> None:
        """Take rejects of the current file, by `REJECT_SCHEMA`."""
        given = dict(zip(rejects.schema.names, rejects.columns, strict=True))
        self._rejects.add(self._placed(given, STAGED_REJECTS, rejects.num_rows))

    def add_extra(self, count: int) -> None:
        """Count rows beyond one a record that the current file's transcripts unfolded into."""
        self._current.split += count

    def finish_file(self, summary: FileSummary) -> None:
        """Close the current file; the next rows belong to the next one."""
        self.tally.add(self._current)
        self.files.append(summary)
        self.rows += summary.records
        self._next_file()

    def discard_file(self) -> None:
        """Forget every message, reject and count of the current file."""
        self._discarded.append(self._file_number)
        self._next_file()

    def skip_file(self, label: str, reason: str) -> None:
        """Record a file that was left out as a whole; `reason` in one line, without any text of it."""
        self.skipped_files.append(f"{label}: {reason}")

    def resume_file(self, number: int) -> None:
        """Let the next rows belong to file `number`, in order of `finish_file` from 0.

        For rows that are gathered from several files before they are normalized.
        """
        self._file_number = number

    def end_rows(self) -> None:
        """End rows that were added after `resume_file`."""
        self.tally.add(self._current)
        self._current = Tally()
        self._file_number = len(self.files) + len(self.skipped_files)

    def wanted(self, *, most: int) -> pa.Table | None:
        """Return keys and lanes of all that is staged; None when these are more than `most` rows.

        Nothing can be added after that but what the ledger knows.
        """
        if self._place > most:
            return None
        self._seal_rows()
        return self._connection.sql("SELECT DISTINCT key, lane FROM staged").to_arrow_table()

    def add_touched(self, batch: pa.RecordBatch) -> None:
        """Take messages that the ledger knows."""
        self._touched.add(pa.RecordBatch.from_arrays(_cast(batch.columns, TOUCHED), schema=TOUCHED))

    def left_behind(self, plan: PlanFolder) -> int:
        """Return how many untouched messages of an earlier plan this input does not hold."""
        old = messages_sql(plan.messages)
        return self._count(f"{old} AS old ANTI JOIN touched USING (key) ANTI JOIN staged USING (key)")

    def carry(self, plan: PlanFolder) -> None:
        """Take over the untouched messages of an earlier plan."""
        path = self._folder / "carried.parquet"
        self.connection().execute(
            f"COPY ({untouched_sql(plan)}) TO {quoted(path)} (FORMAT parquet, COMPRESSION lz4)"
        )
        with pq.ParquetFile(path) as file:
            first = self.payload.rows
            for batch in file.iter_batches():
                self._append(pa.Table.from_batches([batch]))
        self._view_staged(
            f"SELECT * FROM {self._halves.offer(self._connection)} UNION ALL BY NAME "  # noqa: S608  constants
            f"SELECT {', '.join(DECIDING.names)} FROM (SELECT *, file_row_number + {first} AS row "
            f"FROM read_parquet({quoted(path)}, file_row_number = true))",
        )
        self.carried = self._count("staged WHERE place < 0")

    @property
    def rejects_file(self) -> Path:
        """Return the file of rejects, by `STAGED_REJECTS`; whole once closed."""
        return self._rejects.path

    def close(self) -> None:
        """End adding; the files can then be read. Doing it again changes nothing."""
        for spool in (self._staged, self._rejects, self._touched):
            spool.close()

    def connection(self) -> duckdb.DuckDBPyConnection:
        """Return the connection with `staged`, `rejects` and `touched` in place, equal rows told apart."""
        self._seal_rows()
        if not self._sealed:
            self._sealed = True
            self._touched.close()
            view = f"CREATE VIEW touched AS SELECT * FROM read_parquet({quoted(self._touched.path)})"  # noqa: S608
            self._connection.execute(view)
        return self._connection

    def _placed(self, given: Mapping[str, pa.Array], schema: pa.Schema, rows: int) -> pa.RecordBatch:
        """Return rows with their places, and count them."""
        places = pa.array(np.arange(self._place, self._place + rows))
        self._place += rows
        number = pa.array(np.full(rows, self._file_number, np.int32))
        columns = {**given, "file_number": number, "place": places}
        return pa.RecordBatch.from_arrays(
            _cast([columns[name] for name in schema.names], schema), schema=schema
        )

    def _finish_rows(self, arrived: pa.Table) -> pa.Table:
        """Return arrived rows by `STAGED`."""
        computed = compute(self._connection, arrived, self._source)
        columns = [
            (computed if name in computed.column_names else arrived).column(name) for name in STAGED.names
        ]
        return pa.Table.from_arrays(_cast(columns, STAGED), schema=STAGED)

    def _append(self, rows: pa.Table) -> None:
        try:
            self.payload.add(rows.select(WRITTEN.names).cast(WRITTEN))
        except (OSError, pa.ArrowException) as error:
            raise unwritable(self.payload.path, error) from error

    def _next_file(self) -> None:
        self._current = Tally()
        self._file_number += 1

    def _count(self, what: str) -> int:
        row = self.connection().execute(f"SELECT count(*) FROM {what}").fetchone()  # noqa: S608  constants
        return int(row[0]) if row else 0

    def _seal_rows(self) -> None:
        """End staging of rows, and give the n-th equal message of one file an identity of its own."""
        if self._rows_sealed:
            return
        self._rows_sealed = True
        for spool in (self._staged, self._rejects):
            spool.close()
        pa.default_memory_pool().release_unused()  # the sort needs the room
        run = self._connection.execute
        kept = f"file_number NOT IN ({', '.join(map(str, self._discarded))})"
        run(
            f"CREATE VIEW rejects AS SELECT * FROM read_parquet({quoted(self._rejects.path)}) "  # noqa: S608  constants
            f"WHERE {kept}"
        )
        staged = f"SELECT * FROM {self._halves.offer(self._connection)}"  # noqa: S608  constants
        self._view_staged(staged)
        if self._all_named:
            return  # no key is a content
        find_repeats(self._connection)
        self._view_staged(staged)

    def _view_staged(self, rows: str) -> None:
        kept = f"file_number NOT IN ({', '.join(map(str, self._discarded))})"
        view_staged(self._connection, f"(SELECT * FROM ({rows}) WHERE {kept}) s")  # noqa: S608  constants


def untouched_sql(plan: PlanFolder) -> str:
    """Return the query of a plan's messages that are not in `touched`, as rows of `staged`."""
    return (
        f"SELECT {', '.join(WRITTEN.names)}, -1::INTEGER AS file_number, "  # noqa: S608  constants
        f"ordinal + {_CARRIED} AS place "
        f"FROM {numbered_sql(plan.messages, plan.lanes)} AS old ANTI JOIN touched USING (key)"
    )


def _cast(columns: list[pa.Array], schema: pa.Schema) -> list[pa.Array]:
    return [column.cast(kind.type) for column, kind in zip(columns, schema, strict=True)]


def duckdb_reason(error: duckdb.Error) -> str:
    """Return DuckDB's first line where it speaks of memory or files; others might quote a message's text."""
    if isinstance(error, (duckdb.OutOfMemoryException, duckdb.IOException)):
        return str(error).partition("\n")[0]
    return type(error).__name__
