"""What can be asked of a SQLite ledger, without a lock and beside a running import."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from etl.ledger import statements
from etl.ledger.dialect import Dialect, MessageQuestions
from etl.ledger.interface import EXPORT_SCHEMA, TOUCHED_SCHEMA
from etl.ledger.migrations import connect, translated
from etl.ledger.questions import BATCH_ROWS, table

_TOUCHED = "SELECT key, content, lane, at_us, state FROM message WHERE state <> 'pending'"

# There is no index on keys, which every message would pay for: a pass that compares is what costs least.
_TOUCHED_OF = f"""
    {_TOUCHED} AND (key IN (SELECT value FROM wanted_key) OR lane IN (SELECT value FROM wanted_lane))
"""  # noqa: S608  constants of this module

# CROSS JOIN keeps the messages in the outer loop, in the order in which they are stored.
_EXPORT = """
    SELECT plan.hash, ordinal, lower(hex(key)), lane, at_us, state, attempts, maybe_doubled, http_status,
           reason, platform_id, conversation_id, message.run, intent_us, settled_us
    FROM message CROSS JOIN plan ON plan.number = message.plan
    ORDER BY message.plan, ordinal
"""

DIALECT: Final = Dialect(
    as_list=json.dumps,
    progress="""
        SELECT ordinal, state FROM message
        WHERE plan = :plan AND ordinal >= :first AND ordinal < :end ORDER BY ordinal
    """,
    count_settled="""
        SELECT count(*) FROM message
        WHERE plan = :plan AND ordinal >= :first AND ordinal < :end
          AND state IN (SELECT value FROM json_each(:states))
    """,
    # Accepted ones are tallied; each other part repeats the condition of the partial index that answers it.
    counts="""
        SELECT 'accepted', sum(accepted) AS messages FROM tally
        WHERE :plan IS NULL OR plan = :plan HAVING messages > 0
        UNION ALL
        SELECT state, count(*) FROM message
        WHERE state = 'in_flight' AND (:plan IS NULL OR plan = :plan) GROUP BY state
        UNION ALL
        SELECT state, count(*) FROM message INDEXED BY message_unsettled
        WHERE state IN ('uncertain', 'rejected') AND (:plan IS NULL OR plan = :plan) GROUP BY state
        UNION ALL
        SELECT state, count(*) FROM message INDEXED BY message_waiting
        WHERE state IN ('pending', 'skipped') AND (:plan IS NULL OR plan = :plan) GROUP BY state
    """,
    # Each half repeats the condition of the partial index that answers it.
    blocked="""
        SELECT lane, count(*) FROM (
            SELECT lane FROM message
            WHERE state = 'in_flight' AND state IN (SELECT value FROM json_each(:states))
            UNION ALL
            SELECT lane FROM message
            WHERE state IN ('uncertain', 'rejected') AND state IN (SELECT value FROM json_each(:states))
        ) GROUP BY lane
    """,
    entries="""
        SELECT plan, ordinal, key, lane, at_us, state, reason, http_status FROM message
        WHERE state IN (SELECT value FROM json_each(:states)) ORDER BY plan, ordinal LIMIT :limit
    """,
    unsettled_entries="""
        SELECT plan, ordinal, key, lane, at_us, state, reason, http_status
        FROM message INDEXED BY message_unsettled
        WHERE state IN ('uncertain', 'rejected') AND state IN (SELECT value FROM json_each(:states))
        ORDER BY plan, ordinal LIMIT :limit
    """,
    list_chosen=statements.LIST_CHOSEN,
    count_chosen=statements.COUNT_CHOSEN,
    doubt_before="""
        SELECT max(at_us) FROM restore
        WHERE at_us > coalesce((SELECT doubted_us FROM plan WHERE number = :plan), -1)
    """,
)


class SqliteReader(MessageQuestions):
    """The half of a ledger that only asks: short questions on one connection, whole tables on their own."""

    distant: Final = False
    _dialect = DIALECT

    def __init__(self, path: Path, reader: sqlite3.Connection) -> None:
        self._path = path
        self._reader = reader
        self._reading = threading.Lock()

    def touched(self, wanted: pa.Table | None = None) -> Iterator[pa.RecordBatch]:
        """Yield `TOUCHED_SCHEMA` from one snapshot, in no particular order."""
        if wanted is None:
            return stream(self._path, _TOUCHED, TOUCHED_SCHEMA)
        lists = {name: wanted.column(name).to_pylist() for name in ("key", "lane")}
        return stream(self._path, _TOUCHED_OF, TOUCHED_SCHEMA, lists=lists)

    def export(self) -> Iterator[pa.RecordBatch]:
        """Yield `EXPORT_SCHEMA` from one snapshot, in order of (plan, ordinal)."""
        return stream(self._path, _EXPORT, EXPORT_SCHEMA)

    def _rows(self, sql: str, parameters: tuple[object, ...] | dict[str, object] = ()) -> list[Any]:
        with self._reading, translated(self._path):
            return self._reader.execute(sql, parameters).fetchall()


def stream(
    path: Path,
    sql: str,
    schema: pa.Schema,
    parameters: tuple[object, ...] = (),
    *,
    lists: Mapping[str, Iterable[object]] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a question by `schema`, at most 65,536 a batch, from one snapshot.

    Each of `lists` is a table `wanted_<name>` to the question.
    """
    with translated(path), closing(connect(path, "ro")) as connection:
        for name, values in (lists or {}).items():
            connection.execute(f"CREATE TEMP TABLE wanted_{name} (value PRIMARY KEY) WITHOUT ROWID")
            given = ((value,) for value in values)
            connection.executemany(f"INSERT OR IGNORE INTO wanted_{name} VALUES (?)", given)  # noqa: S608  names of this module
        cursor = connection.execute(sql, parameters)
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield table(rows, schema)
