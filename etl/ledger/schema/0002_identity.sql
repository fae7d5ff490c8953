-- What tells a lost or restored ledger from the real one, what the pace has learned, and a tally that
-- makes questions about ten million accepted messages as quick as about ten.

-- `generation` grows with every run's start and end, every word of a person and every backup; a copy of
-- it is kept outside this file.
ALTER TABLE meta ADD COLUMN generation INTEGER NOT NULL DEFAULT 0 CHECK (generation >= 0);

ALTER TABLE meta ADD COLUMN learned_rate_per_second REAL CHECK (learned_rate_per_second > 0);

-- The newest restore after which this plan's messages were put in doubt.
ALTER TABLE plan ADD COLUMN doubted_us INTEGER;

-- Somebody's word that this file was put back from a copy: whatever was written before, and is not
-- settled here, may have been sent after the copy was made.
CREATE TABLE restore (
    number INTEGER PRIMARY KEY,
    who    TEXT    NOT NULL,
    why    TEXT    NOT NULL,
    at_us  INTEGER NOT NULL
) STRICT;

-- Messages of each plan in state `accepted`, which nothing leaves; kept by a trigger. A table of its own,
-- because its row is written with every acceptance.
CREATE TABLE tally (
    plan     INTEGER PRIMARY KEY,
    accepted INTEGER NOT NULL
) STRICT;

INSERT INTO tally (plan, accepted)
SELECT number, (SELECT count(*) FROM message WHERE message.plan = plan.number AND state = 'accepted') FROM plan;

-- With the two older partial indexes this covers every state but `accepted`.
CREATE INDEX message_waiting ON message (state) WHERE state IN ('pending', 'skipped');

CREATE TRIGGER message_accepted_is_tallied AFTER UPDATE OF state ON message
WHEN NEW.state = 'accepted'
BEGIN
    UPDATE tally SET accepted = accepted + 1 WHERE plan = NEW.plan;
END;

DROP TRIGGER message_enters_as_intent;

CREATE TRIGGER message_enters_as_intent BEFORE INSERT ON message
WHEN NEW.attempts <> 1 OR NEW.maybe_doubled <> 0 OR NOT (
    NEW.state = 'in_flight'
    OR (NEW.state = 'uncertain' AND NEW.at_us < (SELECT max(at_us) FROM restore))
)
BEGIN
    SELECT RAISE(ABORT, 'a message enters the ledger only as an intent, or in doubt after a restore');
END;

DROP TRIGGER message_moves;

CREATE TRIGGER message_moves BEFORE UPDATE OF state ON message
WHEN NOT (
    (OLD.state = 'in_flight' AND NEW.state IN ('accepted', 'rejected', 'uncertain', 'pending'))
    OR (OLD.state = 'pending' AND NEW.state IN ('in_flight', 'skipped', 'uncertain'))
    OR (OLD.state = 'uncertain' AND NEW.state IN ('accepted', 'pending', 'skipped'))
    OR (OLD.state = 'rejected' AND NEW.state IN ('pending', 'skipped'))
)
BEGIN
    SELECT RAISE(ABORT, 'the message may not move from its state to the new one');
END;

DROP TRIGGER message_sent_again_may_be_doubled;

CREATE TRIGGER message_sent_again_may_be_doubled AFTER UPDATE OF state ON message
WHEN NEW.state = 'pending' AND (
    OLD.state = 'uncertain'
    OR (OLD.state = 'rejected' AND OLD.settled_us <= (SELECT max(at_us) FROM restore))
)
BEGIN
    UPDATE message SET maybe_doubled = 1 WHERE plan = NEW.plan AND ordinal = NEW.ordinal;
END;

CREATE TRIGGER meta_is_itself BEFORE UPDATE OF one, identity, target, created_us ON meta
BEGIN
    SELECT RAISE(ABORT, 'what a ledger is never changes');
END;

CREATE TRIGGER meta_generation_grows BEFORE UPDATE OF generation ON meta
WHEN NEW.generation < OLD.generation
BEGIN
    SELECT RAISE(ABORT, 'the generation only grows');
END;

CREATE TRIGGER meta_stays BEFORE DELETE ON meta
BEGIN
    SELECT RAISE(ABORT, 'what a ledger is never goes');
END;

CREATE TRIGGER plan_has_a_tally AFTER INSERT ON plan
BEGIN
    INSERT INTO tally (plan, accepted) VALUES (NEW.number, 0);
END;

CREATE TRIGGER tally_stays BEFORE DELETE ON tally
BEGIN
    SELECT RAISE(ABORT, 'tallies are never deleted');
END;

CREATE TRIGGER plan_is_itself BEFORE UPDATE OF number, hash, fingerprint, identity, source, messages, lanes ON plan
BEGIN
    SELECT RAISE(ABORT, 'what a plan is never changes');
END;

CREATE TRIGGER restore_is_final BEFORE UPDATE ON restore
BEGIN
    SELECT RAISE(ABORT, 'restores are never changed');
END;

CREATE TRIGGER restore_stays BEFORE DELETE ON restore
BEGIN
    SELECT RAISE(ABORT, 'restores are never deleted');
END;
