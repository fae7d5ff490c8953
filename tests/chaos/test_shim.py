"""The instrument itself: it must see what it is there to see, or all that it lets pass means nothing."""

import subprocess
import sys

import pytest

from support.shim import Kind, Mode

# Commits a row by SQLite, then renames a file, where the fault is.
SCRIPT = """
import ctypes, os, sqlite3, sys
folder, synchronous, mode, kinds, at, seed = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
connection = sqlite3.connect(f"{folder}/rows.sqlite", isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
connection.execute(f"PRAGMA synchronous = {synchronous}")
connection.execute("CREATE TABLE t (x)")
connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
arm = ctypes.CDLL(None).chaos_arm
arm.argtypes = [ctypes.c_char_p] * 3 + [ctypes.c_int, ctypes.c_long] + [ctypes.c_int] * 3
arm.argtypes += [ctypes.c_ulonglong, ctypes.c_longlong]
arm(folder.encode(), b"", f"{folder}.log".encode(), mode, at, kinds, 28, 0, seed, 0)
connection.execute("INSERT INTO t VALUES (zeroblob(9000))")
open(f"{folder}/a", "w").close()
os.rename(f"{folder}/a", f"{folder}/b")
"""
READER = (
    "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM t').fetchone())"
)


def rows_left(folder, library, synchronous: str, mode: Mode, seed: int) -> int:
    """Return how many of one committed row are there after a death at the rename."""
    folder.mkdir()
    words = [str(folder.resolve()), synchronous, int(mode), int(Kind.NAME), 1, seed]
    environment = {"LD_PRELOAD": str(library)}
    died = subprocess.run([sys.executable, "-c", SCRIPT, *map(str, words)], env=environment, check=False)
    assert -9 == died.returncode
    assert not (folder / "b").exists()
    read = subprocess.run(
        [sys.executable, "-c", READER, str(folder / "rows.sqlite")],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(read.stdout)


@pytest.mark.parametrize(
    ("synchronous", "mode", "left"),
    [("FULL", Mode.POWER, 1), ("NORMAL", Mode.POWER, 0), ("NORMAL", Mode.KILL, 1)],
)
def test_power_cut_sees_a_missing_sync_which_a_kill_does_not(tmp_path, library, synchronous, mode, left):
    """With synchronous = NORMAL a commit is not on the disk when it returns."""
    assert left == rows_left(tmp_path / "rows", library, synchronous, mode, 0)


def test_torn_sectors_are_drawn_by_the_seed(tmp_path, library):
    """Some draws lose an unsynced commit, some keep it by luck; a synced one is kept by all."""
    unsynced = [rows_left(tmp_path / f"n{seed}", library, "NORMAL", Mode.POWER, seed) for seed in range(1, 7)]
    synced = [rows_left(tmp_path / f"f{seed}", library, "FULL", Mode.POWER, seed) for seed in range(1, 4)]
    assert 0 in unsynced
    assert [1, 1, 1] == synced
