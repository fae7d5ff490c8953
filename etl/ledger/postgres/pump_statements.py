"""A worker's statements in a run by many; lists come as arrays, and only shards that are held count."""

from typing import Final

# When something was sent last counts by the server's clock: the next run rests by it, and machines differ.
KEEP: Final = """
    SELECT keep(%s, %s, %s, %b::bigint[]::integer[], %b::bigint[]::integer[], %s,
                CASE WHEN %s THEN (1000000 * server_seconds())::bigint END)
"""

HEARD: Final = "SELECT era, share, stop_kind, stop_message FROM pace WHERE run = %s"

# pending -> in_flight under a claim, also for messages that are not stored yet.
INTENTS: Final = """
    WITH mine AS (
        SELECT new.* FROM unnest(%b::bigint[]::integer[], %b::bigint[], %b::bigint[]::integer[], %b::bytea[],
                                 %b::bytea[], %b::text[], %b::bigint[], %b::bigint[],
                                 %b::bigint[]::integer[], %b::bigint[]::integer[])
                          AS new (plan, ordinal, run, key, content, lane, at_us, intent_us, shard, epoch)
                          JOIN shard ON shard.run = new.run AND shard.number = new.shard
                                    AND shard.epoch = new.epoch AND shard.owner = %s
    ), done AS (
        INSERT INTO message AS known
               (plan, ordinal, run, key, content, lane, at_us, intent_us, shard, epoch, state, attempts)
        SELECT mine.*, 'in_flight', 1 FROM mine
        ON CONFLICT (plan, ordinal) DO UPDATE
        SET state = 'in_flight', attempts = known.attempts + 1, run = excluded.run,
            intent_us = excluded.intent_us, shard = excluded.shard, epoch = excluded.epoch,
            http_status = NULL, reason = NULL, platform_id = NULL, conversation_id = NULL
        WHERE known.state = 'pending' AND known.key = excluded.key AND known.content = excluded.content
          AND known.lane = excluded.lane AND known.at_us = excluded.at_us
        RETURNING 1
    )
    SELECT expect((SELECT count(*) FROM done), (SELECT count(*) FROM mine))
"""

_OUTCOMES: Final = """
    new AS (
        SELECT * FROM unnest(%b::text[], %b::bigint[]::integer[], %b::text[], %b::text[], %b::text[],
                             %b::bigint[], %b::bigint[]::integer[], %b::bigint[], %b::bigint[]::integer[],
                             %b::bigint[]::integer[], %b::bigint[]::integer[], %b::text[], %b::bigint[])
                      AS new (state, http_status, reason, platform_id, conversation_id, settled_us, plan,
                              ordinal, run, shard, epoch, phase, told_us)
    )
"""

# in_flight -> what came of it, under the claim that sent it; `told_us` where it gets a row of its own.
OUTCOMES: Final = f"""
    WITH {_OUTCOMES}, mine AS (
        SELECT new.* FROM new JOIN shard ON shard.run = new.run AND shard.number = new.shard
                                        AND shard.epoch = new.epoch AND shard.owner = %s
    ), done AS (
        UPDATE message AS known
        SET state = mine.state, http_status = mine.http_status, reason = mine.reason,
            platform_id = mine.platform_id, conversation_id = mine.conversation_id,
            settled_us = mine.settled_us
        FROM mine
        WHERE known.plan = mine.plan AND known.ordinal = mine.ordinal AND known.run = mine.run
          AND known.shard = mine.shard AND known.epoch = mine.epoch AND known.state = 'in_flight'
        RETURNING known.plan, known.ordinal, known.attempts, known.run, mine.phase, known.state,
                  known.reason, known.http_status, mine.told_us
    ), told AS (
        INSERT INTO attempt (plan, ordinal, n, run, phase, state, reason, http_status, at_us)
        SELECT * FROM done WHERE told_us IS NOT NULL
    )
    SELECT expect((SELECT count(*) FROM done), (SELECT count(*) FROM mine))
"""  # noqa: S608  a constant of this module

# An answer that came when the shard had another owner: uncertain -> what it says, if nobody decided
# meanwhile. A word in the record tells where the state comes from.
LATE: Final = f"""
    WITH {_OUTCOMES}, done AS (
        UPDATE message AS known
        SET state = new.state, http_status = new.http_status, platform_id = new.platform_id,
            conversation_id = new.conversation_id, settled_us = new.settled_us
        FROM new
        WHERE known.plan = new.plan AND known.ordinal = new.ordinal AND known.run = new.run
          AND known.shard = new.shard AND known.epoch = new.epoch AND known.state = 'uncertain'
          AND known.reason = 'interrupted' AND new.state IN ('accepted', 'pending')
        RETURNING known.plan, known.ordinal, new.state, new.reason, new.run
    ), marked AS (
        UPDATE pace SET late = late + 1 WHERE run IN (SELECT run FROM done)
    )
    INSERT INTO decision (plan, ordinal, from_state, to_state, who, why, at_us)
    SELECT plan, ordinal, 'uncertain', state, %s, 'its answer came late: ' || reason, %s FROM done
"""  # noqa: S608  a constant of this module

CLAIM: Final = "SELECT * FROM claim(%s, %s, %s, %s)"

LEAVE: Final = """
    UPDATE shard SET state = %s, owner = NULL, lease_until = NULL
    WHERE run = %s AND number = %s AND epoch = %s AND owner = %s
"""

PROGRESS: Final = """
    SELECT ordinal, state FROM unnest(%b::bigint[], %b::bigint[]) AS lane (first, after)
         JOIN message ON plan = %s AND ordinal >= lane.first AND ordinal < lane.after
    ORDER BY ordinal
"""

BOOK: Final = "SELECT * FROM book(%s, %s, %s, %s)"

# What the API asked for holds everybody, in full; slots that were booked before are void.
HOLD_OFF: Final = """
    UPDATE pace SET held_until = server_seconds() + %(seconds)s, era = era + 1
    WHERE run = %(run)s AND held_until < server_seconds() + %(seconds)s
"""
REMEMBER_HOLD_OFF: Final = """
    UPDATE meta SET hold_off_us = greatest(hold_off_us, (1000000 * (server_seconds() + %s))::bigint)
"""
PAUSE: Final = "INSERT INTO pause (run, at_us, until_us, reason) VALUES (%s, %s, %s, %s)"

# Another share, if nobody else has drawn a lesson meanwhile.
SHARE: Final = "UPDATE pace SET share = %s, era = era + 1 WHERE run = %s AND share = %s RETURNING era"
REMEMBER_RATE: Final = "UPDATE meta SET learned_rate_per_second = %s"

STOP: Final = """
    UPDATE pace SET stop_kind = %s, stop_message = %s WHERE run = %s AND stop_kind IS NULL
"""

# After the database was away: what was booked last may be lost with it, so a whole window passes. Eras may
# be lost, too; a sender hears of none that is not newer than what it heard, which milliseconds always are.
REST: Final = """
    UPDATE pace SET next_at = greatest(next_at, server_seconds() + %s),
                    era = greatest(era + 1, floor(1000 * server_seconds())::bigint)
    WHERE run = %s
"""

ENTER: Final = "INSERT INTO pump (run, owner) VALUES (%s, %s) ON CONFLICT DO NOTHING"
# Waits for a transaction that has begun with this row.
COMMITS: Final = "SELECT commits FROM pump WHERE run = %s AND owner = %s FOR UPDATE"
MINE: Final = "SELECT number, epoch FROM shard WHERE run = %s AND owner = %s AND state = 'open'"
BEGINNING: Final = """
    SELECT era, share, stop_kind, stop_message, ends_at - server_seconds(),
           max_messages IS NOT NULL, coalesce(admitted >= max_messages, false)
    FROM pace WHERE run = %s AND EXISTS (SELECT 1 FROM run WHERE number = %s AND ended_us IS NULL)
"""
LEFT: Final = "SELECT count(*) FROM shard WHERE run = %s AND state <> 'done'"
