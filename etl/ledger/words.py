"""People's words on many messages at once, as SQL: what they choose, and what becomes of it."""

import sqlite3
from itertools import repeat
from typing import Final

import pyarrow as pa

from etl.ledger import statements
from etl.ledger.interface import DOUBT_SCHEMA, RESTORED, Selection, Word
from etl.ledger.reader import DIALECT
from etl.model.states import State

TEXT_LIMIT: Final = 500
"""Characters kept of a reason or a word."""


def settle(cursor: sqlite3.Cursor, selection: Selection, word: Word) -> int:
    """Record a word on each selected message, then follow it; return how many there were."""
    settled_us = None if word.state is State.PENDING else word.now_us
    values = {
        **DIALECT.choice(selection),
        "to": word.state.value,
        "who": storable(word.who),
        "why": storable(word.why),
        "now_us": word.now_us,
        "settled_us": settled_us,
    }
    cursor.execute(statements.KEEP_WORDS, values)
    cursor.execute(statements.FOLLOW_WORDS, values)
    return cursor.rowcount


def doubt(cursor: sqlite3.Cursor, plan: int, run: int, batch: pa.RecordBatch, *, now_us: int) -> int:
    """Put one batch of `DOUBT_SCHEMA` in doubt; return how many rows changed."""
    ordinals, *rest = (column.to_pylist() for column in batch.select(DOUBT_SCHEMA.names).columns)
    now = repeat(now_us)
    rows = zip(repeat(plan), ordinals, repeat(run), *rest, now, now, repeat(RESTORED), strict=False)
    cursor.executemany(statements.DOUBT, rows)
    return cursor.rowcount


def storable(text: str | None) -> str | None:
    """Return a text as the ledger keeps it."""
    if text is None or (len(text) <= TEXT_LIMIT and text.isascii()):
        return text
    # An answer's JSON may hold half a surrogate pair, which must not cost us the outcome.
    return text[:TEXT_LIMIT].encode("utf-8", "replace").decode("utf-8")
