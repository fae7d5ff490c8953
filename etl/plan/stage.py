"""Staging: message batches and rejects gather in DuckDB, out of core, until the plan is ordered."""

from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb
import pyarrow as pa

from etl.errors import InputError
from etl.model.plan import PlanFolder
from etl.model.schemas import FileSummary, NormalizedBatch

_TABLES: Final = """
CREATE TEMP TABLE staged (
    key BLOB NOT NULL, content BLOB NOT NULL, lane VARCHAR NOT NULL, at_us BIGINT NOT NULL,
    sequence BIGINT, role VARCHAR NOT NULL, text VARCHAR NOT NULL, conversation VARCHAR,
    profile VARCHAR, variables VARCHAR, file VARCHAR NOT NULL, line BIGINT NOT NULL,
    file_number BIGINT NOT NULL);
CREATE TEMP TABLE rejects (
    file VARCHAR NOT NULL, line BIGINT NOT NULL, code VARCHAR NOT NULL, "column" VARCHAR, detail VARCHAR,
    file_number BIGINT NOT NULL);
CREATE TEMP TABLE touched (
    key BLOB NOT NULL, content BLOB NOT NULL, lane VARCHAR NOT NULL, at_us BIGINT NOT NULL,
    state VARCHAR NOT NULL);
"""

_STAGED_COLUMNS: Final = (
    "key", "content", "lane", "at_us", "sequence", "role", "text", "conversation", "profile", "variables",
    "file", "line",
)  # fmt: skip

_ROWS_PER_INSERT: Final = 65_536
"""Batches are gathered to this many rows: one statement costs about a millisecond."""

_BYTES_PER_INSERT: Final = 32 << 20
"""Or to this many bytes, since what is gathered is outside DuckDB's limit."""

_MB_PER_THREAD: Final = 128
"""Each thread of DuckDB pins blocks of its own; with less it runs out of memory instead of spilling."""

_CARRIED: Final = -(1 << 40)
"""Added to the place in an unfinished plan, it is the file number of a message taken over from there:
these sort before every file, and among themselves as they did."""


class Staging:
    """The gathered input of one plan. A context manager; on exit nothing of it stays.

    Raises:
        InputError: the disk is full, or DuckDB's memory limit is too low for the input.
    """

    def __init__(self, folder: Path, *, memory_limit_mb: int) -> None:
        self.files: list[FileSummary] = []
        self.rows = 0
        self.carried = 0
        self.skipped: dict[str, int] = {}
        self.changed: dict[str, int] = {}
        self._file_number = 0
        self._pending: list[pa.RecordBatch] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        spill = folder / "spill"
        self._connection = duckdb.connect(
            config={
                "memory_limit": f"{memory_limit_mb}MB",
                "temp_directory": str(spill),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            },
        )
        self._limit_threads(memory_limit_mb)
        self._connection.execute(_TABLES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()
        if isinstance(error, duckdb.Error):
            raise InputError(
                f"planning failed: {_reason(error)}",
                hint="free disk space beside the plans, or raise plan.memory_limit_mb",
            ) from error

    def add(self, batch: NormalizedBatch) -> None:
        """Take the messages and rejects of one batch of the current file."""
        for reason, count in batch.skipped.items():
            self.skipped[reason] = self.skipped.get(reason, 0) + count
        for change, count in batch.changed.items():
            self.changed[change] = self.changed.get(change, 0) + count
        self.add_rejects(batch.rejects)
        self._pending.append(batch.messages)
        self._pending_rows += batch.messages.num_rows
        self._pending_bytes += batch.messages.nbytes
        if self._pending_rows >= _ROWS_PER_INSERT or self._pending_bytes >= _BYTES_PER_INSERT:
            self._flush()

    def add_rejects(self, rejects: pa.RecordBatch) -> None:
        """Take rejects of the current file, by `REJECT_SCHEMA`."""
        if rejects.num_rows:
            self._insert("rejects", pa.Table.from_batches([rejects]), f"*, {self._file_number}")

    def finish_file(self, summary: FileSummary) -> None:
        """Close the current file; the next rows belong to the next one."""
        self._flush()
        self.files.append(summary)
        self.rows += summary.records
        self._file_number += 1

    def add_touched(self, batch: pa.RecordBatch) -> None:
        """Take messages that the ledger knows."""
        if batch.num_rows:
            self._insert("touched", pa.Table.from_batches([batch]), "*")

    def left_behind(self, plan: PlanFolder) -> int:
        """Return how many untouched messages of an earlier plan this input does not hold."""
        self._resolve_repeats()
        row = self._connection.execute(
            "SELECT count(*) FROM read_parquet(?) AS old ANTI JOIN touched USING (key) "
            "ANTI JOIN staged USING (key)",
            [str(plan.messages)],
        ).fetchone()
        return int(row[0]) if row else 0

    def carry(self, plan: PlanFolder) -> None:
        """Take over the untouched messages of an earlier plan."""
        columns = ", ".join(_STAGED_COLUMNS)
        self._connection.execute(
            f"INSERT INTO staged SELECT {columns}, file_row_number + {_CARRIED} "  # noqa: S608  constants
            "FROM read_parquet(?, file_row_number = true) AS old ANTI JOIN touched USING (key)",
            [str(plan.messages)],
        )
        self.carried = self._count("staged WHERE file_number < 0")

    def connection(self) -> duckdb.DuckDBPyConnection:
        """Return the connection with every row in place, equal rows told apart; for `order`."""
        self._resolve_repeats()
        return self._connection

    def _flush(self) -> None:
        if not self._pending_rows:
            self._pending.clear()
            return
        table = pa.Table.from_batches(self._pending)
        at = table.column("at").cast(pa.int64())
        table = table.set_column(table.schema.get_field_index("at"), "at_us", at)
        self._insert("staged", table.select(_STAGED_COLUMNS), f"*, {self._file_number}")
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0

    def _limit_threads(self, memory_limit_mb: int) -> None:
        row = self._connection.execute("SELECT current_setting('threads')").fetchone()
        threads = min(int(row[0]) if row else 1, max(1, memory_limit_mb // _MB_PER_THREAD))
        self._connection.execute(f"SET threads = {threads}")

    def _insert(self, name: str, rows: pa.Table, columns: str) -> None:
        self._connection.register("incoming", rows)
        self._connection.execute(f"INSERT INTO {name} SELECT {columns} FROM incoming")  # noqa: S608  constants
        self._connection.unregister("incoming")

    def _count(self, what: str) -> int:
        row = self._connection.execute(f"SELECT count(*) FROM {what}").fetchone()  # noqa: S608  constants
        return int(row[0]) if row else 0

    def _resolve_repeats(self) -> None:
        """Give the n-th equal message of one file an identity of its own.

        Without a native id two equal texts of one lane and instant are two messages ("ok", "ok"), while
        the same message in two overlapping files is one: so occurrences are counted within a file. The
        n-th (from 1, after the first) has SHA-256(HEX(content) ":" n) as key, cut to 128 bits. Doing it
        again changes nothing, since the keys then differ from the contents.
        """
        self._flush()
        self._connection.execute("""
            CREATE OR REPLACE TEMP TABLE repeats AS
            SELECT row_id, n FROM (
                SELECT s.rowid AS row_id,
                       row_number() OVER (PARTITION BY s.content, s.file_number ORDER BY s.line) - 1 AS n
                FROM staged s SEMI JOIN (
                    SELECT content, file_number FROM staged WHERE key = content
                    GROUP BY content, file_number HAVING count(*) > 1
                ) USING (content, file_number)
                WHERE s.key = s.content
            ) WHERE n > 0""")
        self._connection.execute("""
            UPDATE staged
            SET key = unhex(left(sha256(hex(staged.content) || ':' || repeats.n), 32))
            FROM repeats WHERE staged.rowid = repeats.row_id""")


def _reason(error: duckdb.Error) -> str:
    """Return DuckDB's first line where it speaks of memory or files; others might quote a message's text."""
    if isinstance(error, (duckdb.OutOfMemoryException, duckdb.IOException)):
        return str(error).partition("\n")[0]
    return type(error).__name__
