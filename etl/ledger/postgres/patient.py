"""A connection that is made anew when its database went away and came back."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

import psycopg

from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import Connection, connect
from etl.ledger.postgres.failures import is_lost, translated
from etl.ledger.postgres.waiting import patiently

T = TypeVar("T")


def _as_it_is(_connection: Connection) -> None:
    """Do nothing."""


class PatientConnection:
    """For whatever may be said twice, or can tell what became of it the first time; threads may share it.

    Args:
        address: where the ledger is.
        role: what it is for, as the server's list of connections shows it.
        patience_seconds: how long a database that went away is waited for; 0: not at all.
        hurried: ends that waiting as soon as it is set.
        tune: is done with every new connection.
        resume: is done with one that takes the place of a lost one, before anything else.

    Raises:
        LedgerError: the database can't be reached.
    """

    def __init__(
        self,
        address: Address,
        *,
        role: str,
        patience_seconds: float,
        hurried: threading.Event,
        tune: Callable[[Connection], None] = _as_it_is,
        resume: Callable[[Connection], None] = _as_it_is,
    ) -> None:
        self._address = address
        self._role = role
        self._patience_seconds = patience_seconds
        self._hurried = hurried
        self._tune = tune
        self._resume = resume
        self._speaking: Final = threading.Lock()
        with translated(address):
            self._connection = self._connected()

    def close(self) -> None:
        """Release it for good; may be called twice, and ends whatever waiting `hurried` ends."""
        # Before the lock: whoever waits for a database that is away has it.
        self._hurried.set()
        with self._speaking, suppress(psycopg.Error):
            # A question would connect anew.
            self._patience_seconds = 0
            self._connection.close()

    def rows(self, sql: str, parameters: Any = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401  as the driver takes them
        """Return what a statement gives; after a lost connection it is said again, which must do no harm.

        Raises:
            LedgerError: the database stayed away, or refuses.
        """
        return self.run(lambda connection: _rows(connection, sql, parameters))

    def run(self, attempt: Callable[[Connection], T], *, again: Callable[[Connection], T] | None = None) -> T:
        """Return what an attempt gives; after a lost connection what `again` gives, or another attempt.

        Raises:
            LedgerError: the database stayed away, or refuses.
        """
        with self._speaking, translated(self._address):
            try:
                return attempt(self._connection)
            except psycopg.Error as error:
                if not is_lost(error) or self._patience_seconds == 0:
                    raise
            anew = partial(self._anew, again or attempt)
            return patiently(anew, seconds=self._patience_seconds, hurried=self._hurried)

    def _anew(self, attempt: Callable[[Connection], T]) -> T:
        with suppress(psycopg.Error):
            self._connection.close()
        self._connection = self._connected()
        self._resume(self._connection)
        return attempt(self._connection)

    def _connected(self) -> Connection:
        connection = connect(self._address, role=self._role)
        try:
            self._tune(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _rows(connection: Connection, sql: str, parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
    cursor = connection.execute(sql.encode(), parameters)
    return cursor.fetchall() if cursor.description else []
