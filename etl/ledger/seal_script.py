"""The questions of seals as SQLite understands them."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

from etl.ledger.questions import BATCH_ROWS
from etl.ledger.seals import Script


def _line(numbers: str, texts: str) -> str:
    """Return the expression of one row's line: as by `seals.line`, in one call and two thirds of the time."""
    form = " ".join(["%s" for _ in numbers.split()] + ["+%s" for _ in texts.split()])
    # hex() reads a text the same in every version of SQLite.
    values = [
        *(f"coalesce({name}, '-')" for name in numbers.split()),
        *(f"hex({name})" for name in texts.split()),
    ]
    return f"printf('{form}', {', '.join(values)})"


# By a word accepted ones belong to the word, not to the run; both parts are final.
_ACCEPTED: Final = f"""
    SELECT run, {
    _line(
        "plan ordinal at_us attempts maybe_doubled http_status intent_us settled_us",
        "key content lane reason platform_id conversation_id",
    )
}
    FROM message
    WHERE plan IN (SELECT plan FROM run WHERE number IN (SELECT value FROM json_each(?1)))
      AND run IN (SELECT value FROM json_each(?1)) AND state = 'accepted'
      AND (plan, ordinal) NOT IN (SELECT plan, ordinal FROM decision WHERE to_state = 'accepted')
    ORDER BY plan, ordinal
"""  # noqa: S608  constants of this module

_ATTEMPTS: Final = f"""
    SELECT run, {_line("plan ordinal n http_status at_us", "phase state reason")}
    FROM attempt WHERE run IN (SELECT value FROM json_each(?1)) ORDER BY plan, ordinal, n
"""  # noqa: S608  constants of this module

_WORDS: Final = f"""
    SELECT 0, {_line("number plan ordinal at_us", "from_state to_state who why")}
    FROM decision WHERE number > ?1 AND number <= ?2 ORDER BY number
"""  # noqa: S608  constants of this module

_PAUSES: Final = f"""
    SELECT run, {_line("number at_us until_us", "reason")}
    FROM pause WHERE run IN (SELECT value FROM json_each(?1)) ORDER BY number
"""  # noqa: S608  constants of this module

# Without its REALs: how SQLite prints one has changed over its versions.
_RUN: Final = f"""
    SELECT {
    _line(
        "run.number run.pid run.started_us run.ended_us run.exit_code run.expected plan.number "
        "plan.messages plan.lanes",
        "run.host run.version run.expected_plan run.stop plan.hash",
    )
}
    FROM run JOIN plan ON plan.number = run.plan WHERE run.number = ?
"""  # noqa: S608  constants of this module

# Each part repeats the condition of the partial index that answers it.
_UNEXPLAINED: Final = """
    SELECT count(*) FROM (
        SELECT plan, ordinal, state, attempts FROM message INDEXED BY message_unsettled
        WHERE state IN ('uncertain', 'rejected')
        UNION ALL
        SELECT plan, ordinal, state, attempts FROM message INDEXED BY message_waiting
        WHERE state IN ('pending', 'skipped')
    ) AS m
    WHERE state NOT IN (SELECT state FROM attempt AS a
                        WHERE a.plan = m.plan AND a.ordinal = m.ordinal AND a.n = m.attempts)
      AND (plan, ordinal, state) NOT IN (SELECT plan, ordinal, to_state FROM decision)
      AND NOT (state = 'uncertain' AND EXISTS (SELECT 1 FROM restore))
"""

INSERT: Final = (
    "INSERT INTO seal (run, accepted, attempts, last_word, digest, at_us) VALUES (?, ?, ?, ?, ?, ?)"
)


class SqliteBook:
    """The records of a SQLite ledger, for seals; within a transaction of reading they are a snapshot."""

    script: Final = Script(
        accepted=_ACCEPTED,
        attempts=_ATTEMPTS,
        pauses=_PAUSES,
        words=_WORDS,
        run=_RUN,
        unexplained=_UNEXPLAINED,
    )

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def batches(self, sql: str, *parameters: int | Sequence[int]) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a question, at most 65,536 at once."""
        given = [value if isinstance(value, int) else json.dumps(list(value)) for value in parameters]
        cursor = self._connection.execute(sql, given)
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield rows
