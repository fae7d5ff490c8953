"""The rules that live in the SQLite schema, so that they hold for everybody who can open the file."""

import re
import sqlite3
from itertools import product

import pytest

from etl.ledger import export, statements
from etl.model.states import MOVES, State


def put(ledger, intent, outcome, state: State) -> None:
    """Bring message 0 of the ledger into a state by allowed moves."""
    if state is State.SKIPPED:
        ledger.commit([intent(0), outcome(0, State.PENDING)])
        ledger._writer.execute("UPDATE message SET state = 'skipped', settled_us = 1")
    else:
        ledger.commit([intent(0)] if state is State.IN_FLIGHT else [intent(0), outcome(0, state)])


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_schema_allows_exactly_the_moves_of_the_model(ledger, raw, intent, outcome, before, after):
    """Illegal states can't be stored, whoever writes."""
    put(ledger, intent, outcome, before)
    settled = None if after in {State.PENDING, State.IN_FLIGHT} else 1
    try:
        raw.execute("UPDATE message SET state = ?, settled_us = ?", (after.value, settled))
        allowed = True
    except sqlite3.IntegrityError:
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
        "UPDATE message SET key = zeroblob(16)",
        "UPDATE message SET lane = 'other'",
        "UPDATE message SET at_us = 1",
        "UPDATE message SET maybe_doubled = 0",
        "UPDATE message SET state = 'lost'",
        "UPDATE plan SET is_open = 1 WHERE number = 1",
        "INSERT INTO meta SELECT 2, identity, target, created_us, mark, NULL, NULL, 1, NULL FROM meta",
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
           VALUES (2, 9, zeroblob(16), zeroblob(16), 'x', 5000, 2, 1, 1, 'uncertain', 1)""",
        """INSERT INTO message
           (plan, ordinal, key, content, lane, at_us, run, intent_us, attempts, state, settled_us)
           VALUES (2, 9, zeroblob(16), zeroblob(16), 'x', 1, 2, 1, 1, 'accepted', 1)""",
        """INSERT INTO message (plan, ordinal, key, content, lane, at_us, run, intent_us, attempts, state)
           VALUES (1, 9, zeroblob(16), zeroblob(16), 'x', 1, 1, 1, 1, 'in_flight')""",
    ],
)
def test_schema_refuses_to_rewrite_history(ledger, raw, intent, outcome, new_plan, sql):
    """The rules hold for everybody with a SQL shell, too."""
    ledger.commit([intent(0), outcome(0, State.UNCERTAIN)])
    raw.execute("UPDATE message SET state = 'pending', settled_us = NULL")
    raw.execute("INSERT INTO restore VALUES (1, 'ann', 'disk broke', 5000)")
    raw.execute("INSERT INTO decision VALUES (1, 1, 0, 'uncertain', 'pending', 'ann', 'asked', 1)")
    plan = ledger.start_plan(new_plan("b"), now_us=1).number
    ledger.start_run(plan, host="host", pid=1, version="0", now_us=2)
    with pytest.raises(sqlite3.IntegrityError):
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


def test_no_column_can_hold_a_message_text(raw):
    """Promise P8; a new column has to be named here, and be no text of a message."""
    sql = "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'"
    columns: dict[str, set[str]] = {}
    for table, column in raw.execute(sql):
        columns.setdefault(table, set()).add(column)
    assert {
        "meta": {
            "one", "identity", "target", "created_us", "mark", "last_send_us", "hold_off_us",
            "generation", "learned_rate_per_second",
        },
        "plan": {
            "number", "hash", "fingerprint", "identity", "source",
            "messages", "lanes", "is_open", "started_us", "doubted_us",
        },
        "tally": {"plan", "accepted"},
        "restore": {"number", "who", "why", "at_us"},
        "run": {
            "number", "plan", "host", "pid", "version", "started_us", "ended_us", "exit_code",
            "allowed_per_second", "expected", "forecast_seconds", "expected_plan", "stop",
        },
        "pause": {"number", "run", "at_us", "until_us", "reason"},
        "seal": {"run", "accepted", "attempts", "last_word", "digest", "at_us"},
        "message": {
            "plan", "ordinal", "key", "content", "lane", "at_us", "state", "attempts", "maybe_doubled", "run",
            "http_status", "reason", "platform_id", "conversation_id", "intent_us", "settled_us",
        },
        "attempt": {"plan", "ordinal", "n", "run", "phase", "state", "reason", "http_status", "at_us"},
        "decision": {"number", "plan", "ordinal", "from_state", "to_state", "who", "why", "at_us"},
    } == columns  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        export._COUNTS,
        export._BLOCKED,
        export._UNSETTLED_ENTRIES,
        export._PROGRESS,
        statements.COUNT_CHOSEN,
        statements.LIST_CHOSEN,
        statements.KEEP_WORDS,
        statements.FOLLOW_WORDS,
        statements.RECOVER,
        statements.RECOVERED_ATTEMPTS,
        statements.OUTCOME,
        statements.ATTEMPT,
        statements.DECISION,
        statements.DECIDE,
    ],
)
def test_nothing_but_whole_tables_reads_all_messages(raw, sql):
    """`status`, a start and a commit look at a handful of rows, not at ten million accepted ones."""
    named = dict.fromkeys(re.findall(r":([a-z_]+)", sql))
    parameters = named or [None] * (len(set(re.findall(r"\?\d", sql))) or sql.count("?"))
    steps = [row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)]
    looks = [step for step in steps if re.search(r"\bmessage\b", step)]
    assert looks
    assert [] == [step for step in looks if not re.search(r"INDEX message_|PRIMARY KEY", step)]
