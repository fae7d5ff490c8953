-- One run by many workers: shards of its plan that are leased, one pace, and a word that ends it.
-- An epoch grows with every claim: whoever holds an older one can write nothing more of that shard.

CREATE TABLE shard (
    run         integer NOT NULL REFERENCES run (number),
    number      integer NOT NULL CHECK (number >= 0),
    part        integer NOT NULL,
    first_lane  bigint  NOT NULL CHECK (first_lane >= 0),
    end_lane    bigint  NOT NULL,
    messages    bigint  NOT NULL CHECK (messages >= 0),
    state       text    COLLATE "C" NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'open', 'done')),
    epoch       integer NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    owner       text,
    lease_until timestamptz,
    PRIMARY KEY (run, number),
    CHECK (end_lane > first_lane),
    CHECK ((state = 'open') = (owner IS NOT NULL AND lease_until IS NOT NULL))
) WITH (fillfactor = 50);

COMMENT ON COLUMN shard.part IS 'the part of the plan that holds its messages; -1: a plan in one part';
COMMENT ON COLUMN shard.first_lane IS 'its lanes by their place in the plan, first to before end';

CREATE INDEX shard_left ON shard (run, number) WHERE state <> 'done';

-- One row for each worker's call. `commits` tells one that lost an answer whether its commit was applied.
CREATE TABLE pump (
    run          integer NOT NULL REFERENCES run (number),
    owner        text    NOT NULL,
    commits      bigint  NOT NULL DEFAULT 0,
    last_send_us bigint,
    PRIMARY KEY (run, owner)
) WITH (fillfactor = 50);

-- The one pace of a run and its end. Times are seconds since 1970 on this server's clock.
CREATE TABLE pace (
    run          integer PRIMARY KEY REFERENCES run (number),
    spacing      double precision NOT NULL CHECK (spacing > 0),
    share        double precision NOT NULL CHECK (share > 0 AND share <= 1),
    next_at      double precision NOT NULL,
    held_until   double precision NOT NULL DEFAULT 0,
    era          bigint  NOT NULL DEFAULT 0,
    max_messages bigint,
    admitted     bigint  NOT NULL DEFAULT 0,
    ends_at      double precision,
    late         bigint NOT NULL DEFAULT 0,
    stop_kind    text,
    stop_message text    CHECK (length(stop_message) <= 500),
    CHECK ((stop_kind IS NULL) = (stop_message IS NULL))
) WITH (fillfactor = 10);

COMMENT ON COLUMN pace.spacing IS 'seconds between two slots at the whole rate';
COMMENT ON COLUMN pace.late IS 'grows when an answer that came late changes messages: the mark shows it';
COMMENT ON COLUMN pace.era IS 'grows when slots that are booked become void: a hold-off, another share';

-- Under which claim a message was last sent; NULL: by a run of one process.
ALTER TABLE message ADD COLUMN shard integer;
ALTER TABLE message ADD COLUMN epoch integer;

CREATE FUNCTION server_seconds() RETURNS double precision LANGUAGE sql
RETURN extract(epoch FROM clock_timestamp())::double precision;

CREATE OR REPLACE FUNCTION message_lives() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM changed WHERE state = 'in_flight' AND NOT EXISTS (
            SELECT 1 FROM run JOIN plan ON plan.number = run.plan
            WHERE run.number = changed.run AND run.plan = changed.plan AND run.ended_us IS NULL
              AND plan.is_open
        )
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'its plan is not the open one, or its run has ended';
    END IF;
    IF EXISTS (
        SELECT 1 FROM changed WHERE state = 'in_flight' AND shard IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM shard
            WHERE shard.run = changed.run AND shard.number = changed.shard AND shard.epoch = changed.epoch
              AND shard.state = 'open' AND shard.run = (SELECT max(number) FROM run)
        )
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'its shard has another owner';
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER shard_epoch_grows BEFORE UPDATE ON shard FOR EACH ROW
WHEN (NEW.epoch < OLD.epoch OR OLD.state = 'done')
EXECUTE FUNCTION refuse('an epoch only grows, and what is done stays so');

CREATE TRIGGER shard_stays BEFORE DELETE ON shard FOR EACH ROW
EXECUTE FUNCTION refuse('shards are never deleted');

-- What a worker left in flight when it lost its shard: it may have been sent.
CREATE FUNCTION doubt_shard(of_run integer, of_shard integer, found_us bigint) RETURNS bigint LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    found_rows bigint;
BEGIN
    INSERT INTO attempt (plan, ordinal, n, run, phase, state, reason, at_us)
    SELECT plan, ordinal, attempts, run, 'sent', 'uncertain', 'interrupted', found_us FROM message
    WHERE state = 'in_flight' AND run = of_run AND shard = of_shard;
    UPDATE message SET state = 'uncertain', reason = 'interrupted', settled_us = found_us
    WHERE state = 'in_flight' AND run = of_run AND shard = of_shard;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    RETURN found_rows;
END
$$;

-- Gives a worker of the newest run the first shard that is free or whose lease has ended.
CREATE FUNCTION claim(of_run integer, new_owner text, lease interval, found_us bigint)
RETURNS TABLE (shard_number integer, shard_epoch integer, shard_part integer, lanes_first bigint,
               lanes_end bigint, doubted bigint)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    found_shard shard%ROWTYPE;
BEGIN
    -- Locked: whoever says stop waits for claims under way, and none comes afterwards.
    PERFORM 1 FROM pace WHERE run = of_run AND stop_kind IS NULL FOR SHARE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM 1 FROM run
    WHERE number = of_run AND ended_us IS NULL AND number = (SELECT max(number) FROM run);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    SELECT * INTO found_shard FROM shard
    WHERE run = of_run AND (state = 'waiting' OR (state = 'open' AND lease_until < clock_timestamp()))
    ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE shard SET state = 'open', epoch = epoch + 1, owner = new_owner, lease_until = clock_timestamp() + lease
    WHERE run = of_run AND number = found_shard.number;
    doubted := 0;
    -- Also after a shard was fenced: its last owner may have left something in flight.
    IF found_shard.epoch > 0 THEN
        doubted := doubt_shard(of_run, found_shard.number, found_us);
    END IF;
    shard_number := found_shard.number;
    shard_epoch := found_shard.epoch + 1;
    shard_part := found_shard.part;
    lanes_first := found_shard.first_lane;
    lanes_end := found_shard.end_lane;
    RETURN NEXT;
END
$$;

-- Every transaction of a worker begins with this: it counts, renews all leases that are still its own, and
-- says which these are.
CREATE FUNCTION keep(of_run integer, by_owner text, number_before bigint, shards integer[], epochs integer[],
                     lease interval, sent_us bigint)
RETURNS SETOF integer LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE pump SET commits = commits + 1, last_send_us = coalesce(sent_us, last_send_us)
    WHERE run = of_run AND owner = by_owner AND commits = number_before;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'ETL01', MESSAGE = 'the worker is not the one it was';
    END IF;
    RETURN QUERY
    UPDATE shard SET lease_until = clock_timestamp() + lease
    FROM unnest(shards, epochs) AS mine (number, epoch)
    WHERE shard.run = of_run AND shard.owner = by_owner AND shard.state = 'open'
      AND shard.number = mine.number AND shard.epoch = mine.epoch
    RETURNING shard.number;
END
$$;

-- Books slots for those who wait now, one after the other at the present pace; the first not before the
-- sender can be ready for it.
CREATE FUNCTION book(of_run integer, fresh bigint, again bigint, ready_in double precision)
RETURNS TABLE (server_now double precision, first_at double precision, spaced double precision, slots bigint,
               begun bigint, held double precision, now_era bigint, now_share double precision)
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    known pace%ROWTYPE;
BEGIN
    SELECT * INTO known FROM pace WHERE run = of_run FOR UPDATE;
    server_now := server_seconds();  -- after the wait for the row
    begun := least(fresh, coalesce(greatest(known.max_messages - known.admitted, 0), fresh));
    slots := begun + again;
    spaced := known.spacing / known.share;
    first_at := greatest(known.next_at, server_now + ready_in, known.held_until);
    held := known.held_until;
    now_era := known.era;
    now_share := known.share;
    UPDATE pace SET next_at = first_at + slots * spaced, admitted = admitted + begun WHERE run = of_run;
    RETURN NEXT;
END
$$;
