"""What the SQLite schema may hold, and how its questions are answered."""

import re

import pytest

from etl.ledger import statements
from etl.ledger.reader import DIALECT


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
        DIALECT.counts,
        DIALECT.blocked,
        DIALECT.unsettled_entries,
        DIALECT.progress,
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
