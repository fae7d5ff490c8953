"""A look at a ledger from outside: its export, as people get it; its file, as a crash has left it."""

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pyarrow.parquet as pq

from support.command import environment, etl


def states(folder: Path) -> dict[str, str]:
    """Return the state of every touched message by the id that was sent."""
    target = folder / "ledger.parquet"
    result = etl(
        "ledger",
        "export",
        "job.toml",
        "--format",
        "parquet",
        "-o",
        str(target),
        cwd=folder,
        env=environment(),
    )
    assert 0 == result.code, result.err
    table = pq.read_table(target)
    return dict(zip(table["key"].to_pylist(), table["state"].to_pylist(), strict=True))


def keys_in(folder: Path, state: str) -> set[str]:
    """Return the ids of the messages in one state."""
    return {key for key, found in states(folder).items() if found == state}


def stored(folder: Path) -> dict[str, str]:
    """Return the state of every touched message by its id, from a copy of the one ledger below a folder.

    The copy leaves the file as it is: nothing recovers it before the program does.
    """
    with tempfile.TemporaryDirectory() as scratch:
        for path in folder.rglob("ledger.sqlite*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, scratch)
        ledger = Path(scratch) / "ledger.sqlite"
        if not ledger.exists():
            return {}
        with closing(sqlite3.connect(ledger)) as connection:
            assert [("ok",)] == connection.execute("PRAGMA integrity_check").fetchall()
            if not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'message'").fetchall():
                return {}
            return dict(connection.execute("SELECT lower(hex(key)), state FROM message"))
