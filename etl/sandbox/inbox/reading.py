"""Reads the store for one page: one moment of it, and without holding up who writes."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

from etl.sandbox.database import store_name, translated
from etl.sandbox.store import Store

Read = Callable[..., list[Any]]
"""Takes a statement and its values, returns the rows; raises `SandboxError`."""

_BUSY_SECONDS: Final = 5.0


@contextmanager
def reading(store: Store) -> Iterator[Read]:
    """Give a way to read that ends with the block.

    A store in a file gets a read-only connection and shows one moment of it throughout. One in memory has
    no second connection: it is read between writes, so it may grow meanwhile.

    Raises:
        SandboxError: the store can't be read.
    """
    if store.path is None:
        yield store.rows
        return
    name = store_name(store.path)
    with translated(name):
        made = sqlite3.connect(
            f"{store.path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )

    def read(statement: str, *values: str | int) -> list[Any]:
        with translated(name):
            return connection.execute(statement, values).fetchall()

    with closing(made) as connection:
        read("BEGIN")
        yield read
