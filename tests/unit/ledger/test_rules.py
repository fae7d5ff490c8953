"""The rules that live in the schema, so that they hold for everybody who can open the ledger."""

import sqlite3
from itertools import product

import psycopg
import pytest

from etl.model.states import MOVES, State

LEDGERS = ["sqlite", "postgres"]
REFUSED = (sqlite3.IntegrityError, psycopg.IntegrityError)


def put(ledger, raw, intent, outcome, state: State) -> None:
    """Bring message 0 of the ledger into a state by allowed moves."""
    if state is State.SKIPPED:
        ledger.commit([intent(0), outcome(0, State.PENDING)])
        raw.execute("UPDATE message SET state = 'skipped', settled_us = 1")
    else:
        ledger.commit([intent(0)] if state is State.IN_FLIGHT else [intent(0), outcome(0, state)])


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_schema_allows_exactly_the_moves_of_the_model(ledger, raw, intent, outcome, before, after):
    """Illegal states can't be stored, whoever writes."""
    put(ledger, raw, intent, outcome, before)
    settled = "NULL" if after in {State.PENDING, State.IN_FLIGHT} else "1"
    try:
        raw.execute(f"UPDATE message SET state = '{after.value}', settled_us = {settled}")  # noqa: S608
        allowed = True
    except REFUSED:
        allowed = False
    assert ((before, after) in MOVES) == allowed


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM message",
        "DELETE FROM plan",
        "DELETE FROM run",
        "DELETE FROM attempt",
        "DELETE FROM decision",
        "UPDATE attempt SET reason = ''",
        "UPDATE decision SET who = ''",
        "UPDATE message SET key = content",
        "UPDATE message SET lane = 'other'",
        "UPDATE message SET at_us = 1",
        "UPDATE message SET maybe_doubled = false",
        "UPDATE message SET state = 'lost'",
        "UPDATE plan SET is_open = true WHERE number = 1",
        "UPDATE meta SET one = 2",
        "UPDATE meta SET identity = 'x'",
        "UPDATE meta SET target = 'x'",
        "UPDATE meta SET generation = generation - 1",
        "UPDATE meta SET generation = -1",
        "UPDATE meta SET learned_rate_per_second = 0",
        "DELETE FROM meta",
        "DELETE FROM tally",
        "UPDATE plan SET hash = 'x'",
        "DELETE FROM restore",
        "UPDATE restore SET who = 'x'",
        """INSERT INTO message
           (plan, ordinal, key, content, lane, at_us, run, intent_us, attempts, state, settled_us)
           SELECT 2, 9, key, content, 'x', 5000, 2, 1, 1, 'uncertain', 1 FROM message LIMIT 1""",
        """INSERT INTO message
           (plan, ordinal, key, content, lane, at_us, run, intent_us, attempts, state, settled_us)
           SELECT 2, 9, key, content, 'x', 1, 2, 1, 1, 'accepted', 1 FROM message LIMIT 1""",
        """INSERT INTO message (plan, ordinal, key, content, lane, at_us, run, intent_us, attempts, state)
           SELECT 1, 9, key, content, 'x', 1, 1, 1, 1, 'in_flight' FROM message LIMIT 1""",
    ],
)
def test_schema_refuses_to_rewrite_history(ledger, raw, intent, outcome, new_plan, sql):
    """The rules hold for everybody with a SQL shell, too."""
    ledger.commit([intent(0), outcome(0, State.UNCERTAIN), intent(10), outcome(10)])
    raw.execute("UPDATE message SET state = 'pending', settled_us = NULL WHERE ordinal = 0")
    raw.execute("INSERT INTO restore (who, why, at_us) VALUES ('ann', 'disk broke', 5000)")
    raw.execute(
        "INSERT INTO decision (plan, ordinal, from_state, to_state, who, why, at_us) "
        "VALUES (1, 0, 'uncertain', 'pending', 'ann', 'asked', 1)"
    )
    plan = ledger.start_plan(new_plan("b"), now_us=1).number
    ledger.start_run(plan, host="host", pid=1, version="0", now_us=2)
    with pytest.raises(REFUSED):
        raw.execute(sql)


def test_attempts_are_recorded_unless_plainly_accepted(ledger, raw, intent, outcome):
    """What went wrong is kept, even when it went right in the end."""
    refused = outcome(0, State.PENDING, phase="connect", reason="connect_refused")
    ledger.commit(
        [intent(0), refused, intent(0), outcome(0), intent(1), outcome(1, phase="sent", reason="timeout")]
    )
    ledger.commit([intent(2)])
    ledger.recover(now_us=7)
    found = raw.execute("SELECT ordinal, n, phase, state, reason FROM attempt ORDER BY ordinal, n").fetchall()
    assert found == [
        (0, 1, "connect", "pending", "connect_refused"),
        (1, 1, "sent", "accepted", "timeout"),
        (2, 1, "sent", "uncertain", "interrupted"),
    ]
