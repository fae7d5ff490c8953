"""How a schema becomes, and is recognised as, the ledger of one target."""

import secrets
from importlib import resources

from psycopg import sql

from etl.clock import SYSTEM
from etl.errors import LedgerError
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import Connection, quoted

_CONTENT = """
    SELECT count(*), count(*) FILTER (WHERE relname = 'meta')
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace WHERE nspname = %s
"""
_VERSION = "SELECT version, target FROM meta"
_FIRST = """
    INSERT INTO meta (one, version, identity, target, created_us, mark) VALUES (1, 1, %s, %s, %s, %s)
"""


def is_missing(connection: Connection, address: Address) -> bool:
    """Return whether there is no ledger in the schema, or no schema.

    Raises:
        LedgerError: something else is in it.
    """
    # The catalogue tells everybody, also an account without rights in the schema.
    others, found = connection.execute(_CONTENT, (address.schema,)).fetchone() or (0, 0)
    if found:
        return False
    if others:
        raise LedgerError(
            f"the schema of {address} holds {others} other tables and indexes, but no ledger",
            hint="name another database in `ledger`, or move them away",
        )
    return True


def require(connection: Connection, address: Address, *, target: str, latest: bool) -> None:
    """Make sure that the schema holds the ledger of `target`, with `latest` at the newest version.

    Raises:
        LedgerError: it does not.
    """
    stored, made_for = connection.execute(_VERSION).fetchone() or (0, "")
    newest = len(schema_files())
    if stored > newest:
        raise LedgerError(
            f"the ledger {address} has schema {stored}, this etl knows only {newest}",
            hint="use the newer version of etl that wrote it",
        )
    if latest and stored < newest:
        raise LedgerError(
            f"the ledger {address} has schema {stored}, this etl needs {newest}",
            hint="run `etl import` once; it brings the ledger up to date",
        )
    if made_for != target:
        raise LedgerError(
            f"the ledger {address} belongs to the target {made_for}, not to {target}",
            hint="name another database in `ledger`, or the target that the ledger was made for",
        )


def migrate(connection: Connection, address: Address, *, target: str) -> None:
    """Bring an empty schema or an older ledger to the newest version, in one transaction.

    Call it only while holding the ledger's lock.
    """
    with connection.transaction():
        stored = 0
        if is_missing(connection, address):
            _make_schema(connection, address)
        else:
            (stored,) = connection.execute("SELECT version FROM meta").fetchone() or (0,)
        for number, script in enumerate(schema_files(), start=1):
            if number <= stored:
                continue
            # One string of many statements: only the simple protocol takes it, and only without parameters.
            connection.execute(script.encode())
            if number == 1:
                marks = (secrets.token_hex(16), target, SYSTEM.wall_us(), secrets.token_hex(8))
                connection.execute(_FIRST, marks)
            connection.execute("UPDATE meta SET version = %s WHERE version < %s", (number, number))


def schema_files() -> list[str]:
    """Return the numbered SQL files, oldest first."""
    folder = resources.files("etl.ledger") / "schema_postgres"
    files = [file for file in folder.iterdir() if file.name.endswith(".sql")]
    return [file.read_text(encoding="utf-8") for file in sorted(files, key=lambda file: file.name)]


def _make_schema(connection: Connection, address: Address) -> None:
    # Asked first: CREATE … IF NOT EXISTS wants the right to create also where it does nothing.
    if not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (address.schema,)).fetchone():
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(quoted(address.schema)))
