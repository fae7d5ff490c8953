-- The ledger of one target. No table holds a message's text.
-- The allowed moves are those of etl.model.states.MOVES; a test compares both.

-- What this file is, and the few values that are no rows. `mark` is drawn anew by every change of
-- a message or a plan, so two equal marks mean equal content, copies that were put back included.
CREATE TABLE meta (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    identity     TEXT    NOT NULL,
    target       TEXT    NOT NULL,
    created_us   INTEGER NOT NULL,
    mark         TEXT    NOT NULL,
    last_send_us INTEGER,
    hold_off_us  INTEGER
) STRICT;

CREATE TABLE plan (
    number      INTEGER PRIMARY KEY CHECK (number > 0),
    hash        TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    identity    TEXT    NOT NULL,
    source      TEXT    NOT NULL,
    messages    INTEGER NOT NULL CHECK (messages >= 0),
    lanes       INTEGER NOT NULL CHECK (lanes >= 0),
    is_open     INTEGER NOT NULL CHECK (is_open IN (0, 1)),
    started_us  INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX plan_one_open ON plan (is_open) WHERE is_open = 1;

CREATE TABLE run (
    number     INTEGER PRIMARY KEY CHECK (number > 0),
    plan       INTEGER NOT NULL REFERENCES plan (number),
    host       TEXT    NOT NULL,
    pid        INTEGER NOT NULL,
    version    TEXT    NOT NULL,
    started_us INTEGER NOT NULL,
    ended_us   INTEGER,
    exit_code  INTEGER,
    CHECK ((ended_us IS NULL) = (exit_code IS NULL))
) STRICT;

-- Every message that was ever about to be sent. `settled_us` is when the present state was reached.
CREATE TABLE message (
    plan            INTEGER NOT NULL REFERENCES plan (number),
    ordinal         INTEGER NOT NULL CHECK (ordinal >= 0),
    key             BLOB    NOT NULL CHECK (length(key) = 16),
    content         BLOB    NOT NULL CHECK (length(content) = 16),
    lane            TEXT    NOT NULL,
    at_us           INTEGER NOT NULL,
    state           TEXT    NOT NULL
                    CHECK (state IN ('pending', 'in_flight', 'accepted', 'rejected', 'uncertain', 'skipped')),
    attempts        INTEGER NOT NULL CHECK (attempts > 0),
    maybe_doubled   INTEGER NOT NULL DEFAULT 0 CHECK (maybe_doubled IN (0, 1)),
    run             INTEGER NOT NULL REFERENCES run (number),
    http_status     INTEGER,
    reason          TEXT    CHECK (length(reason) <= 500),
    platform_id     TEXT,
    conversation_id TEXT,
    intent_us       INTEGER NOT NULL,
    settled_us      INTEGER,
    PRIMARY KEY (plan, ordinal),
    CHECK ((settled_us IS NULL) = (state IN ('pending', 'in_flight')))
) STRICT, WITHOUT ROWID;

-- Never two requests of one lane at once, whichever plan, run or process they come from.
CREATE UNIQUE INDEX message_in_flight ON message (lane) WHERE state = 'in_flight';

-- What `status` and `settle` list, and the lanes that wait, without a look at accepted messages.
CREATE INDEX message_unsettled ON message (state, lane) WHERE state IN ('uncertain', 'rejected');

-- One row for each attempt that did not end in a plain acceptance.
CREATE TABLE attempt (
    plan        INTEGER NOT NULL,
    ordinal     INTEGER NOT NULL,
    n           INTEGER NOT NULL,
    run         INTEGER NOT NULL REFERENCES run (number),
    phase       TEXT    NOT NULL CHECK (phase IN ('connect', 'certificate', 'sent', 'answered')),
    state       TEXT    NOT NULL CHECK (state IN ('pending', 'accepted', 'rejected', 'uncertain')),
    reason      TEXT    NOT NULL CHECK (length(reason) <= 500),
    http_status INTEGER,
    at_us       INTEGER NOT NULL,
    PRIMARY KEY (plan, ordinal, n),
    FOREIGN KEY (plan, ordinal) REFERENCES message (plan, ordinal)
) STRICT, WITHOUT ROWID;

-- People's words, who said them and why. Nothing in flight can be decided: its outcome is on the way.
CREATE TABLE decision (
    number     INTEGER PRIMARY KEY,
    plan       INTEGER NOT NULL,
    ordinal    INTEGER NOT NULL,
    from_state TEXT    NOT NULL CHECK (from_state IN ('pending', 'rejected', 'uncertain')),
    to_state   TEXT    NOT NULL CHECK (to_state IN ('pending', 'accepted', 'skipped')),
    who        TEXT    NOT NULL,
    why        TEXT    NOT NULL,
    at_us      INTEGER NOT NULL,
    FOREIGN KEY (plan, ordinal) REFERENCES message (plan, ordinal)
) STRICT;

CREATE TRIGGER message_enters_as_intent BEFORE INSERT ON message
WHEN NEW.state <> 'in_flight' OR NEW.attempts <> 1 OR NEW.maybe_doubled <> 0
BEGIN
    SELECT RAISE(ABORT, 'a message enters the ledger only as an intent');
END;

CREATE TRIGGER message_enters_under_live_run BEFORE INSERT ON message
WHEN NOT EXISTS (
    SELECT 1 FROM run JOIN plan ON plan.number = run.plan
    WHERE run.number = NEW.run AND run.plan = NEW.plan AND run.ended_us IS NULL AND plan.is_open = 1
)
BEGIN
    SELECT RAISE(ABORT, 'its plan is not the open one, or its run has ended');
END;

CREATE TRIGGER message_goes_out_under_live_run BEFORE UPDATE OF state ON message
WHEN NEW.state = 'in_flight' AND NOT EXISTS (
    SELECT 1 FROM run JOIN plan ON plan.number = run.plan
    WHERE run.number = NEW.run AND run.plan = NEW.plan AND run.ended_us IS NULL AND plan.is_open = 1
)
BEGIN
    SELECT RAISE(ABORT, 'its plan is not the open one, or its run has ended');
END;

CREATE TRIGGER message_moves BEFORE UPDATE OF state ON message
WHEN NOT (
    (OLD.state = 'in_flight' AND NEW.state IN ('accepted', 'rejected', 'uncertain', 'pending'))
    OR (OLD.state = 'pending' AND NEW.state IN ('in_flight', 'skipped'))
    OR (OLD.state = 'uncertain' AND NEW.state IN ('accepted', 'pending', 'skipped'))
    OR (OLD.state = 'rejected' AND NEW.state IN ('pending', 'skipped'))
)
BEGIN
    SELECT RAISE(ABORT, 'the message may not move from its state to the new one');
END;

CREATE TRIGGER message_sent_again_may_be_doubled AFTER UPDATE OF state ON message
WHEN OLD.state = 'uncertain' AND NEW.state = 'pending'
BEGIN
    UPDATE message SET maybe_doubled = 1 WHERE plan = NEW.plan AND ordinal = NEW.ordinal;
END;

CREATE TRIGGER message_doubt_stays BEFORE UPDATE OF maybe_doubled ON message
WHEN OLD.maybe_doubled > NEW.maybe_doubled
BEGIN
    SELECT RAISE(ABORT, 'a message that may be doubled stays so');
END;

CREATE TRIGGER message_is_itself BEFORE UPDATE OF plan, ordinal, key, content, lane, at_us ON message
BEGIN
    SELECT RAISE(ABORT, 'what a message is never changes');
END;

CREATE TRIGGER message_stays BEFORE DELETE ON message
BEGIN
    SELECT RAISE(ABORT, 'messages are never deleted');
END;

CREATE TRIGGER plan_stays_closed BEFORE UPDATE OF is_open ON plan
WHEN OLD.is_open = 0
BEGIN
    SELECT RAISE(ABORT, 'a closed plan is never opened again');
END;

CREATE TRIGGER plan_stays BEFORE DELETE ON plan
BEGIN
    SELECT RAISE(ABORT, 'plans are never deleted');
END;

CREATE TRIGGER run_replays_open_plan BEFORE INSERT ON run
WHEN NOT EXISTS (SELECT 1 FROM plan WHERE number = NEW.plan AND is_open = 1)
BEGIN
    SELECT RAISE(ABORT, 'its plan is not the open one');
END;

CREATE TRIGGER run_ends_once BEFORE UPDATE ON run
WHEN OLD.ended_us IS NOT NULL
BEGIN
    SELECT RAISE(ABORT, 'the run has ended before');
END;

CREATE TRIGGER run_stays BEFORE DELETE ON run
BEGIN
    SELECT RAISE(ABORT, 'runs are never deleted');
END;

CREATE TRIGGER attempt_is_final BEFORE UPDATE ON attempt
BEGIN
    SELECT RAISE(ABORT, 'attempts are never changed');
END;

CREATE TRIGGER attempt_stays BEFORE DELETE ON attempt
BEGIN
    SELECT RAISE(ABORT, 'attempts are never deleted');
END;

CREATE TRIGGER decision_is_final BEFORE UPDATE ON decision
BEGIN
    SELECT RAISE(ABORT, 'decisions are never changed');
END;

CREATE TRIGGER decision_stays BEFORE DELETE ON decision
BEGIN
    SELECT RAISE(ABORT, 'decisions are never deleted');
END;
