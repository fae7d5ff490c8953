"""How a SQLite file becomes, and is recognised as, the ledger of one target.

Chosen: numbered SQL files, each applied with its record (`user_version`) in one transaction, because
a ledger outlives the program's versions and a half-migrated one could send a message twice.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Final, Literal

from etl.clock import SYSTEM
from etl.errors import LedgerError, LedgerFullError
from etl.ledger.lock import unusable

APPLICATION_ID: Final = 0x65746C31
"""Marks the file as a ledger of etl ("etl1"), for us and for file(1)."""

BUSY_SECONDS: Final = 10.0
"""How long a lock of another program is waited for."""

_CHECKPOINT_PAGES: Final = 8_192
"""32 MiB of log: lanes far apart touch a page for every message, and most of them again and again."""

_OLDEST_SQLITE: Final = (3, 37, 0)

_RESTORE = "put back a copy that `etl ledger backup` made; do not delete the ledger, it knows what was sent"
_ELSEWHERE = "name another state folder in the job (`state`), or move the file away"
_LOCKED = ("is locked by another program", "close the program that has it open, then try again")
_UNKNOWN = ("can't be used", "nothing was changed; run `etl doctor` on the job")
_HINTS: Final[dict[int, tuple[str, str]]] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_FULL: ("can't grow: the disk is full", "free some space; the same command resumes"),
    sqlite3.SQLITE_READONLY: ("is read-only", "give yourself write permission on the file and on its folder"),
    sqlite3.SQLITE_CANTOPEN: ("can't be opened", "check the folder and its permissions"),
    sqlite3.SQLITE_PERM: ("can't be opened", "check the folder and its permissions"),
    sqlite3.SQLITE_IOERR: (
        "can't be read or written: the disk reports an error, or a size limit is reached",
        "look at the disk and at `ulimit -f`; the same command resumes",
    ),
    sqlite3.SQLITE_CORRUPT: ("is damaged", _RESTORE),
    sqlite3.SQLITE_NOTADB: ("is no ledger but some other file", _ELSEWHERE),
    sqlite3.SQLITE_CONSTRAINT: (
        "refuses a change that its rules forbid",
        "this is a defect of etl unless somebody edited the ledger; nothing was changed",
    ),
}


def failure(path: Path, error: Exception) -> LedgerError:
    """Return what a driver's exception means for a person; values are not part of it."""
    code = getattr(error, "sqlite_errorcode", 0) or 0
    # No room for the -shm file is a full disk, although SQLite counts it among the errors of the disk.
    primary = sqlite3.SQLITE_FULL if code == sqlite3.SQLITE_IOERR_SHMSIZE else code & 0xFF
    fault, hint = _HINTS.get(primary, _UNKNOWN)
    kind = LedgerFullError if primary == sqlite3.SQLITE_FULL else LedgerError
    return kind(f"the ledger {path} {fault} ({error})", hint=hint)


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the driver's exceptions into `LedgerError`."""
    try:
        yield
    except UnicodeError:
        # Not chained: the text of this exception shows the value.
        raise LedgerError(
            f"the ledger {path} can't store a text that is no Unicode",
            hint="check the user ids of the export for broken characters",
        ) from None
    except (sqlite3.Error, OverflowError) as error:
        raise failure(path, error) from error


def ensure_private_file(path: Path, *, create: bool) -> None:
    """Make the file when told to, and let only its owner read it.

    Raises:
        LedgerError: it is missing, or can't be made.
    """
    try:
        if create:
            with suppress(FileExistsError):
                # Made before SQLite sees it, so that no umask opens it; -wal and -shm take its mode.
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except FileNotFoundError:
        raise LedgerError(
            f"there is no ledger {path}",
            hint="check the job's `state` folder; `etl import` makes the ledger when it first sends",
        ) from None
    except OSError as error:
        raise unusable(path, error) from error


def connect(path: Path, mode: Literal["rw", "ro"]) -> sqlite3.Connection:
    """Open a connection that never creates a file, commits only when told, and syncs every commit."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in (
            "synchronous = FULL",
            "fullfsync = ON",
            "foreign_keys = ON",
            "trusted_schema = OFF",
            f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Cursor]:
    """Hold the write lock from the start; commit at the end, or leave nothing behind."""
    cursor = connection.cursor()
    cursor.execute("BEGIN IMMEDIATE")
    try:
        yield cursor
        cursor.execute("COMMIT")
    except BaseException:
        # SQLite itself has rolled back after some errors of the disk.
        with suppress(sqlite3.Error):
            cursor.execute("ROLLBACK")
        raise


def is_missing(path: Path) -> bool:
    """Return whether there is no ledger, or an empty file that is to become one.

    Raises:
        LedgerError: that can't be seen.
    """
    try:
        return path.stat().st_size == 0
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError as error:
        raise unusable(path, error) from error


def prepare(
    connection: sqlite3.Connection,
    path: Path,
    *,
    target: str,
    mode: Literal["rw", "ro"],
    create: bool,
) -> None:
    """Make sure that the file is the ledger of `target` at the newest schema; change it only with "rw".

    Raises:
        LedgerError: it is not, and can't be made so.
    """
    if create and _is_blank(connection):
        migrate(connection, target=target, now_us=SYSTEM.wall_us())
    _check(connection, path, target=target)
    if mode == "rw":
        _keep_log(connection, path)
        migrate(connection, target=target, now_us=SYSTEM.wall_us())
    _require_latest(connection, path)


def migrate(connection: sqlite3.Connection, *, target: str, now_us: int) -> None:
    """Bring a blank file or an older ledger to the newest schema; each step whole or not at all."""
    for number, sql in enumerate(schema_files(), start=1):
        if _version(connection) >= number:
            continue
        with transaction(connection) as cursor:
            # Asked again inside the transaction: another process may have been faster.
            if _version(connection) >= number:
                continue
            for statement in _statements(sql):
                cursor.execute(statement)
            if number == 1:
                cursor.execute(
                    "INSERT INTO meta (one, identity, target, created_us, mark) "
                    "VALUES (1, lower(hex(randomblob(16))), ?, ?, lower(hex(randomblob(8))))",
                    (target, now_us),
                )
            cursor.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            cursor.execute(f"PRAGMA user_version = {number}")


def schema_files() -> list[str]:
    """Return the numbered SQL files, oldest first."""
    folder = resources.files("etl.ledger") / "schema"
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return [file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: file.name)]


def require_sqlite() -> None:
    """Refuse a SQLite library that is too old for the schema."""
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise LedgerError(
            f"Python was built with SQLite {sqlite3.sqlite_version}; the ledger needs 3.37 or newer",
            hint="use a Python from python.org, uv or your distribution's newer release",
        )


def _is_blank(connection: sqlite3.Connection) -> bool:
    # So it is after a crash while it was made.
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    return bool(tables == 0) and _version(connection) == 0 and _application(connection) == 0


def _check(connection: sqlite3.Connection, path: Path, *, target: str) -> None:
    if _application(connection) != APPLICATION_ID:
        raise LedgerError(f"{path} is no ledger but some other database", hint=_ELSEWHERE)
    stored, latest = _version(connection), len(schema_files())
    if stored > latest:
        raise LedgerError(
            f"the ledger {path} has schema {stored}, this etl knows only {latest}",
            hint="use the newer version of etl that wrote it",
        )
    (made_for,) = connection.execute("SELECT target FROM meta").fetchone()
    if made_for != target:
        raise LedgerError(
            f"the ledger {path} belongs to the target {made_for}, not to {target}",
            hint="name another state folder in the job (`state`), or the target that the ledger was made for",
        )


def _require_latest(connection: sqlite3.Connection, path: Path) -> None:
    stored, latest = _version(connection), len(schema_files())
    if stored < latest:
        raise LedgerError(
            f"the ledger {path} has schema {stored}, this etl needs {latest}",
            hint="run `etl import` once; it brings the ledger up to date",
        )


def _keep_log(connection: sqlite3.Connection, path: Path) -> None:
    # A copy that was put back may have lost the mode.
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise LedgerError(
            f"the ledger {path} can't keep a write-ahead log on this file system",
            hint="put the job's `state` folder on a local disk",
        )


def _statements(sql: str) -> Iterator[str]:
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _application(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA application_id").fetchone()[0])
