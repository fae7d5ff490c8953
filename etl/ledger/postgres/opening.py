"""How a ledger in PostgreSQL is opened: to write it, or to ask it."""

from collections.abc import Callable
from contextlib import ExitStack, closing

from etl.ledger.marks import Marks
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import connect
from etl.ledger.postgres.failures import translated
from etl.ledger.postgres.ledger import PostgresLedger
from etl.ledger.postgres.migrations import is_missing, require
from etl.ledger.postgres.session import ReadOnly, Session
from etl.ledger.postgres.waiting import PATIENCE_SECONDS


def _unheard(message: str) -> None:
    """Say nothing."""
    del message


def open_postgres(
    address: Address,
    *,
    target: str,
    create: bool,
    marks: Marks | None = None,
    warn: Callable[[str], None] = _unheard,
    patience_seconds: float = PATIENCE_SECONDS,
) -> PostgresLedger:
    """Open the ledger of `target` for writing, bring its schema up to date, and close it to others.

    Args:
        address: where it is.
        target: API base and deployment id; a ledger made for another target is refused.
        create: whether a missing ledger is made, rather than refused.
        marks: where its generation is remembered outside of it.
        warn: is told when the database goes away, and when it is back; from the thread that writes.
        patience_seconds: how long a database that goes away later is waited for.

    Raises:
        LaterError: another run holds its lock.
        LedgerError: it is missing, can't be reached or used, or is of another target or a newer version.
    """
    with ExitStack() as stack:
        session = stack.enter_context(
            closing(
                Session(address, target=target, create=create, patience_seconds=patience_seconds, warn=warn)
            )
        )
        ledger = PostgresLedger(address, session, marks=marks, patience_seconds=patience_seconds)
        session.on_lost = ledger.distrust
        stack.pop_all()
    return ledger


def open_postgres_readonly(address: Address, *, target: str) -> PostgresLedger | None:
    """Open the ledger of `target` for questions, beside a running import too; None when there is none.

    Raises:
        LedgerError: it can't be reached or used, or is of another target or another version.
    """
    with translated(address), closing(connect(address, role="reader")) as connection:
        if is_missing(connection, address):
            return None
        require(connection, address, target=target, latest=True)
    return PostgresLedger(address, ReadOnly(address), marks=None, patience_seconds=0)
