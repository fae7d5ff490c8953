"""The statements that change a SQLite ledger, each with its purpose."""

from functools import cache
from typing import Final

# Draws a new mark; a new time of the last intent, if there is one.
CHANGED: Final = "UPDATE meta SET mark = lower(hex(randomblob(8))), last_send_us = coalesce(?, last_send_us)"

# Any copy made before is older from now on.
ADVANCE: Final = "UPDATE meta SET generation = generation + 1"

_INTENT_ROW: Final = "(?, ?, ?, ?, ?, ?, ?, ?, 'in_flight', 1)"
_OUTCOME_ROW: Final = "(?, ?, ?, ?, ?, ?, ?, ?, ?)"

MOST_ROWS: Final = 256
"""In one statement: 2,304 parameters of the 32,766 that SQLite takes."""


@cache
def intents(rows: int) -> str:
    """Return the statement for so many intents, whose parameters are their fields, in their order.

    pending -> in_flight, also for a message that is not stored yet; no row changes when that is not allowed.
    """
    return f"""
    INSERT INTO message (plan, ordinal, run, key, content, lane, at_us, intent_us, state, attempts)
    VALUES {", ".join([_INTENT_ROW] * rows)}
    ON CONFLICT (plan, ordinal) DO UPDATE
    SET state = 'in_flight', attempts = attempts + 1, run = excluded.run, intent_us = excluded.intent_us,
        http_status = NULL, reason = NULL, platform_id = NULL, conversation_id = NULL
    WHERE state = 'pending' AND key = excluded.key AND content = excluded.content
      AND lane = excluded.lane AND at_us = excluded.at_us
"""  # noqa: S608  constants of this module


@cache
def outcomes(rows: int) -> str:
    """Return the statement for so many outcomes: in_flight -> what came of it, under the run that sent it.

    Its parameters are, for each, the columns that are set, then plan, ordinal and run.
    """
    # The plus sign keeps the partial index of what is in flight out of it: a row is found by its place.
    return f"""
    UPDATE message
    SET state = given.column1, http_status = given.column2, reason = given.column3,
        platform_id = given.column4, conversation_id = given.column5, settled_us = given.column6
    FROM (VALUES {", ".join([_OUTCOME_ROW] * rows)}) AS given
    WHERE message.plan = given.column7 AND message.ordinal = given.column8
      AND message.run = given.column9 AND +message.state = 'in_flight'
"""  # noqa: S608  constants of this module


INTENT: Final = intents(1)
OUTCOME: Final = outcomes(1)

# Keeps how an attempt ended.
ATTEMPT: Final = """
    INSERT INTO attempt (plan, ordinal, n, run, phase, state, reason, http_status, at_us)
    SELECT plan, ordinal, attempts, run, ?, state, reason, http_status, ?
    FROM message WHERE plan = ? AND ordinal = ?
"""

# Keeps that a run died during these attempts.
RECOVERED_ATTEMPTS: Final = """
    INSERT INTO attempt (plan, ordinal, n, run, phase, state, reason, at_us)
    SELECT plan, ordinal, attempts, run, 'sent', 'uncertain', ?, ? FROM message WHERE state = 'in_flight'
"""

# in_flight -> uncertain, after a run died.
RECOVER: Final = """
    UPDATE message SET state = 'uncertain', reason = ?, settled_us = ? WHERE state = 'in_flight'
"""

# Keeps a person's word.
DECISION: Final = """
    INSERT INTO decision (plan, ordinal, from_state, to_state, who, why, at_us)
    SELECT plan, ordinal, state, ?, ?, ?, ? FROM message WHERE plan = ? AND ordinal = ?
"""

# Follows it.
DECIDE: Final = "UPDATE message SET state = ?, settled_us = ? WHERE plan = ? AND ordinal = ?"

# Opens a plan; the one before is closed already.
START_PLAN: Final = """
    INSERT INTO plan (hash, fingerprint, identity, source, messages, lanes, is_open, started_us)
    VALUES (?, ?, ?, ?, ?, ?, 1, ?)
"""

START_RUN: Final = """
    INSERT INTO run (plan, host, pid, version, started_us,
                     allowed_per_second, expected, forecast_seconds, expected_plan)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

# Keeps a pause under the run that goes on; a message that is sent by hand has none.
PAUSE: Final = """
    INSERT INTO pause (run, at_us, until_us, reason)
    VALUES ((SELECT number FROM run WHERE ended_us IS NULL ORDER BY number DESC LIMIT 1), ?, ?, ?)
"""

# Keeps the word that this file was put back from a copy.
RESTORE: Final = "INSERT INTO restore (who, why, at_us) VALUES (?, ?, ?)"

# A restored copy goes on beyond the generation that was remembered of the lost file.
ADVANCE_BEYOND: Final = "UPDATE meta SET generation = max(generation, ?) + 1"

# What a copy does not know as settled may have been sent since: nothing or pending -> uncertain.
DOUBT: Final = """
    INSERT INTO message (plan, ordinal, run, key, content, lane, at_us, intent_us, settled_us, reason,
                         state, attempts)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'uncertain', 1)
    ON CONFLICT (plan, ordinal) DO UPDATE
    SET state = 'uncertain', reason = excluded.reason, settled_us = excluded.settled_us
    WHERE state = 'pending'
"""

DOUBTED: Final = "UPDATE plan SET doubted_us = ? WHERE number = ?"

_CODE: Final = "substr(reason, 1, instr(reason || ':', ':') - 1)"

# What `settle` and `retry` choose; the first line is the condition of the partial index.
_CHOSEN: Final = f"""
    WHERE state IN ('uncertain', 'rejected')
      AND state IN (SELECT value FROM json_each(:states))
      AND (:plan IS NULL OR plan = :plan)
      AND (:keys IS NULL OR lower(hex(key)) IN (SELECT value FROM json_each(:keys)))
      AND (:lanes IS NULL OR lane IN (SELECT value FROM json_each(:lanes)))
      AND (:runs IS NULL OR run IN (SELECT value FROM json_each(:runs)))
      AND (:codes IS NULL OR {_CODE} IN (SELECT value FROM json_each(:codes))
           OR CAST(http_status AS TEXT) IN (SELECT value FROM json_each(:codes)))
      AND (:except_codes IS NULL OR {_CODE} NOT IN (SELECT value FROM json_each(:except_codes)))
"""  # noqa: S608  constants of this module

_FROM_UNSETTLED: Final = f"FROM message INDEXED BY message_unsettled {_CHOSEN}"

COUNT_CHOSEN: Final = f"""
    SELECT state, {_CODE} AS code, count(*) {_FROM_UNSETTLED}
    GROUP BY state, code ORDER BY count(*) DESC, code
"""

LIST_CHOSEN: Final = f"""
    SELECT plan, ordinal, key, lane, at_us, state, reason, http_status {_FROM_UNSETTLED}
    ORDER BY plan, ordinal LIMIT :limit
"""

# Before FOLLOW_WORDS, or nothing would be left to choose.
KEEP_WORDS: Final = f"""
    INSERT INTO decision (plan, ordinal, from_state, to_state, who, why, at_us)
    SELECT plan, ordinal, state, :to, :who, :why, :now_us {_FROM_UNSETTLED}
"""

FOLLOW_WORDS: Final = f"""
    UPDATE message INDEXED BY message_unsettled SET state = :to, settled_us = :settled_us {_CHOSEN}
"""  # noqa: S608  constants of this module
