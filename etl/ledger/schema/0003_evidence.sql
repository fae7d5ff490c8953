-- What a run set out to do and why it ended, the pauses it was asked for, and a chain of seals by which a
-- change of what is recorded is noticed.

ALTER TABLE run ADD COLUMN allowed_per_second REAL CHECK (allowed_per_second > 0);

-- Messages that it was about to send.
ALTER TABLE run ADD COLUMN expected INTEGER CHECK (expected >= 0);

ALTER TABLE run ADD COLUMN forecast_seconds REAL CHECK (forecast_seconds >= 0);

-- The hash, or its beginning, that --expect-plan named.
ALTER TABLE run ADD COLUMN expected_plan TEXT;

ALTER TABLE run ADD COLUMN stop TEXT CHECK (length(stop) <= 500);

-- One row for each time that the API asked everybody to wait longer than before.
CREATE TABLE pause (
    number   INTEGER PRIMARY KEY,
    run      INTEGER REFERENCES run (number),
    at_us    INTEGER NOT NULL,
    until_us INTEGER NOT NULL,
    reason   TEXT    NOT NULL CHECK (length(reason) <= 500)
) STRICT;

CREATE INDEX pause_of_run ON pause (run);

-- One row for each run that can record nothing more: SHA-256 over the seal before, the run, its plan, and
-- every outcome and word since, in the order that etl.ledger.seals defines.
CREATE TABLE seal (
    run       INTEGER PRIMARY KEY REFERENCES run (number),
    accepted  INTEGER NOT NULL CHECK (accepted >= 0),
    attempts  INTEGER NOT NULL CHECK (attempts >= 0),
    last_word INTEGER NOT NULL CHECK (last_word >= 0),
    digest    TEXT    NOT NULL CHECK (length(digest) = 64),
    at_us     INTEGER NOT NULL
) STRICT;

-- What a run's report and seal need of it.
CREATE INDEX attempt_of_run ON attempt (run);

CREATE TRIGGER pause_is_final BEFORE UPDATE ON pause
BEGIN
    SELECT RAISE(ABORT, 'pauses are never changed');
END;

CREATE TRIGGER pause_stays BEFORE DELETE ON pause
BEGIN
    SELECT RAISE(ABORT, 'pauses are never deleted');
END;

CREATE TRIGGER seal_is_final BEFORE UPDATE ON seal
BEGIN
    SELECT RAISE(ABORT, 'seals are never changed');
END;

CREATE TRIGGER seal_stays BEFORE DELETE ON seal
BEGIN
    SELECT RAISE(ABORT, 'seals are never deleted');
END;
