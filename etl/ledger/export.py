"""What can be asked of a SQLite ledger, without a lock and beside a running import."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from etl.ledger import statements
from etl.ledger.interface import (
    EXPORT_SCHEMA,
    TOUCHED_SCHEMA,
    Entry,
    LedgerName,
    PlanRecord,
    RunRecord,
    Selection,
)
from etl.ledger.migrations import connect, translated
from etl.ledger.words import parameters
from etl.model.states import SETTLED, State

BATCH_ROWS: Final = 65_536

_TOUCHED = "SELECT key, content, lane, at_us, state FROM message WHERE state <> 'pending'"

# CROSS JOIN keeps the messages in the outer loop, in the order in which they are stored.
_EXPORT = """
    SELECT plan.hash, ordinal, lower(hex(key)), lane, at_us, state, attempts, maybe_doubled, http_status,
           reason, platform_id, conversation_id, message.run, intent_us, settled_us
    FROM message CROSS JOIN plan ON plan.number = message.plan
    ORDER BY message.plan, ordinal
"""

_PLANS = (
    "SELECT number, hash, fingerprint, identity, source, messages, lanes, is_open FROM plan ORDER BY number"
)


_LAST_RUN = """
    SELECT number, plan, host, pid, version, started_us, ended_us, exit_code
    FROM run ORDER BY number DESC LIMIT 1
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
_STATES: Final = {state.value: state for state in State}


class SqliteReader:
    """The half of a ledger that only asks: short questions on one connection, whole tables on their own."""

    def __init__(self, path: Path, reader: sqlite3.Connection) -> None:
        self._path = path
        self._reader = reader
        self._reading = threading.Lock()

    def mark(self) -> str:
        """Return the mark that every change of a message or a plan draws anew."""
        return str(self._rows("SELECT mark FROM meta")[0][0])

    def name(self) -> LedgerName:
        """Return which ledger this is, and its generation."""
        ((target, identity, generation),) = self._rows("SELECT target, identity, generation FROM meta")
        return LedgerName(target=target, identity=identity, generation=generation)

    def learned_rate_per_second(self) -> float | None:
        """Return the rate that earlier runs found this target to bear, if they had to slow down."""
        value: float | None = self._rows("SELECT learned_rate_per_second FROM meta")[0][0]
        return value

    def last_send_us(self) -> int | None:
        """Return when the newest intent was written."""
        value: int | None = self._rows("SELECT last_send_us FROM meta")[0][0]
        return value

    def hold_off_us(self) -> int | None:
        """Return until when the API asked everybody to wait, if it did."""
        value: int | None = self._rows("SELECT hold_off_us FROM meta")[0][0]
        return value

    def open_plan(self) -> PlanRecord | None:
        """Return the plan whose messages may still be sent, if any."""
        return next((plan for plan in self.plans() if plan.open), None)

    def plans(self) -> list[PlanRecord]:
        """Return all plans, oldest first."""
        return [
            PlanRecord(
                number=number, hash=digest, fingerprint=fingerprint, identity=identity, source=source,
                messages=messages, lanes=lanes, open=bool(is_open),
            )
            for number, digest, fingerprint, identity, source, messages, lanes, is_open
            in self._rows(_PLANS)
        ]  # fmt: skip

    def last_run(self) -> RunRecord | None:
        """Return the newest run."""
        for number, plan, host, pid, version, started_us, ended_us, exit_code in self._rows(_LAST_RUN):
            return RunRecord(
                number=number, plan=plan, host=host, pid=pid, version=version,
                started_us=started_us, ended_us=ended_us, exit_code=exit_code,
            )  # fmt: skip
        return None

    def progress(self, plan: int, first: int, end: int) -> tuple[list[int], list[State]]:
        """Return the stored ordinals in [first, end) of a plan, ascending, and their states."""
        rows = self._rows(_PROGRESS, (plan, first, end))
        if not rows:
            return [], []
        ordinals, states = zip(*rows, strict=True)
        return list(ordinals), list(map(_STATES.__getitem__, states))

    def count_settled(self, plan: int, first: int, end: int) -> int:
        """Return how many messages with ordinals in [first, end) of a plan are settled."""
        return int(self._rows(_COUNT_SETTLED, (plan, first, end, _list(SETTLED)))[0][0])

    def counts(self, plan: int | None = None) -> dict[State, int]:
        """Return stored messages by state, of one plan or of all."""
        return {_STATES[state]: count for state, count in self._rows(_COUNTS, (plan,))}

    def blocked_lanes(self, states: frozenset[State]) -> dict[str, int]:
        """Return each lane with a message in one of `states`, and how many it has."""
        return dict(self._rows(_BLOCKED, (_list(states),)))

    def entries(self, states: frozenset[State], *, limit: int) -> list[Entry]:
        """Return up to `limit` messages in those states, in order of (plan, ordinal)."""
        sql = _UNSETTLED_ENTRIES if states <= _UNSETTLED else _ENTRIES
        return list(map(_entry, self._rows(sql, (_list(states), limit))))

    def chosen(self, selection: Selection, *, limit: int) -> list[Entry]:
        """Return up to `limit` of the selected messages, in order of (plan, ordinal)."""
        found = self._rows(statements.LIST_CHOSEN, {**parameters(selection), "limit": limit})
        return list(map(_entry, found))

    def count_chosen(self, selection: Selection) -> dict[tuple[State, str], int]:
        """Return how many are selected, by state and code, most first."""
        found = self._rows(statements.COUNT_CHOSEN, parameters(selection))
        return {(_STATES[state], code or ""): count for state, code, count in found}

    def doubt_before_us(self, plan: int) -> int | None:
        """Return up to which time messages of a plan may have been sent unknown to this restored copy."""
        value: int | None = self._rows(_DOUBT_BEFORE, (plan,))[0][0]
        return value

    def touched(self) -> Iterator[pa.RecordBatch]:
        """Yield `TOUCHED_SCHEMA` from one snapshot, in no particular order."""
        return stream(self._path, _TOUCHED, TOUCHED_SCHEMA)

    def export(self) -> Iterator[pa.RecordBatch]:
        """Yield `EXPORT_SCHEMA` from one snapshot, in order of (plan, ordinal)."""
        return stream(self._path, _EXPORT, EXPORT_SCHEMA)

    def _rows(self, sql: str, parameters: tuple[object, ...] | dict[str, object] = ()) -> list[Any]:
        with self._reading, translated(self._path):
            return self._reader.execute(sql, parameters).fetchall()


def stream(
    path: Path, sql: str, schema: pa.Schema, parameters: tuple[object, ...] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a question by `schema`, at most 65,536 a batch, from one snapshot."""
    with translated(path), closing(connect(path, "ro")) as connection:
        cursor = connection.execute(sql, parameters)
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield _batch(rows, schema)


def _batch(rows: list[sqlite3.Row], schema: pa.Schema) -> pa.RecordBatch:
    columns = zip(*rows, strict=True)
    arrays = [_array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(column: tuple[object, ...], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind) or pa.types.is_boolean(kind):
        return pa.array(column, type=pa.int64()).cast(kind)
    return pa.array(column, type=kind)


def _entry(row: tuple[Any, ...]) -> Entry:
    plan, ordinal, key, lane, at_us, state, reason, http_status = row
    return Entry(
        plan=plan, ordinal=ordinal, key=key, lane=lane, at_us=at_us,
        state=_STATES[state], reason=reason, http_status=http_status,
    )  # fmt: skip


def _list(states: frozenset[State]) -> str:
    return json.dumps(sorted(states))
