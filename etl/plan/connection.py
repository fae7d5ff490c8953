"""DuckDB as planning uses it: under a memory limit, spilling, and without reaching out for extensions."""

from pathlib import Path
from typing import Final

import duckdb

DUCKDB_VERSION: Final = duckdb.__version__
"""Two versions may cut rows into other shards."""

_MB_PER_THREAD: Final = 128
"""Each thread of DuckDB pins blocks of its own; with less it runs out of memory instead of spilling."""


def connected(spill: Path, *, memory_limit_mb: int) -> duckdb.DuckDBPyConnection:
    """Return a connection of its own that spills into a folder, with no more threads than memory allows."""
    connection = duckdb.connect(
        config={
            "memory_limit": f"{memory_limit_mb}MB",
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    row = connection.execute("SELECT current_setting('threads')").fetchone()
    threads = min(int(row[0]) if row else 1, max(1, memory_limit_mb // _MB_PER_THREAD))
    connection.execute(f"SET threads = {threads}")
    return connection


def quoted(path: Path) -> str:
    """Return a path as a literal of SQL."""
    return "'" + str(path).replace("'", "''") + "'"
