"""The one connection that writes: it holds the ledger's lock, and outlives a restart of the database.

A commit without an answer was applied or not. The lock is taken again only after the old session has ended,
so nothing of it is under way any more; then `owner_epoch` in the ledger tells whether it is still ours, and
`commits` whether that commit is in it. So each is applied exactly once.
"""

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg

from etl.clock import SYSTEM
from etl.errors import LaterError, LedgerError
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import Connection, connect, tune_for_commits
from etl.ledger.postgres.failures import FENCED, failure, is_lost, said, translated
from etl.ledger.postgres.holders import Holding, end_session, lock_holder, myself, take_lock
from etl.ledger.postgres.migrations import is_missing, migrate, require
from etl.ledger.postgres.waiting import patiently

# When something was sent last counts by the server's clock: the next run rests by it, and machines differ.
_OWN: Final = """
    SELECT own(%s::bigint, %s::bigint, %s::text,
               CASE WHEN %s::boolean THEN (1000000 * server_seconds())::bigint END)
"""
_OWNED: Final = "SELECT owner_epoch, commits FROM meta"
_TAKE: Final = "UPDATE meta SET owner_epoch = owner_epoch + 1 RETURNING owner_epoch, commits"

Cursor = psycopg.Cursor[tuple[Any, ...]]
T = TypeVar("T")


def _unheard() -> None:
    """Do nothing."""


class _NotYetError(psycopg.OperationalError):
    """The old session still holds the lock; it was told to end."""


class ReadOnly:
    """What a ledger that was opened for questions has in place of a `Session`."""

    def __init__(self, address: Address) -> None:
        self._address = address

    def write(self, body: Callable[[Cursor], T], **_: object) -> T:
        """Refuse.

        Raises:
            LedgerError: always.
        """
        del body
        raise LedgerError(
            f"the ledger {self._address} was opened for questions", hint="this is a defect of etl; report it"
        )

    def hurry(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


@dataclass(slots=True)
class _Answer:
    """What a body returned before its commit was asked for."""

    value: Any = None


class Session:
    """Writes to one ledger, one transaction after the other; threads may share it.

    Attributes:
        epoch: the number of this ownership.
        on_lost: is called when the database came back without commits that it had confirmed.
    """

    def __init__(
        self,
        address: Address,
        *,
        target: str,
        create: bool,
        patience_seconds: float,
        warn: Callable[[str], None],
    ) -> None:
        """Take the lock, bring the ledger up to date, and become its owner.

        Raises:
            LaterError: another run holds the lock.
            LedgerError: there is no ledger and none is to be made; or it can't be used.
        """
        self._address = address
        self._patience_seconds = patience_seconds
        self._warn = warn
        self._writing = threading.Lock()
        self._hurried = threading.Event()
        self._ended: LedgerError | None = None
        self.on_lost: Callable[[], None] = _unheard
        with translated(address):
            self._connection = connect(address, role="writer")
            try:
                tune_for_commits(self._connection)
                self._take_lock()
                self._prepare(target, create=create)
                self._me = myself(self._connection)
                epoch, commits = self._connection.execute(_TAKE).fetchone() or (0, 0)
                self.epoch, self._commits = int(epoch), int(commits)
            except BaseException:
                self._connection.close()
                raise

    def hurry(self) -> None:
        """Wait no longer for a database that is away, now and later."""
        self._hurried.set()

    def close(self) -> None:
        """Give the lock back; may be called twice."""
        with self._writing, suppress(psycopg.Error):
            self._connection.close()
        self._ended = self._ended or LedgerError(f"the ledger {self._address} is closed")

    def write(
        self,
        body: Callable[[Cursor], T],
        *,
        changes: bool = True,
        sends: bool = False,
        pipelined: bool = False,
    ) -> T:
        """Run a body in one durable transaction, exactly once whatever happens to the connection.

        Args:
            body: gets a cursor; may be called again if what it did was not applied.
            changes: whether a message or a plan changes, so that a new mark is drawn.
            sends: whether an intent is in it, so that the time of the last send is now.
            pipelined: send everything at once and look at the answers at the end; the body then can't
                look at what its statements return.

        Raises:
            LedgerError: the database stayed away, somebody else opened the ledger, or it lost commits;
                then nothing more is written.
            psycopg.Error: the transaction was refused; nothing of it stays.
        """
        with self._writing:
            if self._ended is not None:
                raise self._ended
            mark = secrets.token_hex(8) if changes else None
            while True:
                answer = _Answer()
                try:
                    self._transact(body, answer, (mark, sends), pipelined=pipelined)
                except psycopg.Error as error:
                    if not self._came_back(error):
                        continue
                self._commits += 1
                value: T = answer.value
                return value

    def _transact(
        self,
        body: Callable[[Cursor], Any],
        answer: _Answer,
        changed: tuple[str | None, bool],
        *,
        pipelined: bool,
    ) -> None:
        with self._connection.cursor() as cursor:
            own = (self.epoch, self._commits, *changed)
            try:
                if pipelined:
                    with self._connection.pipeline():
                        self._statements(cursor, body, answer, own)
                else:
                    self._statements(cursor, body, answer, own)
            except BaseException:
                with suppress(psycopg.Error):
                    self._connection.rollback()
                raise

    def _statements(
        self, cursor: Cursor, body: Callable[[Cursor], Any], answer: _Answer, own: tuple[object, ...]
    ) -> None:
        cursor.execute("BEGIN")
        cursor.execute(_OWN, own)
        answer.value = body(cursor)
        cursor.execute("COMMIT")

    def _came_back(self, error: psycopg.Error) -> bool:
        """Return whether the transaction was applied in spite of the error.

        Raises:
            psycopg.Error: it was refused.
            LedgerError: nothing may be written any more.
        """
        if error.sqlstate == FENCED:
            raise self._end(failure(self._address, error))
        if not (is_lost(error) or self._connection.closed):
            # The server itself says that it did nothing.
            raise error
        with suppress(psycopg.Error):
            self._connection.close()
        return self._reconnected(error)

    def _reconnected(self, lost: psycopg.Error) -> bool:
        """Wait for the database; return whether the last transaction was applied."""
        self._warn(
            f"the ledger's database went away{said(lost)}; trying again for {self._patience_seconds:.0f} s, "
            "meanwhile nothing new is sent"
        )
        began = SYSTEM.monotonic()
        try:
            applied = patiently(self._resumed, seconds=self._patience_seconds, hurried=self._hurried)
        except psycopg.Error as last:
            raise self._end(failure(self._address, last)) from None
        self._warn(f"the ledger's database is back after {SYSTEM.monotonic() - began:.1f} s")
        return applied

    def _resumed(self) -> bool:
        """Connect anew as the owner; return whether the last transaction was applied."""
        connection = connect(self._address, role="writer")
        try:
            tune_for_commits(connection)
            self._retake(connection)
            commits = self._found_commits(connection)
            self._me = myself(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return commits > self._commits

    def _found_commits(self, connection: Connection) -> int:
        epoch, commits = connection.execute(_OWNED).fetchone() or (-1, -1)
        if epoch != self.epoch:
            raise self._end(self._fenced())
        if commits not in {self._commits, self._commits + 1}:
            self.on_lost()
            raise self._end(self._lost(commits))
        return int(commits)

    def _retake(self, connection: Connection) -> None:
        if take_lock(connection, self._address):
            return
        found = lock_holder(connection, self._address)
        if found is not None and not self._is_mine(found):
            raise self._end(self._fenced())
        if found is not None:
            # Our own session, whose end the server has not noticed; it may still be committing.
            end_session(connection, found)
        raise _NotYetError("the old session has not ended yet")

    def _is_mine(self, found: Holding) -> bool:
        return (found.backend, found.since) == (self._me.backend, self._me.since)

    def _take_lock(self) -> None:
        if not take_lock(self._connection, self._address):
            found = lock_holder(self._connection, self._address)
            raise LaterError(
                f"another run ({found.holder if found else 'an unknown process'}) holds the ledger "
                f"{self._address}",
                hint="wait until it ends, or stop it with Ctrl-C or SIGTERM; it can be resumed",
            )

    def _prepare(self, target: str, *, create: bool) -> None:
        if not is_missing(self._connection, self._address):
            require(self._connection, self._address, target=target, latest=False)
        elif not create:
            raise LedgerError(
                f"there is no ledger {self._address}",
                hint="check `ledger` in the job; `etl import` makes the ledger when it first sends",
            )
        migrate(self._connection, self._address, target=target)

    def _end(self, error: LedgerError) -> LedgerError:
        self._ended = error
        return error

    def _fenced(self) -> LedgerError:
        return LedgerError(
            f"the ledger {self._address} was opened by another run while the database was away",
            hint="this run stopped and wrote nothing more; see `etl status` for what it left uncertain",
        )

    def _lost(self, commits: int) -> LedgerError:
        return LedgerError(
            f"the ledger {self._address} came back without {self._commits - commits} commits that it had "
            "confirmed: messages that were sent are missing in it",
            hint="say `etl import JOB --restored` once: what it does not know as settled is then uncertain",
        )
