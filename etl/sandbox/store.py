"""What the stand-in platform keeps, in SQLite: its token, its deployments, every message it took."""

import json
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import chain
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

from etl.sandbox.conversations import SESSION_EXPIRATION_MINUTES, expired
from etl.sandbox.database import connect, connect_beside, store_name, transaction, translated
from etl.sandbox.records import Kind, NewMessage, Place, StoredConversation, StoredMessage

_PAGE: Final = 1_000
_TOKEN_BYTES: Final = 32

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
        text, user_cvars, user_profile, body, kind, answer) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_MESSAGES = """
    SELECT seq, deployment_id, id, user_id, timestamp, received_us, conversation_id,
        text, user_cvars, user_profile, body, kind, answer FROM message WHERE seq > ? ORDER BY seq LIMIT ?
"""
_CONVERSATIONS = """
    SELECT id, deployment_id, user_id, first_timestamp, last_timestamp, messages
    FROM conversation WHERE id > ? ORDER BY id LIMIT ?
"""
_KNOWN = "SELECT seq, conversation_id FROM message WHERE deployment_id = ? AND id = ? ORDER BY seq LIMIT 1"


class Store:
    """An open store. Several threads may share it; several processes may open one file.

    Every method raises `SandboxError` when the database fails, never the driver's exception.
    Iterators see what is stored while they run, page by page, and hold nothing up.

    Attributes:
        token: the chat API token, kept until another is generated.
        user_token: a user's token, for reports; kept like the other.
        bot_id: what reports call the bot; kept, and no deployment id.
        path: the file, None for a store in memory.
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
        self.path = path
        self._name = store_name(path)
        self._lock = threading.Lock()
        self._connection = connect(path)
        self.session_expiration_minutes = session_expiration_minutes
        with ExitStack() as undo:
            undo.callback(self._connection.close)
            if deployment_id is not None:
                self.rows("INSERT OR IGNORE INTO deployment VALUES (?)", deployment_id)
            self.token = self._kept("token", secrets.token_urlsafe(_TOKEN_BYTES))
            self.user_token = self._kept("user_token", secrets.token_urlsafe(_TOKEN_BYTES))
            self.bot_id = self._kept("bot_id", str(uuid4()))
            self.deployments = frozenset(row[0] for row in self.rows("SELECT id FROM deployment"))
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

        Nothing is de-duplicated but what says `once`. After an error none of them is stored.
        """
        with self._lock, translated(self._name), transaction(self._connection):
            return [self._place(message) for message in messages]

    def count(self) -> int:
        """Return how many messages are stored."""
        found: int = self.rows("SELECT count(*) FROM message")[0][0]
        return found

    def messages(self) -> Iterator[StoredMessage]:
        """Yield every message in order of arrival."""
        for row in chain.from_iterable(self.pages(_MESSAGES)):
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
                kind=Kind(row[11]),
                answer=row[12],
            )

    def renew_token(self) -> str:
        """Generate the chat API token anew and return it; the old one is worth nothing from now on."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self.rows("UPDATE setting SET value = ? WHERE name = 'token'", token)
        self.token = token
        return token

    def rows(self, statement: str, *values: str | int) -> list[Any]:
        """Return all rows of a statement, which is a transaction of its own."""
        with self._lock, translated(self._name):
            return self._connection.execute(statement, values).fetchall()

    def rows_beside(self, statement: str, *values: str | int) -> list[Any]:
        """Return all rows of a question that may take long; messages are stored meanwhile."""
        if self.path is None:
            return self.rows(statement, *values)
        with translated(self._name), closing(connect_beside(self.path)) as connection:
            return connection.execute(statement, values).fetchall()

    def pages(self, statement: str) -> Iterator[list[Any]]:
        """Yield the rows of a statement in lists; it ends with two parameters, `after` and a limit.

        `after` is the first column of the last row that was read; it rises from 1 on.
        """
        after = 0
        while page := self.rows(statement, after, _PAGE):
            yield page
            after = page[-1][0]

    def conversations(self) -> Iterator[StoredConversation]:
        """Yield every conversation, in the order in which they were opened."""
        for row in chain.from_iterable(self.pages(_CONVERSATIONS)):
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
        if message.once:
            known: tuple[int, int] | None = execute(_KNOWN, (message.deployment_id, message.id)).fetchone()
            if known is not None:
                return Place(seq=known[0], conversation_id=known[1])
        user = (message.deployment_id, message.user_id)
        latest: tuple[int, int] | None = execute(_LATEST, user).fetchone()
        if latest is None or (message.may_split and self._expired(latest[1], at)):
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
            message.kind,
            message.answer,
        )
        return Place(seq=_inserted(execute(_INSERT, row)), conversation_id=conversation)

    def _expired(self, newest: int, timestamp: int) -> bool:
        return expired(newest=newest, timestamp=timestamp, expiration_minutes=self.session_expiration_minutes)

    def _kept(self, name: str, new: str) -> str:
        """Return a setting that is made once; stores of earlier builds lack some."""
        self.rows("INSERT OR IGNORE INTO setting VALUES (?, ?)", name, new)
        value: str = self.rows("SELECT value FROM setting WHERE name = ?", name)[0][0]
        return value


def _inserted(cursor: sqlite3.Cursor) -> int:
    number = cursor.lastrowid
    if number is None:  # pragma: no cover  an INSERT always has one; the type can't say so
        raise AssertionError
    return number
