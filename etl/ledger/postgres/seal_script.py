"""The questions of seals as PostgreSQL understands them; their lines equal those of a SQLite ledger."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from etl.ledger.postgres.connection import Connection
from etl.ledger.postgres.long_reads import Parameters, batches
from etl.ledger.seals import Script, line

_HEX: Final = "upper(encode(coalesce(convert_to({}, 'UTF8'), ''), 'hex'))"
_HEX_OF_BYTES: Final = "upper(encode(coalesce({}, ''), 'hex'))"

# By a word accepted ones belong to the word, not to the run; both parts are final.
_ACCEPTED: Final = f"""
    SELECT run, {
    line(
        _HEX_OF_BYTES,
        "plan ordinal at_us attempts maybe_doubled http_status intent_us settled_us",
        "key content lane reason platform_id conversation_id",
    )
}
    FROM (
        SELECT run, plan, ordinal, at_us, attempts, maybe_doubled::integer, http_status, intent_us,
               settled_us, key, content, convert_to(lane, 'UTF8') AS lane,
               convert_to(reason, 'UTF8') AS reason, convert_to(platform_id, 'UTF8') AS platform_id,
               convert_to(conversation_id, 'UTF8') AS conversation_id
        FROM message
        WHERE plan IN (SELECT plan FROM run WHERE number = ANY(%(runs)s::bigint[]))
          AND run = ANY(%(runs)s::bigint[]) AND state = 'accepted'
          AND NOT EXISTS (SELECT 1 FROM decision WHERE decision.plan = message.plan
                          AND decision.ordinal = message.ordinal AND to_state = 'accepted')
    ) AS accepted
    ORDER BY plan, ordinal
"""  # noqa: S608  constants of this module

_ATTEMPTS: Final = f"""
    SELECT run, {line(_HEX, "plan ordinal n http_status at_us", "phase state reason")}
    FROM attempt WHERE run = ANY(%(runs)s::bigint[]) ORDER BY plan, ordinal, n
"""  # noqa: S608  constants of this module

_WORDS: Final = f"""
    SELECT 0, {line(_HEX, "number plan ordinal at_us", "from_state to_state who why")}
    FROM decision WHERE number > %s AND number <= %s ORDER BY number
"""  # noqa: S608  constants of this module

_PAUSES: Final = f"""
    SELECT run, {line(_HEX, "number at_us until_us", "reason")}
    FROM pause WHERE run = ANY(%(runs)s::bigint[]) ORDER BY number
"""  # noqa: S608  constants of this module

# Without its floating numbers: how they are printed depends on settings.
_RUN: Final = f"""
    SELECT {
    line(
        _HEX,
        "run.number run.pid run.started_us run.ended_us run.exit_code run.expected plan.number "
        "plan.messages plan.lanes",
        "run.host run.version run.expected_plan run.stop plan.hash",
    )
}
    FROM run JOIN plan ON plan.number = run.plan WHERE run.number = %s
"""  # noqa: S608  constants of this module

# Each part repeats the condition of the partial index that answers it.
_UNEXPLAINED: Final = """
    SELECT count(*) FROM (
        SELECT plan, ordinal, state, attempts FROM message WHERE state IN ('uncertain', 'rejected')
        UNION ALL
        SELECT plan, ordinal, state, attempts FROM message WHERE state IN ('pending', 'skipped')
    ) AS m
    WHERE NOT EXISTS (SELECT 1 FROM attempt AS a WHERE a.plan = m.plan AND a.ordinal = m.ordinal
                      AND a.n = m.attempts AND a.state = m.state)
      AND NOT EXISTS (SELECT 1 FROM decision AS d WHERE d.plan = m.plan AND d.ordinal = m.ordinal
                      AND d.to_state = m.state)
      AND NOT (state = 'uncertain' AND EXISTS (SELECT 1 FROM restore))
"""

INSERT: Final = """
    INSERT INTO seal (run, accepted, attempts, last_word, digest, at_us) VALUES (%s, %s, %s, %s, %s, %s)
"""


class PostgresBook:
    """The records of a PostgreSQL ledger, for seals: a snapshot, for as long as its transaction lasts."""

    script: Final = Script(
        accepted=_ACCEPTED,
        attempts=_ATTEMPTS,
        pauses=_PAUSES,
        words=_WORDS,
        run=_RUN,
        unexplained=_UNEXPLAINED,
    )

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def batches(self, sql: str, *parameters: int | Sequence[int]) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a question, at most 65,536 at once."""
        runs = next((list(value) for value in parameters if not isinstance(value, int)), None)
        given: Parameters = tuple(parameters) if runs is None else {"runs": runs}
        return batches(self._connection, sql, given)
