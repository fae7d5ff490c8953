"""Reads of whole tables: as many rows at once as fit, the rest waits at the server."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from itertools import chain, count
from typing import Any, Final

import psycopg
import pyarrow as pa

from etl.errors import LedgerAwayError
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import Connection, connect
from etl.ledger.postgres.failures import is_lost, said, translated
from etl.ledger.postgres.waiting import patiently
from etl.ledger.questions import BATCH_ROWS, table

Parameters = tuple[object, ...] | dict[str, object]

_NUMBERS: Final = count()
"""So that two cursors of one connection have names of their own."""


def stream(
    address: Address,
    sql: str,
    schema: pa.Schema,
    parameters: Parameters = (),
    *,
    patience_seconds: float,
    hurried: threading.Event,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a question by `schema`, at most 65,536 a batch, from one snapshot.

    A database that goes away before the first batch, which is all of most answers, is asked anew.

    Raises:
        LedgerAwayError: it stayed away, or went in the middle: of another snapshot the rest would not fit.
        LedgerError: it refuses.
    """

    def begun() -> tuple[ExitStack, Iterator[list[tuple[Any, ...]]]]:
        with ExitStack() as stack:
            connection = stack.enter_context(closing(connect(address, role="reader")))
            connection.execute("BEGIN READ ONLY")
            rows = batches(connection, sql, parameters)
            first = next(rows, [])
            return stack.pop_all(), chain([first] if first else [], rows)

    with translated(address):
        open_, found = patiently(begun, seconds=patience_seconds, hurried=hurried)
        with open_:
            try:
                for rows in found:
                    yield table(rows, schema)
            except psycopg.OperationalError as error:
                if not is_lost(error):
                    raise
                raise LedgerAwayError(
                    f"the ledger {address} went away in the middle of a long read{said(error)}",
                    hint="nothing is lost: try again, the same command reads it anew from the beginning",
                ) from None


def batches(connection: Connection, sql: str, parameters: Parameters = ()) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows, at most 65,536 at once; the server keeps the rest. Call it within a transaction."""
    name = f"rows_{next(_NUMBERS)}"
    fetch = f"FETCH FORWARD {BATCH_ROWS} FROM {name}".encode()
    connection.execute(f"DECLARE {name} NO SCROLL CURSOR FOR {sql}".encode(), parameters)
    full = True
    while full:
        rows = connection.execute(fetch, binary=True).fetchall()
        full = len(rows) == BATCH_ROWS
        if not full:
            connection.execute(f"CLOSE {name}".encode())
        if rows:
            yield rows
