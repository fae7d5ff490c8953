"""The store's tables, and how its file is opened: durable, for its owner only, and only if it is a store."""

import os
import sqlite3
import stat
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from etl.sandbox.errors import SandboxError

APPLICATION_ID: Final = 0x45544C53
"""Marks a SQLite file as a sandbox store ("ETLS")."""
VERSION: Final = 1
"""Of the tables below."""

_OWNER_ONLY = stat.S_IRUSR | stat.S_IWUSR
_BUSY_SECONDS = 30.0

_TABLES = (
    "CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE deployment (id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
    """
    CREATE TABLE conversation (
        id INTEGER PRIMARY KEY,
        deployment_id TEXT NOT NULL REFERENCES deployment,
        user_id TEXT NOT NULL,
        first_timestamp INTEGER NOT NULL,
        last_timestamp INTEGER NOT NULL,
        messages INTEGER NOT NULL
    ) STRICT
    """,
    # A user's latest conversation is the last entry of its range.
    "CREATE INDEX conversation_of_user ON conversation (deployment_id, user_id, id)",
    """
    CREATE TABLE message (
        seq INTEGER PRIMARY KEY,
        deployment_id TEXT NOT NULL REFERENCES deployment,
        id TEXT NOT NULL,
        user_id TEXT NOT NULL,
        timestamp INTEGER NOT NULL,
        received_us INTEGER NOT NULL,
        conversation_id INTEGER NOT NULL REFERENCES conversation,
        text TEXT NOT NULL,
        user_cvars TEXT NOT NULL,
        user_profile TEXT NOT NULL,
        body BLOB NOT NULL
    ) STRICT
    """,
)

_ADDED_COLUMNS = {
    "kind": "TEXT NOT NULL DEFAULT 'standby'",
    "answer": "TEXT NOT NULL DEFAULT 'echo'",
}
"""Of `message`; stores of earlier builds lack them."""

# Also in stores of earlier builds, which need no other version for that: they pass over what they don't know.
_ADDED = (
    "CREATE INDEX IF NOT EXISTS message_of_time ON message (timestamp)",
    "CREATE INDEX IF NOT EXISTS message_of_id ON message (deployment_id, id)",
    # A page of a conversation, and the last text of each conversation in a list.
    "CREATE INDEX IF NOT EXISTS message_of_conversation ON message (conversation_id)",
    # The list of conversations, newest first, page by page.
    "CREATE INDEX IF NOT EXISTS conversation_by_last ON conversation (last_timestamp, id)",
    """
    CREATE TABLE IF NOT EXISTS variable (
        user_id TEXT NOT NULL,
        name TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (user_id, name)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS handover (
        deployment_id TEXT NOT NULL REFERENCES deployment,
        user_id TEXT NOT NULL,
        PRIMARY KEY (deployment_id, user_id)
    ) STRICT, WITHOUT ROWID
    """,
)


@contextmanager
def translated(name: str) -> Generator[None]:
    """Turn a driver's error into a `SandboxError` that names the store."""
    try:
        yield
    except sqlite3.Error as error:
        # SQLite's code, not its text: that may quote a value.
        code = getattr(error, "sqlite_errorname", type(error).__name__)
        raise SandboxError(f"the sandbox's store {name} can't be used ({code})") from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Write all or nothing; once it ends without an error, what was written is durable."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def connect(path: Path | None) -> sqlite3.Connection:
    """Open the store in a file, or a new one in memory; any thread may use the connection, one at a time.

    A missing file is made, and its folder too; both for their owner only.

    Raises:
        SandboxError: the file can't be made or opened, or holds something else.
    """
    name = store_name(path)
    with translated(name), ExitStack() as undo:
        if path is not None:
            _touch(path)
        connection = sqlite3.connect(
            ":memory:" if path is None else path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        undo.callback(connection.close)
        _prepare(connection, name=name)
        if path is not None:
            path.chmod(_OWNER_ONLY)
        undo.pop_all()
        return connection


def connect_beside(path: Path) -> sqlite3.Connection:
    """Open a store that is open already, for questions that may take long; they see what was there before."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)


def store_name(path: Path | None) -> str:
    """Return how errors call the store."""
    return "in memory" if path is None else str(path)


def _touch(path: Path) -> None:
    try:
        path.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        # Made before SQLite makes it readable for all; its -wal and -shm take the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY))
    except OSError as error:
        raise SandboxError(f"the sandbox's store {path} can't be opened: {error.strerror}") from error


def _prepare(connection: sqlite3.Connection, *, name: str) -> None:
    # Before anything is written: a stranger's file stays as it is.
    _recognise(connection, name=name)
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: once a commit has returned, neither kill -9 nor a power cut takes it back.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA fullfsync = ON")
    # Ids arrive in no order: their index is written all over, and should be in memory.
    connection.execute("PRAGMA cache_size = -65536")
    with transaction(connection):
        if _recognise(connection, name=name):
            _create(connection)
        _complete(connection)


def _recognise(connection: sqlite3.Connection, *, name: str) -> bool:
    """Return whether the database is empty."""
    mark: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if mark == 0 and version == 0 and tables == 0:
        return True
    if mark != APPLICATION_ID:
        raise SandboxError(f"{name} is a database, but no sandbox store: name another file")
    if version != VERSION:
        raise SandboxError(
            f"{name} is a sandbox store of version {version}, not {VERSION}: name another file"
        )
    return False


def _create(connection: sqlite3.Connection) -> None:
    for table in _TABLES:
        connection.execute(table)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _complete(connection: sqlite3.Connection) -> None:
    there = {row[1] for row in connection.execute("PRAGMA table_info(message)")}
    for column, kind in _ADDED_COLUMNS.items():
        if column not in there:
            connection.execute(f"ALTER TABLE message ADD COLUMN {column} {kind}")
    for statement in _ADDED:
        connection.execute(statement)
