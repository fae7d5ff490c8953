"""The statements that change a PostgreSQL ledger, each with its purpose; lists come as arrays."""

from typing import Final

# Draws a new mark where a transaction did not know before that it changes something.
CHANGED: Final = "UPDATE meta SET mark = %s"

# Any copy made before is older from now on.
ADVANCE: Final = "UPDATE meta SET generation = generation + 1"

# pending -> in_flight, also for messages that are not stored yet; refused if one of them may not.
# Its parameters are the columns of Intents in their order, then their number.
INTENTS: Final = """
    WITH done AS (
        INSERT INTO message AS known
               (plan, ordinal, run, key, content, lane, at_us, intent_us, state, attempts)
        SELECT plan, ordinal, run, key, content, lane, at_us, intent_us, 'in_flight', 1
        FROM unnest(%b::bigint[]::integer[], %b::bigint[], %b::bigint[]::integer[], %b::bytea[], %b::bytea[],
                    %b::text[], %b::bigint[], %b::bigint[])
             AS new (plan, ordinal, run, key, content, lane, at_us, intent_us)
        ON CONFLICT (plan, ordinal) DO UPDATE
        SET state = 'in_flight', attempts = known.attempts + 1, run = excluded.run,
            intent_us = excluded.intent_us, shard = NULL, epoch = NULL, http_status = NULL,
            reason = NULL, platform_id = NULL, conversation_id = NULL
        WHERE known.state = 'pending' AND known.key = excluded.key AND known.content = excluded.content
          AND known.lane = excluded.lane AND known.at_us = excluded.at_us
        RETURNING 1
    )
    SELECT expect((SELECT count(*) FROM done), %s::bigint)
"""

_RECORD: Final = """
    UPDATE message AS known
    SET state = new.state, http_status = new.http_status, reason = new.reason,
        platform_id = new.platform_id, conversation_id = new.conversation_id, settled_us = new.settled_us
    FROM unnest(%b::text[], %b::bigint[]::integer[], %b::text[], %b::text[], %b::text[], %b::bigint[],
                %b::bigint[]::integer[], %b::bigint[], %b::bigint[]::integer[])
         AS new (state, http_status, reason, platform_id, conversation_id, settled_us, plan, ordinal, run)
    WHERE known.plan = new.plan AND known.ordinal = new.ordinal AND known.run = new.run
      AND known.state = 'in_flight'
    RETURNING 1
"""

# in_flight -> what came of it, under the run that sent it; refused if one of them is not in flight.
OUTCOMES: Final = f"WITH done AS ({_RECORD}) SELECT expect((SELECT count(*) FROM done), %s::bigint)"  # noqa: S608  a constant

# The same for those that still are; counts them.
LATE_OUTCOME: Final = _RECORD

# Keeps how attempts ended.
ATTEMPTS: Final = """
    INSERT INTO attempt (plan, ordinal, n, run, phase, state, reason, http_status, at_us)
    SELECT known.plan, known.ordinal, attempts, run, new.phase, state, reason, http_status, new.at_us
    FROM unnest(%b::text[], %b::bigint[], %b::bigint[]::integer[], %b::bigint[])
         AS new (phase, at_us, plan, ordinal)
         JOIN message AS known ON known.plan = new.plan AND known.ordinal = new.ordinal
"""

# Keeps that a run died during these attempts.
RECOVERED_ATTEMPTS: Final = """
    INSERT INTO attempt (plan, ordinal, n, run, phase, state, reason, at_us)
    SELECT plan, ordinal, attempts, run, 'sent', 'uncertain', %s, %s FROM message WHERE state = 'in_flight'
"""

# in_flight -> uncertain, after a run died.
RECOVER: Final = """
    UPDATE message SET state = 'uncertain', reason = %s, settled_us = %s WHERE state = 'in_flight'
"""

# Keeps a person's word.
DECISION: Final = """
    INSERT INTO decision (plan, ordinal, from_state, to_state, who, why, at_us)
    SELECT plan, ordinal, state, %s, %s, %s, %s FROM message WHERE plan = %s AND ordinal = %s
"""

# Follows it.
DECIDE: Final = "UPDATE message SET state = %s, settled_us = %s WHERE plan = %s AND ordinal = %s"

# Opens a plan; the one before is closed already.
START_PLAN: Final = """
    INSERT INTO plan (number, hash, fingerprint, identity, source, messages, lanes, is_open, started_us)
    SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s, true, %s FROM plan
    RETURNING number
"""

START_RUN: Final = """
    INSERT INTO run (number, plan, host, pid, version, started_us,
                     allowed_per_second, expected, forecast_seconds, expected_plan)
    SELECT coalesce(max(number), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM run
    RETURNING number
"""

END_RUN: Final = "UPDATE run SET ended_us = %s, exit_code = %s, stop = %s WHERE number = %s"

# Keeps until when everybody waits, by the server's clock: the next run may be another machine's.
HOLD_OFF: Final = "UPDATE meta SET hold_off_us = (1000000 * server_seconds())::bigint + %s"

# Keeps a pause under the run that goes on; a message that is sent by hand has none.
PAUSE: Final = """
    INSERT INTO pause (run, at_us, until_us, reason)
    VALUES ((SELECT number FROM run WHERE ended_us IS NULL ORDER BY number DESC LIMIT 1), %s, %s, %s)
"""

# Keeps the word that this ledger was put back from a copy.
RESTORE: Final = "INSERT INTO restore (who, why, at_us) VALUES (%s, %s, %s)"

# A restored copy goes on beyond the generation that was remembered of the lost one.
ADVANCE_BEYOND: Final = "UPDATE meta SET generation = greatest(generation, %s) + 1"

# What a copy does not know as settled may have been sent since: nothing or pending -> uncertain.
DOUBT: Final = """
    INSERT INTO message AS known (plan, ordinal, run, key, content, lane, at_us, intent_us, settled_us,
                                  reason, state, attempts)
    SELECT %s, ordinal, %s, key, content, lane, at_us, %s, %s, %s, 'uncertain', 1
    FROM unnest(%b::bigint[], %b::bytea[], %b::bytea[], %b::text[], %b::bigint[])
         AS new (ordinal, key, content, lane, at_us)
    ON CONFLICT (plan, ordinal) DO UPDATE
    SET state = 'uncertain', reason = excluded.reason, settled_us = excluded.settled_us
    WHERE known.state = 'pending'
"""

DOUBTED: Final = "UPDATE plan SET doubted_us = %s WHERE number = %s"

_CODE: Final = "split_part(reason, ':', 1)"

# What `settle` and `retry` choose; the first line is the condition of the partial index.
_CHOSEN: Final = f"""
    WHERE state IN ('uncertain', 'rejected')
      AND state = ANY(%(states)s::text[])
      AND (%(plan)s::bigint IS NULL OR plan = %(plan)s::bigint)
      AND (%(keys)s::text[] IS NULL OR encode(key, 'hex') = ANY(%(keys)s::text[]))
      AND (%(lanes)s::text[] IS NULL OR lane = ANY(%(lanes)s::text[]))
      AND (%(runs)s::bigint[] IS NULL OR run = ANY(%(runs)s::bigint[]))
      AND (%(codes)s::text[] IS NULL OR {_CODE} = ANY(%(codes)s::text[])
           OR http_status::text = ANY(%(codes)s::text[]))
      AND (%(except_codes)s::text[] IS NULL OR {_CODE} <> ALL(%(except_codes)s::text[]))
"""

COUNT_CHOSEN: Final = f"""
    SELECT state, {_CODE} AS code, count(*) FROM message {_CHOSEN}
    GROUP BY state, code ORDER BY count(*) DESC, code
"""  # noqa: S608  constants of this module

LIST_CHOSEN: Final = f"""
    SELECT plan, ordinal, key, lane, at_us, state, reason, http_status FROM message {_CHOSEN}
    ORDER BY plan, ordinal LIMIT %(limit)s
"""  # noqa: S608  constants of this module

# Before FOLLOW_WORDS, or nothing would be left to choose.
KEEP_WORDS: Final = f"""
    INSERT INTO decision (plan, ordinal, from_state, to_state, who, why, at_us)
    SELECT plan, ordinal, state, %(to)s, %(who)s, %(why)s, %(now_us)s FROM message {_CHOSEN}
    ORDER BY plan, ordinal
"""  # noqa: S608  constants of this module

FOLLOW_WORDS: Final = f"UPDATE message SET state = %(to)s, settled_us = %(settled_us)s {_CHOSEN}"  # noqa: S608  constants of this module
