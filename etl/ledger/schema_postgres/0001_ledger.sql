-- The ledger of one target, in a schema of its own. No table holds a message's text.
-- The allowed moves are those of etl.model.states.MOVES; a test compares both. What SQLite's ledger forbids,
-- this one forbids, too. Texts are compared by their bytes, whatever the database's language is.

-- What this schema is, and the few values that are no rows. `mark` is drawn anew by every change of a message
-- or a plan. `owner_epoch` grows with every opening for writing, `commits` with every transaction of the
-- owner: by both a writer sees whether the ledger is still its own, and whether a commit without an answer
-- was applied.
CREATE TABLE meta (
    one                     integer PRIMARY KEY CHECK (one = 1),
    version                 integer NOT NULL CHECK (version > 0),
    identity                text    NOT NULL,
    target                  text    NOT NULL,
    created_us              bigint  NOT NULL,
    mark                    text    NOT NULL,
    generation              bigint  NOT NULL DEFAULT 0 CHECK (generation >= 0),
    owner_epoch             bigint  NOT NULL DEFAULT 0 CHECK (owner_epoch >= 0),
    commits                 bigint  NOT NULL DEFAULT 0 CHECK (commits >= 0),
    last_send_us            bigint,
    hold_off_us             bigint,
    learned_rate_per_second double precision CHECK (learned_rate_per_second > 0)
) WITH (fillfactor = 10);

CREATE TABLE plan (
    number      integer PRIMARY KEY CHECK (number > 0),
    hash        text    NOT NULL,
    fingerprint text    NOT NULL,
    identity    text    NOT NULL,
    source      text    NOT NULL,
    messages    bigint  NOT NULL CHECK (messages >= 0),
    lanes       bigint  NOT NULL CHECK (lanes >= 0),
    is_open     boolean NOT NULL,
    started_us  bigint  NOT NULL,
    doubted_us  bigint
);

COMMENT ON COLUMN plan.doubted_us IS 'the newest restore after which its messages were put in doubt';

CREATE UNIQUE INDEX plan_one_open ON plan (is_open) WHERE is_open;

CREATE TABLE run (
    number             integer PRIMARY KEY CHECK (number > 0),
    plan               integer NOT NULL REFERENCES plan (number),
    host               text    NOT NULL,
    pid                bigint  NOT NULL,
    version            text    NOT NULL,
    started_us         bigint  NOT NULL,
    ended_us           bigint,
    exit_code          integer,
    allowed_per_second double precision CHECK (allowed_per_second > 0),
    expected           bigint  CHECK (expected >= 0),
    forecast_seconds   double precision CHECK (forecast_seconds >= 0),
    expected_plan      text,
    stop               text    CHECK (length(stop) <= 500),
    CHECK ((ended_us IS NULL) = (exit_code IS NULL))
);

-- Every message that was ever about to be sent. `settled_us` is when the present state was reached. That plan
-- and run exist is seen to by the triggers, once for each statement: foreign keys would look and lock each time.
CREATE TABLE message (
    plan            integer NOT NULL,
    ordinal         bigint  NOT NULL CHECK (ordinal >= 0),
    key             bytea   NOT NULL CHECK (octet_length(key) = 16),
    content         bytea   NOT NULL CHECK (octet_length(content) = 16),
    lane            text    COLLATE "C" NOT NULL,
    at_us           bigint  NOT NULL,
    state           text    COLLATE "C" NOT NULL
                    CHECK (state IN ('pending', 'in_flight', 'accepted', 'rejected', 'uncertain', 'skipped')),
    attempts        integer NOT NULL CHECK (attempts > 0),
    maybe_doubled   boolean NOT NULL DEFAULT false,
    run             integer NOT NULL,
    http_status     integer,
    reason          text    COLLATE "C" CHECK (length(reason) <= 500),
    platform_id     text    COLLATE "C",
    conversation_id text    COLLATE "C",
    intent_us       bigint  NOT NULL,
    settled_us      bigint,
    PRIMARY KEY (plan, ordinal),
    CHECK ((settled_us IS NULL) = (state IN ('pending', 'in_flight')))
);

-- Never two requests of one lane at once, whichever plan, run or process they come from.
CREATE UNIQUE INDEX message_in_flight ON message (lane) WHERE state = 'in_flight';

-- What `status` and `settle` list, and the lanes that wait, without a look at accepted messages.
CREATE INDEX message_unsettled ON message (state, lane) WHERE state IN ('uncertain', 'rejected');

-- With the two above this covers every state but `accepted`.
CREATE INDEX message_waiting ON message (state) WHERE state IN ('pending', 'skipped');

-- One row for each attempt that did not end in a plain acceptance.
CREATE TABLE attempt (
    plan        integer NOT NULL,
    ordinal     bigint  NOT NULL,
    n           integer NOT NULL,
    run         integer NOT NULL REFERENCES run (number),
    phase       text    COLLATE "C" NOT NULL CHECK (phase IN ('connect', 'certificate', 'sent', 'answered')),
    state       text    COLLATE "C" NOT NULL
                CHECK (state IN ('pending', 'accepted', 'rejected', 'uncertain')),
    reason      text    COLLATE "C" NOT NULL CHECK (length(reason) <= 500),
    http_status integer,
    at_us       bigint  NOT NULL,
    PRIMARY KEY (plan, ordinal, n),
    FOREIGN KEY (plan, ordinal) REFERENCES message (plan, ordinal)
);

CREATE INDEX attempt_of_run ON attempt (run);

-- People's words, who said them and why. Nothing in flight can be decided: its outcome is on the way.
CREATE TABLE decision (
    number     bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    plan       integer NOT NULL,
    ordinal    bigint  NOT NULL,
    from_state text    COLLATE "C" NOT NULL CHECK (from_state IN ('pending', 'rejected', 'uncertain')),
    to_state   text    COLLATE "C" NOT NULL CHECK (to_state IN ('pending', 'accepted', 'skipped')),
    who        text    NOT NULL,
    why        text    NOT NULL,
    at_us      bigint  NOT NULL,
    FOREIGN KEY (plan, ordinal) REFERENCES message (plan, ordinal)
);

CREATE INDEX decision_of_message ON decision (plan, ordinal);

-- Somebody's word that this ledger was put back from a copy: whatever was written before, and is not settled
-- here, may have been sent after the copy was made.
CREATE TABLE restore (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    who    text   NOT NULL,
    why    text   NOT NULL,
    at_us  bigint NOT NULL
);

-- Messages of each plan in state `accepted`, which nothing leaves; kept by a trigger. The sum over the slots
-- counts: one row would make every writer wait for the others' commits.
CREATE TABLE tally (
    plan     integer NOT NULL,
    slot     integer NOT NULL,
    accepted bigint  NOT NULL,
    PRIMARY KEY (plan, slot)
) WITH (fillfactor = 10);

-- One row for each time that the API asked everybody to wait longer than before.
CREATE TABLE pause (
    number   bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run      integer REFERENCES run (number),
    at_us    bigint  NOT NULL,
    until_us bigint  NOT NULL,
    reason   text    NOT NULL CHECK (length(reason) <= 500)
);

CREATE INDEX pause_of_run ON pause (run);

-- One row for each run that can record nothing more: SHA-256 over the seal before, the run, its plan, and
-- every outcome and word since, in the order that etl.ledger.seals defines.
CREATE TABLE seal (
    run       integer PRIMARY KEY REFERENCES run (number),
    accepted  bigint  NOT NULL CHECK (accepted >= 0),
    attempts  bigint  NOT NULL CHECK (attempts >= 0),
    last_word bigint  NOT NULL CHECK (last_word >= 0),
    digest    text    NOT NULL CHECK (length(digest) = 64),
    at_us     bigint  NOT NULL
);

-- The rules. Conditions that need no other row stand in WHEN, which costs nothing while they hold.

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = TG_ARGV[0];
END
$$;

-- What a batch of statements says when it changed fewer rows than it has entries.
CREATE FUNCTION expect(fitting bigint, wanted bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF fitting <> wanted THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = 'an entry does not fit';
    END IF;
END
$$;

-- Every transaction of the owner begins with this: it locks `meta`, and ends a writer whose ledger was
-- opened by somebody else meanwhile. What is NULL stays as it is.
CREATE FUNCTION own(epoch bigint, number bigint, new_mark text, sent_us bigint) RETURNS void LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE meta
    SET commits = commits + 1, mark = coalesce(new_mark, mark), last_send_us = coalesce(sent_us, last_send_us)
    WHERE owner_epoch = epoch AND commits = number;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'ETL01', MESSAGE = 'the ledger has another owner';
    END IF;
END
$$;

CREATE FUNCTION message_lives() RETURNS trigger LANGUAGE plpgsql
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
    RETURN NULL;
END
$$;

CREATE FUNCTION message_enters() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.state <> 'uncertain' OR NOT coalesce(NEW.at_us < (SELECT max(at_us) FROM restore), false) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'a message enters the ledger only as an intent, or in doubt after a restore';
    END IF;
    IF NOT EXISTS (
        SELECT 1 FROM run JOIN plan ON plan.number = run.plan
        WHERE run.number = NEW.run AND run.plan = NEW.plan AND run.ended_us IS NULL AND plan.is_open
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation',
            MESSAGE = 'its plan is not the open one, or its run has ended';
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION message_sent_again() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.state = 'uncertain'
       OR coalesce(OLD.settled_us <= (SELECT max(at_us) FROM restore), false) THEN
        NEW.maybe_doubled := true;
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION message_accepted() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO tally AS known (plan, slot, accepted)
    SELECT plan, pg_backend_pid() % 64, sum(more)
    FROM (
        SELECT plan, 1 AS more FROM after WHERE state = 'accepted'
        UNION ALL
        SELECT plan, -1 FROM before WHERE state = 'accepted'
    ) AS changed
    GROUP BY plan HAVING sum(more) <> 0
    ON CONFLICT (plan, slot) DO UPDATE SET accepted = known.accepted + excluded.accepted;
    RETURN NULL;
END
$$;

CREATE TRIGGER message_enters_as_intent BEFORE INSERT ON message FOR EACH ROW
WHEN (NEW.state <> 'in_flight')
EXECUTE FUNCTION message_enters();

CREATE TRIGGER message_enters_new BEFORE INSERT ON message FOR EACH ROW
WHEN (NEW.attempts <> 1 OR NEW.maybe_doubled)
EXECUTE FUNCTION refuse('a message enters the ledger only as an intent, or in doubt after a restore');

CREATE TRIGGER message_enters_under_live_run AFTER INSERT ON message
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
EXECUTE FUNCTION message_lives();

CREATE TRIGGER message_goes_out_under_live_run AFTER UPDATE ON message
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT
EXECUTE FUNCTION message_lives();

CREATE TRIGGER message_moves BEFORE UPDATE OF state ON message FOR EACH ROW
WHEN (NOT (
    (OLD.state = 'in_flight' AND NEW.state IN ('accepted', 'rejected', 'uncertain', 'pending'))
    OR (OLD.state = 'pending' AND NEW.state IN ('in_flight', 'skipped', 'uncertain'))
    OR (OLD.state = 'uncertain' AND NEW.state IN ('accepted', 'pending', 'skipped'))
    OR (OLD.state = 'rejected' AND NEW.state IN ('pending', 'skipped'))
))
EXECUTE FUNCTION refuse('the message may not move from its state to the new one');

CREATE TRIGGER message_sent_again_may_be_doubled BEFORE UPDATE OF state ON message FOR EACH ROW
WHEN (NEW.state = 'pending' AND OLD.state IN ('uncertain', 'rejected'))
EXECUTE FUNCTION message_sent_again();

CREATE TRIGGER message_doubt_stays BEFORE UPDATE OF maybe_doubled ON message FOR EACH ROW
WHEN (OLD.maybe_doubled AND NOT NEW.maybe_doubled)
EXECUTE FUNCTION refuse('a message that may be doubled stays so');

CREATE TRIGGER message_is_itself BEFORE UPDATE OF plan, ordinal, key, content, lane, at_us ON message
FOR EACH ROW
EXECUTE FUNCTION refuse('what a message is never changes');

CREATE TRIGGER message_accepted_is_tallied AFTER UPDATE ON message
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT
EXECUTE FUNCTION message_accepted();

CREATE TRIGGER meta_is_itself BEFORE UPDATE OF one, identity, target, created_us ON meta FOR EACH ROW
EXECUTE FUNCTION refuse('what a ledger is never changes');

CREATE TRIGGER meta_grows BEFORE UPDATE ON meta FOR EACH ROW
WHEN (NEW.generation < OLD.generation OR NEW.owner_epoch < OLD.owner_epoch OR NEW.commits < OLD.commits
      OR NEW.version < OLD.version)
EXECUTE FUNCTION refuse('generation, owner, commits and version only grow');

CREATE TRIGGER plan_is_itself
BEFORE UPDATE OF number, hash, fingerprint, identity, source, messages, lanes ON plan FOR EACH ROW
EXECUTE FUNCTION refuse('what a plan is never changes');

CREATE TRIGGER plan_stays_closed BEFORE UPDATE OF is_open ON plan FOR EACH ROW
WHEN (NOT OLD.is_open)
EXECUTE FUNCTION refuse('a closed plan is never opened again');

CREATE FUNCTION run_replays() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM plan WHERE number = NEW.plan AND is_open) THEN
        RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = 'its plan is not the open one';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER run_replays_open_plan BEFORE INSERT ON run FOR EACH ROW
EXECUTE FUNCTION run_replays();

CREATE TRIGGER run_ends_once BEFORE UPDATE ON run FOR EACH ROW
WHEN (OLD.ended_us IS NOT NULL)
EXECUTE FUNCTION refuse('the run has ended before');

CREATE TRIGGER attempt_is_final BEFORE UPDATE ON attempt FOR EACH ROW
EXECUTE FUNCTION refuse('attempts are never changed');

CREATE TRIGGER decision_is_final BEFORE UPDATE ON decision FOR EACH ROW
EXECUTE FUNCTION refuse('decisions are never changed');

CREATE TRIGGER restore_is_final BEFORE UPDATE ON restore FOR EACH ROW
EXECUTE FUNCTION refuse('restores are never changed');

CREATE TRIGGER pause_is_final BEFORE UPDATE ON pause FOR EACH ROW
EXECUTE FUNCTION refuse('pauses are never changed');

CREATE TRIGGER seal_is_final BEFORE UPDATE ON seal FOR EACH ROW
EXECUTE FUNCTION refuse('seals are never changed');

CREATE TRIGGER meta_stays BEFORE DELETE ON meta FOR EACH ROW
EXECUTE FUNCTION refuse('what a ledger is never goes');
CREATE TRIGGER meta_is_not_emptied BEFORE TRUNCATE ON meta
EXECUTE FUNCTION refuse('what a ledger is never goes');

CREATE TRIGGER plan_stays BEFORE DELETE ON plan FOR EACH ROW
EXECUTE FUNCTION refuse('plans are never deleted');
CREATE TRIGGER plan_is_not_emptied BEFORE TRUNCATE ON plan
EXECUTE FUNCTION refuse('plans are never deleted');

CREATE TRIGGER run_stays BEFORE DELETE ON run FOR EACH ROW
EXECUTE FUNCTION refuse('runs are never deleted');
CREATE TRIGGER run_is_not_emptied BEFORE TRUNCATE ON run
EXECUTE FUNCTION refuse('runs are never deleted');

CREATE TRIGGER message_stays BEFORE DELETE ON message FOR EACH ROW
EXECUTE FUNCTION refuse('messages are never deleted');
CREATE TRIGGER message_is_not_emptied BEFORE TRUNCATE ON message
EXECUTE FUNCTION refuse('messages are never deleted');

CREATE TRIGGER attempt_stays BEFORE DELETE ON attempt FOR EACH ROW
EXECUTE FUNCTION refuse('attempts are never deleted');
CREATE TRIGGER attempt_is_not_emptied BEFORE TRUNCATE ON attempt
EXECUTE FUNCTION refuse('attempts are never deleted');

CREATE TRIGGER decision_stays BEFORE DELETE ON decision FOR EACH ROW
EXECUTE FUNCTION refuse('decisions are never deleted');
CREATE TRIGGER decision_is_not_emptied BEFORE TRUNCATE ON decision
EXECUTE FUNCTION refuse('decisions are never deleted');

CREATE TRIGGER restore_stays BEFORE DELETE ON restore FOR EACH ROW
EXECUTE FUNCTION refuse('restores are never deleted');
CREATE TRIGGER restore_is_not_emptied BEFORE TRUNCATE ON restore
EXECUTE FUNCTION refuse('restores are never deleted');

CREATE TRIGGER tally_stays BEFORE DELETE ON tally FOR EACH ROW
EXECUTE FUNCTION refuse('tallies are never deleted');
CREATE TRIGGER tally_is_not_emptied BEFORE TRUNCATE ON tally
EXECUTE FUNCTION refuse('tallies are never deleted');

CREATE TRIGGER pause_stays BEFORE DELETE ON pause FOR EACH ROW
EXECUTE FUNCTION refuse('pauses are never deleted');
CREATE TRIGGER pause_is_not_emptied BEFORE TRUNCATE ON pause
EXECUTE FUNCTION refuse('pauses are never deleted');

CREATE TRIGGER seal_stays BEFORE DELETE ON seal FOR EACH ROW
EXECUTE FUNCTION refuse('seals are never deleted');
CREATE TRIGGER seal_is_not_emptied BEFORE TRUNCATE ON seal
EXECUTE FUNCTION refuse('seals are never deleted');
