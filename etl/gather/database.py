"""DuckDB, out of core: tables that may be larger than memory, filled batch by batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from etl.errors import InputError

_ROWS_PER_INSERT: Final = 65_536
"""Batches are gathered to this many rows: one statement costs about a millisecond."""

_BYTES_PER_INSERT: Final = 32 << 20
"""Or to this many bytes, since what is gathered is outside DuckDB's limit."""

_MB_PER_THREAD: Final = 128
"""Each thread of DuckDB pins blocks of its own; with less it runs out of memory instead of spilling."""


class Database:
    """Tables that nobody else sees and that are gone once it is closed.

    Raises:
        InputError: by every method; the disk is full, or the memory limit is too low for the input.
    """

    def __init__(self, folder: Path, *, memory_limit_mb: int) -> None:
        with _told():
            self._connection = duckdb.connect(
                config={
                    "memory_limit": f"{memory_limit_mb}MB",
                    "temp_directory": str(folder / "gather-spill"),
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                },
            )
        row = self.row("SELECT current_setting('threads')")
        self.run(f"SET threads = {min(int(row[0]), max(1, memory_limit_mb // _MB_PER_THREAD))}")

    def close(self) -> None:
        """Drop everything."""
        self._connection.close()

    def run(self, sql: str) -> None:
        """Do one statement."""
        with _told():
            self._connection.execute(sql)

    def row(self, sql: str) -> tuple[Any, ...]:
        """Return the first row of an answer; empty without one."""
        with _told():
            # All are fetched: an unfinished answer keeps the connection busy.
            found = self._connection.execute(sql).fetchall()
        return found[0] if found else ()

    def table(self, sql: str) -> pa.Table:
        """Return a whole answer."""
        with _told():
            return self._connection.sql(sql).to_arrow_table()

    def insert(self, name: str, rows: pa.Table) -> None:
        """Add rows to a table; columns that they lack are null."""
        with _told():
            self._connection.register("incoming", rows)
            try:
                self._connection.execute(f"INSERT INTO {name} BY NAME SELECT * FROM incoming")  # noqa: S608  constants
            finally:
                self._connection.unregister("incoming")


class Inbox:
    """Rows on their way into one table; `flush` before it is read."""

    def __init__(self, database: Database, name: str) -> None:
        self._database = database
        self._name = name
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._bytes = 0

    def put(self, rows: pa.Table) -> None:
        """Take rows; not all need to have the same columns."""
        self._waiting.append(rows)
        self._rows += rows.num_rows
        self._bytes += rows.nbytes
        if self._rows >= _ROWS_PER_INSERT or self._bytes >= _BYTES_PER_INSERT:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._rows:
            self._database.insert(self._name, pa.concat_tables(self._waiting, promote_options="default"))
        self._waiting, self._rows, self._bytes = [], 0, 0


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise InputError(
            f"gathering rows failed: {_reason(error)}",
            hint="free disk space beside the plans, or raise plan.memory_limit_mb",
        ) from error


def _reason(error: duckdb.Error) -> str:
    """Return DuckDB's first line where it speaks of memory or files; others might quote a message's text."""
    if isinstance(error, (duckdb.OutOfMemoryException, duckdb.IOException)):
        return str(error).partition("\n")[0]
    return type(error).__name__
