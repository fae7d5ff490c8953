"""Who holds a ledger's lock: the server's own list of locks and sessions tells."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from etl.clock import MICROSECONDS
from etl.ledger.lock import Holder
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import Connection

_WORD_BITS: Final = 32
_NAME: Final = re.compile(r"etl \w+ pid (?P<pid>\d+) on (?P<host>.+)")

# A key of 64 bits stands there as two numbers of 32 and `objsubid` 1.
_HOLDING: Final = """
    SELECT activity.pid, activity.backend_start, activity.application_name
    FROM pg_locks AS lock JOIN pg_stat_activity AS activity ON activity.pid = lock.pid
    WHERE lock.locktype = 'advisory' AND lock.granted AND lock.mode = 'ExclusiveLock'
      AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND lock.classid = %s::bigint::oid AND lock.objid = %s::bigint::oid AND lock.objsubid = 1
"""

_MYSELF: Final = """
    SELECT pid, backend_start, application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A session of the server; a number is used again, a number with its start is not."""

    backend: int
    since: datetime | None
    """None: the account may not see it."""
    application: str

    @property
    def holder(self) -> Holder:
        """Return the process behind it, as far as its name tells."""
        found = _NAME.fullmatch(self.application)
        if found is None or self.since is None:
            return Holder()
        since_us = int(self.since.timestamp() * MICROSECONDS)
        return Holder(pid=int(found["pid"]), host=found["host"], since_us=since_us)


def take_lock(connection: Connection, address: Address) -> bool:
    """Take the ledger's lock for as long as the connection lasts; return False if another session has it."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s::bigint)", (address.key,)).fetchone()
    return bool(row and row[0])


def lock_holder(connection: Connection, address: Address) -> Holding | None:
    """Return who holds the ledger's lock."""
    high, low = divmod(address.key % 2 ** (2 * _WORD_BITS), 2**_WORD_BITS)
    return _holding(connection.execute(_HOLDING, (high, low)).fetchone())


def myself(connection: Connection) -> Holding:
    """Return this session."""
    found = _holding(connection.execute(_MYSELF).fetchone())
    return found or Holding(backend=connection.info.backend_pid, since=None, application="")


def end_session(connection: Connection, holding: Holding) -> None:
    """End a session of the same account: one whose client has gone without the server noticing."""
    connection.execute("SELECT pg_terminate_backend(%s)", (holding.backend,))


def _holding(row: tuple[object, ...] | None) -> Holding | None:
    if row is None:
        return None
    backend, since, application = row
    return Holding(
        backend=int(str(backend)),
        since=since if isinstance(since, datetime) else None,
        application=str(application or ""),
    )
