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
from etl.ledger.interface import EXPORT_SCHEMA, TOUCHED_SCHEMA, Entry, Selection
from etl.ledger.migrations import connect, translated
from etl.ledger.questions import BATCH_ROWS, STATES, Questions, entry, progress, table
from etl.ledger.words import parameters
from etl.model.states import SETTLED, State

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

# Accepted messages are tallied; each other part repeats the condition of the partial index that answers it.
_COUNTS = """
    SELECT 'accepted', sum(accepted) AS messages FROM tally WHERE ?1 IS NULL OR plan = ?1 HAVING messages > 0
    UNION ALL
    SELECT state, count(*) FROM message
    WHERE state = 'in_flight' AND (?1 IS NULL OR plan = ?1) GROUP BY state
    UNION ALL
    SELECT state, count(*) FROM message INDEXED BY message_unsettled
    WHERE state IN ('uncertain', 'rejected') AND (?1 IS NULL OR plan = ?1) GROUP BY state
    UNION ALL
    SELECT state, count(*) FROM message INDEXED BY message_waiting
    WHERE state IN ('pending', 'skipped') AND (?1 IS NULL OR plan = ?1) GROUP BY state
"""

_PROGRESS = (
    "SELECT ordinal, state FROM message WHERE plan = ? AND ordinal >= ? AND ordinal < ? ORDER BY ordinal"
)

_COUNT_SETTLED = """
    SELECT count(*) FROM message
    WHERE plan = ? AND ordinal >= ? AND ordinal < ? AND state IN (SELECT value FROM json_each(?))
"""

# Each half repeats the condition of the partial index that answers it.
_BLOCKED = """
    SELECT lane, count(*) FROM (
        SELECT lane FROM message
        WHERE state = 'in_flight' AND state IN (SELECT value FROM json_each(?1))
        UNION ALL
        SELECT lane FROM message
        WHERE state IN ('uncertain', 'rejected') AND state IN (SELECT value FROM json_each(?1))
    ) GROUP BY lane
"""

_ENTRIES = """
    SELECT plan, ordinal, key, lane, at_us, state, reason, http_status FROM message
    WHERE state IN (SELECT value FROM json_each(?)) ORDER BY plan, ordinal LIMIT ?
"""

_UNSETTLED_ENTRIES = """
    SELECT plan, ordinal, key, lane, at_us, state, reason, http_status
    FROM message INDEXED BY message_unsettled
    WHERE state IN ('uncertain', 'rejected') AND state IN (SELECT value FROM json_each(?))
    ORDER BY plan, ordinal LIMIT ?
"""

_DOUBT_BEFORE = """
    SELECT max(at_us) FROM restore
    WHERE at_us > coalesce((SELECT doubted_us FROM plan WHERE number = ?), -1)
"""

_UNSETTLED: Final = frozenset({State.UNCERTAIN, State.REJECTED})


class SqliteReader(Questions):
    """The half of a ledger that only asks: short questions on one connection, whole tables on their own."""

    distant: Final = False

    def __init__(self, path: Path, reader: sqlite3.Connection) -> None:
        self._path = path
        self._reader = reader
        self._reading = threading.Lock()

    def progress(self, plan: int, first: int, end: int) -> tuple[list[int], list[State]]:
        """Return the stored ordinals in [first, end) of a plan, ascending, and their states."""
        return progress(self._rows(_PROGRESS, (plan, first, end)))

    def count_settled(self, plan: int, first: int, end: int) -> int:
        """Return how many messages with ordinals in [first, end) of a plan are settled."""
        return int(self._rows(_COUNT_SETTLED, (plan, first, end, _list(SETTLED)))[0][0])

    def counts(self, plan: int | None = None) -> dict[State, int]:
        """Return stored messages by state, of one plan or of all."""
        return {STATES[state]: count for state, count in self._rows(_COUNTS, (plan,))}

    def blocked_lanes(self, states: frozenset[State]) -> dict[str, int]:
        """Return each lane with a message in one of `states`, and how many it has."""
        return dict(self._rows(_BLOCKED, (_list(states),)))

    def entries(self, states: frozenset[State], *, limit: int) -> list[Entry]:
        """Return up to `limit` messages in those states, in order of (plan, ordinal)."""
        sql = _UNSETTLED_ENTRIES if states <= _UNSETTLED else _ENTRIES
        return list(map(entry, self._rows(sql, (_list(states), limit))))

    def chosen(self, selection: Selection, *, limit: int) -> list[Entry]:
        """Return up to `limit` of the selected messages, in order of (plan, ordinal)."""
        found = self._rows(statements.LIST_CHOSEN, {**parameters(selection), "limit": limit})
        return list(map(entry, found))

    def count_chosen(self, selection: Selection) -> dict[tuple[State, str], int]:
        """Return how many are selected, by state and code, most first."""
        found = self._rows(statements.COUNT_CHOSEN, parameters(selection))
        return {(STATES[state], code or ""): count for state, code, count in found}

    def doubt_before_us(self, plan: int) -> int | None:
        """Return up to which time messages of a plan may have been sent unknown to this restored copy."""
        value: int | None = self._rows(_DOUBT_BEFORE, (plan,))[0][0]
        return value

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


def _list(states: frozenset[State]) -> str:
    return json.dumps(sorted(states))
