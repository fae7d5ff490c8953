"""What can be asked of a PostgreSQL ledger, without a lock and beside a running import."""

import threading
from collections.abc import Iterator
from typing import Any, Final

import pyarrow as pa

from etl.clock import SYSTEM
from etl.ledger.dialect import Dialect, MessageQuestions
from etl.ledger.interface import EXPORT_SCHEMA, TOUCHED_SCHEMA
from etl.ledger.postgres import statements
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import Connection, connect
from etl.ledger.postgres.long_reads import Parameters, stream
from etl.ledger.postgres.patient import PatientConnection

_ROLE: Final = "reader"

_TOUCHED = "SELECT key, content, lane, at_us, state FROM message WHERE state <> 'pending'"

_TOUCHED_OF = f"{_TOUCHED} AND (key = ANY(%s::bytea[]) OR lane = ANY(%s::text[]))"

_EXPORT = """
    SELECT plan.hash, ordinal, encode(key, 'hex'), lane, at_us, state, attempts, maybe_doubled::integer,
           http_status, reason, platform_id, conversation_id, message.run, intent_us, settled_us
    FROM message JOIN plan ON plan.number = message.plan
    ORDER BY message.plan, ordinal
"""


# Workers of a run by many have counters of their own, so that none waits for another's commit. An epoch grows
# where a claim puts messages in doubt, `late` where an answer comes late.
_MARK = """
    SELECT concat_ws('.', mark, (SELECT sum(commits) FROM pump), (SELECT sum(epoch) FROM shard),
                     (SELECT sum(late) FROM pace))
    FROM meta
"""
# By the server's clock, like what it is compared with: a clock behind would shorten the next run's rest.
_IDLE = """
    SELECT (1000000 * extract(epoch FROM clock_timestamp()))::bigint
           - greatest(last_send_us, (SELECT max(last_send_us) FROM pump)) FROM meta
"""
_HELD = "SELECT hold_off_us - (1000000 * extract(epoch FROM clock_timestamp()))::bigint FROM meta"

DIALECT: Final = Dialect(
    as_list=list,
    progress="""
        SELECT ordinal, state FROM message
        WHERE plan = %(plan)s AND ordinal >= %(first)s AND ordinal < %(end)s ORDER BY ordinal
    """,
    count_settled="""
        SELECT count(*) FROM message
        WHERE plan = %(plan)s AND ordinal >= %(first)s AND ordinal < %(end)s
          AND state = ANY(%(states)s::text[])
    """,
    # Accepted ones are tallied; each other part repeats the condition of the partial index that answers it.
    counts="""
        SELECT 'accepted', sum(accepted)::bigint FROM tally
        WHERE %(plan)s::bigint IS NULL OR plan = %(plan)s::bigint HAVING sum(accepted) > 0
        UNION ALL
        SELECT state, count(*) FROM message
        WHERE state = 'in_flight' AND (%(plan)s::bigint IS NULL OR plan = %(plan)s::bigint) GROUP BY state
        UNION ALL
        SELECT state, count(*) FROM message
        WHERE state IN ('uncertain', 'rejected') AND (%(plan)s::bigint IS NULL OR plan = %(plan)s::bigint)
        GROUP BY state
        UNION ALL
        SELECT state, count(*) FROM message
        WHERE state IN ('pending', 'skipped') AND (%(plan)s::bigint IS NULL OR plan = %(plan)s::bigint)
        GROUP BY state
    """,
    # Each half repeats the condition of the partial index that answers it.
    blocked="""
        SELECT lane, count(*) FROM (
            SELECT lane FROM message WHERE state = 'in_flight' AND state = ANY(%(states)s::text[])
            UNION ALL
            SELECT lane FROM message
            WHERE state IN ('uncertain', 'rejected') AND state = ANY(%(states)s::text[])
        ) AS blocked GROUP BY lane
    """,
    entries="""
        SELECT plan, ordinal, key, lane, at_us, state, reason, http_status FROM message
        WHERE state = ANY(%(states)s::text[]) ORDER BY plan, ordinal LIMIT %(limit)s
    """,
    unsettled_entries="""
        SELECT plan, ordinal, key, lane, at_us, state, reason, http_status FROM message
        WHERE state IN ('uncertain', 'rejected') AND state = ANY(%(states)s::text[])
        ORDER BY plan, ordinal LIMIT %(limit)s
    """,
    list_chosen=statements.LIST_CHOSEN,
    count_chosen=statements.COUNT_CHOSEN,
    doubt_before="""
        SELECT max(at_us) FROM restore
        WHERE at_us > coalesce((SELECT doubted_us FROM plan WHERE number = %(plan)s), -1)
    """,
)


class PostgresReader(MessageQuestions):
    """The half of a ledger that only asks: short questions on one connection, whole tables on their own.

    Args:
        address: where the ledger is.
        patience_seconds: how long a database that went away is waited for.
    """

    distant: Final = True
    _dialect = DIALECT

    def __init__(self, address: Address, *, patience_seconds: float) -> None:
        self._address = address
        self._patience_seconds = patience_seconds
        self._hurried = threading.Event()
        self._reader = PatientConnection(
            address, role=_ROLE, patience_seconds=patience_seconds, hurried=self._hurried
        )

    def close(self) -> None:
        """Release the connection; may be called twice."""
        self._reader.close()

    def mark(self) -> str:
        """Return what every change of a message or a plan draws anew."""
        return str(self._rows(_MARK)[0][0])

    def last_send_us(self) -> int | None:
        """Return when the newest intent was written, by a process or by a worker, as this clock has it."""
        idle_us = self._rows(_IDLE)[0][0]
        return None if idle_us is None else SYSTEM.wall_us() - int(idle_us)

    def hold_off_us(self) -> int | None:
        """Return until when the API asked everybody to wait, if it did, as this clock has it."""
        held_us = self._rows(_HELD)[0][0]
        return None if held_us is None else SYSTEM.wall_us() + int(held_us)

    def touched(self, wanted: pa.Table | None = None) -> Iterator[pa.RecordBatch]:
        """Yield `TOUCHED_SCHEMA` from one snapshot, in no particular order."""
        if wanted is None:
            return self._stream(_TOUCHED, TOUCHED_SCHEMA)
        lists = tuple(wanted.column(name).to_pylist() for name in ("key", "lane"))
        return self._stream(_TOUCHED_OF, TOUCHED_SCHEMA, lists)

    def export(self) -> Iterator[pa.RecordBatch]:
        """Yield `EXPORT_SCHEMA` from one snapshot, in order of (plan, ordinal)."""
        return self._stream(_EXPORT, EXPORT_SCHEMA)

    def _rows(self, sql: str, parameters: Parameters = ()) -> list[Any]:
        return self._reader.rows(sql, parameters)

    def _stream(self, sql: str, schema: pa.Schema, parameters: Parameters = ()) -> Iterator[pa.RecordBatch]:
        patience, hurried = self._patience_seconds, self._hurried
        return stream(self._address, sql, schema, parameters, patience_seconds=patience, hurried=hurried)

    def _connected(self) -> Connection:
        return connect(self._address, role=_ROLE)
