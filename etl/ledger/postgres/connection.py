"""A connection to a ledger's database, and what it must be to keep a promise."""

import logging
import os
import platform
from typing import Any, Final

import psycopg
from psycopg import sql

from etl.errors import LedgerError
from etl.ledger.postgres.address import Address

# It warns of what it ignores after a connection was lost; that is told in our own words.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)

Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_SECONDS: Final = 10
_NAME_BYTES: Final = 63

_DEFAULTS: Final[dict[str, str | int]] = {
    "connect_timeout": _CONNECT_SECONDS,
    # A host that vanished is noticed within half a minute, also in the middle of a commit.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "client_encoding": "UTF8",
}

# How long a transaction may pause, and how long a lock is waited for; 0: without an end.
_NO_END: Final = ("0", "0")
_TIMEOUTS: Final = {
    # A machine that freezes within a commit keeps its shard from everybody; nobody waits for it any longer.
    "worker": ("30s", "0"),
    # Longer than that.
    "driver": ("0", "60s"),
}

# Client and server look after each other: who vanished holds no lock for longer than half a minute.
_SETTINGS: Final = """
    SELECT set_config('search_path', quote_ident(%s) || ', pg_catalog', false),
           set_config('synchronous_commit',
                      CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                           ELSE current_setting('synchronous_commit') END, false),
           set_config('TimeZone', 'UTC', false),
           set_config('idle_in_transaction_session_timeout', %s, false),
           set_config('lock_timeout', %s, false),
           set_config('statement_timeout', '0', false),
           set_config('tcp_keepalives_idle', '10', false),
           set_config('tcp_keepalives_interval', '5', false),
           set_config('tcp_keepalives_count', '3', false),
           set_config('tcp_user_timeout', '30000', false),
           current_setting('fsync'),
           current_setting('server_encoding')
"""


def connect(address: Address, *, role: str) -> Connection:
    """Open a connection that begins no transaction by itself and finds the ledger's tables.

    Its commits are durable when they return, whatever the server's default is.

    Args:
        address: where the ledger is.
        role: what the connection is for, as the server's list of connections shows it.

    Raises:
        psycopg.Error: it can't be made.
        LedgerError: the server would lose what it confirmed, or can't keep every text.
    """
    connection: Connection = psycopg.connect(
        address.conninfo(**_DEFAULTS, application_name=application(role)), autocommit=True
    )
    try:
        timeouts = _TIMEOUTS.get(role, _NO_END)
        row = connection.execute(_SETTINGS, (address.schema, *timeouts)).fetchone() or ()
        require_fit(address, fsync=row[-2], encoding=row[-1])
    except BaseException:
        connection.close()
        raise
    return connection


def tune_for_commits(connection: Connection) -> None:
    """Let a connection that commits groups find each message by its place, whatever the planner guesses.

    Statistics lag behind a ledger that grows; by the index of what is in flight, with all that was in flight
    since the last vacuum, a commit takes three times as long.
    """
    for name in ("hashjoin", "mergejoin", "bitmapscan", "seqscan"):
        connection.execute(f"SET enable_{name} = off".encode())
    connection.execute("SET plan_cache_mode = force_generic_plan")


def application(role: str) -> str:
    """Return the name of a connection: who has it, as `etl ROLE pid PID on HOST`."""
    return f"etl {role} pid {os.getpid()} on {platform.node()}"[:_NAME_BYTES]


def quoted(name: str) -> sql.Identifier:
    """Return a name of the database as SQL."""
    return sql.Identifier(name)


def require_fit(address: Address, *, fsync: str, encoding: str) -> None:
    """Refuse a server that may lose what it confirmed, or a database that can't keep every text.

    Raises:
        LedgerError: it is one.
    """
    if fsync != "on":
        raise LedgerError(
            f"the server of the ledger {address} runs with fsync = off: it may lose what it confirmed",
            hint="set fsync = on in its postgresql.conf and restart it",
        )
    if encoding != "UTF8":
        raise LedgerError(
            f"the database of the ledger {address} is encoded in {encoding}: it can't keep every user id",
            hint="make another: createdb --encoding=UTF8 --template=template0 NAME",
        )
