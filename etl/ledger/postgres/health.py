"""Whether a server, an account and a schema are fit for a ledger, for `doctor`."""

from collections.abc import Iterator
from contextlib import closing
from typing import Final

from etl.clock import MICROSECONDS, SYSTEM
from etl.errors import LedgerError
from etl.ledger.health import Health, Remark
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import Connection, connect
from etl.ledger.postgres.failures import translated
from etl.ledger.postgres.migrations import is_missing, schema_files

_CLOCK_SECONDS: Final = 2.0
"""A difference that the times of a report would show."""

_SERVER: Final = """
    SELECT current_setting('server_version'), current_user::text, current_database()::text,
           reset_val, current_setting('full_page_writes'), pg_is_in_recovery(),
           has_database_privilege(current_database(), 'CREATE'),
           (SELECT pg_has_role(nspowner, 'USAGE') FROM pg_namespace WHERE nspname = %s)
    FROM pg_settings WHERE name = 'synchronous_commit'
"""

_ASLEEP: Final = """
    SELECT tgname::text, relname::text FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = to_regnamespace(%s) AND NOT tgisinternal AND tgenabled <> 'O' ORDER BY 1
"""

_FITS: Final = """
    SELECT (SELECT coalesce(sum(accepted), 0) FROM tally)
         = (SELECT count(*) FROM message WHERE state = 'accepted')
"""

_CLOCK: Final = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"


def schema_health(address: Address) -> Health:
    """Return what is known of a ledger that is there, once its rules are in force and its tallies fit.

    Looks at all messages; the server itself watches over its pages.

    Raises:
        LedgerError: somebody put a rule aside, or changed messages without them.
    """
    with translated(address), closing(connect(address, role="doctor")) as connection:
        row = connection.execute("SELECT version FROM meta").fetchone()
        asleep = connection.execute(_ASLEEP, (address.schema,)).fetchone()
        fits = connection.execute(_FITS).fetchone()
    if asleep is not None:
        raise LedgerError(
            f"the ledger {address} has a rule that is switched off: {asleep[0]}",
            hint=f"ALTER TABLE {address.schema}.{asleep[1]} ENABLE TRIGGER {asleep[0]}; find out who did it",
        )
    if fits is None or not fits[0]:
        raise LedgerError(
            f"the ledger {address} holds another number of accepted messages than its tally says",
            hint="it was changed by hand, or is damaged: put back a dump of it, and say --restored",
        )
    return Health(schema=int(row[0]) if row else 0, latest=len(schema_files()))


def remarks(address: Address) -> list[Remark]:
    """Look at the server, what it confirms, the account's rights, and the server's clock.

    Raises:
        LedgerError: it can't be reached, or is not fit at all.
    """
    with translated(address), closing(connect(address, role="doctor")) as connection:
        return [*_about_server(connection, address), *_clock(connection)]


def _about_server(connection: Connection, address: Address) -> Iterator[Remark]:
    row = connection.execute(_SERVER, (address.schema,)).fetchone() or ()
    version, user, database, commits, full_pages, standby, may_create, owns = row
    if standby:
        yield Remark(
            name="server",
            seen=f"PostgreSQL {version} is a standby, which takes no writes",
            remedy="name the primary server in `ledger`",
            grave=True,
        )
    elif full_pages != "on":
        yield Remark(
            name="server",
            seen=f"PostgreSQL {version} runs with full_page_writes = off: a power cut may damage the ledger",
            remedy="set full_page_writes = on, unless its disk writes 8 kB as a whole",
        )
    else:
        own = " (off by default; etl's own commits are not)" if commits == "off" else ""
        yield Remark(name="server", seen=f"PostgreSQL {version}, synchronous_commit = {commits}{own}")
    if is_missing(connection, address) and not (may_create or owns):
        yield Remark(
            name="rights",
            seen=f"the account {user} may not make the schema {address.schema} in the database {database}",
            remedy=f'let an administrator say: CREATE SCHEMA "{address.schema}" AUTHORIZATION "{user}"',
            grave=True,
        )
    elif owns is False:
        yield Remark(
            name="rights",
            seen=f"the account {user} is not an owner of the schema {address.schema}",
            remedy="name its owner in `ledger`, or let the owner grant its role to this account",
            grave=True,
        )


def _clock(connection: Connection) -> Iterator[Remark]:
    before = SYSTEM.wall_us()
    row = connection.execute(_CLOCK).fetchone() or (before,)
    ahead = (int(row[0]) - (before + SYSTEM.wall_us()) // 2) / MICROSECONDS
    if abs(ahead) > _CLOCK_SECONDS:
        yield Remark(
            name="server",
            seen=f"its clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's",
            remedy="let both take their time from the network (NTP)",
        )
