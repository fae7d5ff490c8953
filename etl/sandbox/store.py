"""What the stand-in platform keeps, in SQLite: its token, its deployments, every message it took."""

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from etl.sandbox.conversations import SESSION_EXPIRATION_MINUTES, expired
from etl.sandbox.database import connect, store_name, transaction, translated
from etl.sandbox.records import NewMessage, Place, StoredConversation, StoredMessage

_PAGE: Final = 1_000
_USER_TOKEN_BYTES: Final = 32

_LATEST = """
    SELECT id, last_timestamp FROM conversation WHERE deployment_id = ? AND user_id = ?
    ORDER BY id DESC LIMIT 1
"""
_OPEN = """
    INSERT INTO conversation (deployment_id, user_id, first_timestamp, last_timestamp, messages)
    VALUES (?, ?, ?, ?, 1)
"""
_JOIN = """
    UPDATE conversation SET messages = messages + 1,
        first_timestamp = min(first_timestamp, ?), last_timestamp = max(last_timestamp, ?)
    WHERE id = ?
"""
_INSERT = """
    INSERT INTO message (deployment_id, id, user_id, timestamp, received_us, conversation_id,
        text, user_cvars, user_profile, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_MESSAGES = """
    SELECT seq, deployment_id, id, user_id, timestamp, received_us, conversation_id,
        text, user_cvars, user_profile, body FROM message WHERE seq > ? ORDER BY seq LIMIT ?
"""
_CONVERSATIONS = """
    SELECT id, deployment_id, user_id, first_timestamp, last_timestamp, messages
    FROM conversation WHERE id > ? ORDER BY id LIMIT ?
"""
_REPORT = """
    SELECT seq, conversation_id, id, user_id, timestamp, text FROM message
    WHERE timestamp >= ? AND timestamp < ? ORDER BY timestamp, seq LIMIT ?
"""


class Store:
    """An open store. Several threads may share it; several processes may open one file.

    Every method raises `SandboxError` when the database fails, never the driver's exception.
    Iterators see what is stored while they run, page by page, and hold nothing up.

    Attributes:
        token: the chat API token, made once with the store and kept.
        user_token: a user's token, for reports; kept like the other.
        bot_id: what reports call the bot; kept, and no deployment id.
        deployments: the deployment ids that exist, the one of this opening included.
        session_expiration_minutes: silence after which a user's next message opens a conversation.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        deployment_id: str | None,
        session_expiration_minutes: int,
    ) -> None:
        self._name = store_name(path)
        self._lock = threading.Lock()
        self._connection = connect(path)
        self.session_expiration_minutes = session_expiration_minutes
        with ExitStack() as undo:
            undo.callback(self._connection.close)
            if deployment_id is not None:
                self._rows("INSERT OR IGNORE INTO deployment VALUES (?)", deployment_id)
            self.token: str = self._rows("SELECT value FROM setting WHERE name = 'token'")[0][0]
            self.user_token = self._kept("user_token", secrets.token_urlsafe(_USER_TOKEN_BYTES))
            self.bot_id = self._kept("bot_id", str(uuid4()))
            self.deployments = frozenset(row[0] for row in self._rows("SELECT id FROM deployment"))
            undo.pop_all()

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        deployment_id: str | None = None,
        session_expiration_minutes: int = SESSION_EXPIRATION_MINUTES,
    ) -> Self:
        """Open the store in a file, made if it is missing; only its owner can read it.

        Args:
            path: the file. A missing folder is made, for its owner only; an existing one stays as it is.
            deployment_id: a deployment that exists from now on; None adds none.
            session_expiration_minutes: for the messages of this opening.

        Raises:
            SandboxError: the file can't be made or opened, or is no sandbox store.
        """
        return cls(path, deployment_id=deployment_id, session_expiration_minutes=session_expiration_minutes)

    @classmethod
    def in_memory(
        cls,
        *,
        deployment_id: str,
        session_expiration_minutes: int = SESSION_EXPIRATION_MINUTES,
    ) -> Self:
        """Open an empty store that ends with the process."""
        return cls(None, deployment_id=deployment_id, session_expiration_minutes=session_expiration_minutes)

    def record(self, messages: Sequence[NewMessage]) -> list[Place]:
        """Store all in order, each in its conversation; return only when all are durable.

        Nothing is de-duplicated. After an error none of them is stored.
        """
        with self._lock, translated(self._name), transaction(self._connection):
            return [self._place(message) for message in messages]

    def count(self) -> int:
        """Return how many messages are stored."""
        found: int = self._rows("SELECT count(*) FROM message")[0][0]
        return found

    def messages(self) -> Iterator[StoredMessage]:
        """Yield every message in order of arrival."""
        for row in self._pages(_MESSAGES):
            yield StoredMessage(
                seq=row[0],
                deployment_id=row[1],
                id=row[2],
                user_id=row[3],
                timestamp=row[4],
                received_us=row[5],
                conversation_id=row[6],
                text=row[7],
                user_cvars=json.loads(row[8]),
                user_profile=json.loads(row[9]),
                body=row[10],
            )

    def report(self, begin: int, end: int, *, limit: int) -> list[dict[str, str | int]]:
        """Return the messages with a timestamp in [begin, end), oldest first, at most `limit` of them."""
        return [
            {
                "message_id": seq, "conversation_id": conversation, "id": client_id, "from": "human",
                "user_id": user, "timestamp": timestamp, "text": text,
            }
            for seq, conversation, client_id, user, timestamp, text in self._rows(_REPORT, begin, end, limit)
        ]  # fmt: skip

    def conversations(self) -> Iterator[StoredConversation]:
        """Yield every conversation, in the order in which they were opened."""
        for row in self._pages(_CONVERSATIONS):
            yield StoredConversation(
                id=row[0],
                deployment_id=row[1],
                user_id=row[2],
                first_timestamp=row[3],
                last_timestamp=row[4],
                messages=row[5],
            )

    def close(self) -> None:
        """Release it; may be called twice."""
        with self._lock, translated(self._name):
            self._connection.close()

    def _place(self, message: NewMessage) -> Place:
        execute = self._connection.execute
        at = message.timestamp
        user = (message.deployment_id, message.user_id)
        latest: tuple[int, int] | None = execute(_LATEST, user).fetchone()
        if latest is None or expired(
            newest=latest[1], timestamp=at, expiration_minutes=self.session_expiration_minutes
        ):
            conversation = _inserted(execute(_OPEN, (*user, at, at)))
        else:
            conversation = latest[0]
            execute(_JOIN, (at, at, conversation))
        row = (
            message.deployment_id,
            message.id,
            message.user_id,
            at,
            message.received_us,
            conversation,
            message.text,
            message.user_cvars,
            message.user_profile,
            message.body,
        )
        return Place(seq=_inserted(execute(_INSERT, row)), conversation_id=conversation)

    def _kept(self, name: str, new: str) -> str:
        """Return a setting that is made once; stores of earlier builds lack some."""
        self._rows("INSERT OR IGNORE INTO setting VALUES (?, ?)", name, new)
        value: str = self._rows("SELECT value FROM setting WHERE name = ?", name)[0][0]
        return value

    def _rows(self, statement: str, *values: str | int) -> list[Any]:
        with self._lock, translated(self._name):
            return self._connection.execute(statement, values).fetchall()

    def _pages(self, statement: str) -> Iterator[Any]:
        after = 0
        while page := self._rows(statement, after, _PAGE):
            yield from page
            after = page[-1][0]


def _inserted(cursor: sqlite3.Cursor) -> int:
    number = cursor.lastrowid
    if number is None:  # pragma: no cover  an INSERT always has one; the type can't say so
        raise AssertionError
    return number
