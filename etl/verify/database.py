"""DuckDB for one comparison: tables that may be larger than memory, gone when it ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from etl.errors import InputError

_MB_PER_THREAD: Final = 128
"""Each thread of DuckDB pins blocks of its own; with less it runs out of memory instead of spilling."""


class Database:
    """A connection whose errors quote nothing.

    Raises:
        InputError: by every method; the disk is full, or the memory limit is too low.
    """

    def __init__(self, folder: Path, *, memory_limit_mb: int) -> None:
        with _told():
            self._connection = duckdb.connect(
                config={
                    "memory_limit": f"{memory_limit_mb}MB",
                    "temp_directory": str(folder),
                    "autoinstall_known_extensions": "false",
                    "autoload_known_extensions": "false",
                },
            )
        (threads,) = self.row("SELECT current_setting('threads')")
        self.run(f"SET threads = {min(int(threads), max(1, memory_limit_mb // _MB_PER_THREAD))}")

    def close(self) -> None:
        """Drop everything."""
        self._connection.close()

    def run(self, sql: str, parameters: dict[str, object] | None = None) -> None:
        """Do one statement."""
        with _told():
            self._connection.execute(sql, parameters)

    def rows(self, sql: str, parameters: dict[str, object] | None = None) -> list[tuple[Any, ...]]:
        """Return a whole short answer."""
        with _told():
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: dict[str, object] | None = None) -> tuple[Any, ...]:
        """Return the one row of an answer."""
        return self.rows(sql, parameters)[0]

    def table(self, sql: str, parameters: dict[str, object] | None = None) -> pa.Table:
        """Return a whole answer as a table."""
        with _told():
            return self._connection.sql(sql, params=parameters).to_arrow_table()

    def insert(
        self, sql: str, rows: pa.Table | pa.RecordBatch, parameters: dict[str, object] | None = None
    ) -> None:
        """Do a statement that reads `rows` as the table `incoming`."""
        with _told():
            self._connection.register("incoming", rows if isinstance(rows, pa.Table) else pa.table(rows))
            try:
                self._connection.execute(sql, parameters)
            finally:
                self._connection.unregister("incoming")

    def over(self, sql: str, rows: pa.Table) -> pa.Table:
        """Return what a question about `rows`, as the table `incoming`, answers."""
        with _told():
            self._connection.register("incoming", rows)
            try:
                return self._connection.sql(sql).to_arrow_table()
            finally:
                self._connection.unregister("incoming")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        raise InputError(
            f"comparing with the report failed: {_reason(error)}",
            hint="free disk space beside the plans, or raise plan.memory_limit_mb",
        ) from error


def _reason(error: duckdb.Error) -> str:
    """Return DuckDB's first line where it speaks of memory or files; others might quote a text."""
    if isinstance(error, (duckdb.OutOfMemoryException, duckdb.IOException)):
        return str(error).partition("\n")[0]
    return type(error).__name__
