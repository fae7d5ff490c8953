"""People's words on many messages at once, and texts as PostgreSQL keeps them."""

import pyarrow as pa

from etl.ledger import words
from etl.ledger.interface import DOUBT_SCHEMA, RESTORED, Selection, Word
from etl.ledger.postgres import statements
from etl.ledger.postgres.reader import DIALECT
from etl.ledger.postgres.session import Cursor
from etl.model.states import State


def settle(cursor: Cursor, selection: Selection, word: Word) -> int:
    """Record a word on each selected message, then follow it; return how many there were."""
    values = {
        **DIALECT.choice(selection),
        "to": word.state.value,
        "who": storable(word.who),
        "why": storable(word.why),
        "now_us": word.now_us,
        "settled_us": None if word.state is State.PENDING else word.now_us,
    }
    cursor.execute(statements.KEEP_WORDS, values)
    cursor.execute(statements.FOLLOW_WORDS, values)
    return cursor.rowcount


def doubt(cursor: Cursor, *, plan: int, run: int, batch: pa.RecordBatch, now_us: int) -> int:
    """Put one batch of `DOUBT_SCHEMA` in doubt; return how many rows changed."""
    columns = [column.to_pylist() for column in batch.select(DOUBT_SCHEMA.names).columns]
    cursor.execute(statements.DOUBT, (plan, run, now_us, now_us, RESTORED, *columns))
    return cursor.rowcount


def storable(text: str | None) -> str | None:
    """Return a text as the ledger keeps it: PostgreSQL has no NUL in texts."""
    kept = words.storable(text)
    return kept.replace("\0", "\N{REPLACEMENT CHARACTER}") if kept is not None and "\0" in kept else kept
