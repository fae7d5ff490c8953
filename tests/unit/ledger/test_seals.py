"""The chain of seals: any later change of what runs recorded is noticed, and told of which run."""

import sqlite3

import pytest

from etl.ledger import seal_script, seals
from etl.ledger.evidence import Aim, Pause
from etl.ledger.interface import Decision, Selection, Word
from etl.ledger.postgres import long_reads
from etl.model.states import State

LEDGERS = ["sqlite", "postgres"]

AIM = Aim(allowed_per_second=50.0, expected=9, forecast_seconds=0.18, expected_plan="aaaa")

INVENTED = """
    INSERT INTO message
    SELECT plan, 77, key, content, 'x', at_us, state, attempts, maybe_doubled, run, http_status, reason,
           platform_id, conversation_id, intent_us, settled_us
    FROM message WHERE ordinal = 20
"""


@pytest.fixture
def history(ledger, started, intent, outcome):
    """Leave two ended runs: the first with every kind of outcome, the second with what was put back."""
    plan, run = started
    ledger.commit([intent(0), outcome(0, reason="accepted", platform_id="p0")])
    ledger.commit([intent(1), outcome(1, State.REJECTED, reason="http_422: no", http_status=422)])
    ledger.commit([intent(10), outcome(10, State.UNCERTAIN, reason="timeout", phase="sent")])
    ledger.commit([intent(20), outcome(20, State.PENDING, reason="http_429", http_status=429)])
    ledger.commit([intent(30), outcome(30, State.UNCERTAIN, reason="timeout", phase="sent")])
    ledger.set_hold_off(9_000, pause=Pause(at_us=8_000, until_us=9_000, reason="http_429"))
    ledger.end_run(run, exit_code=3, now_us=10_000)
    ledger.seal(now_us=10_001)
    ledger.decide([
        Decision(plan=plan, ordinal=10, state=State.ACCEPTED, who="ann", why="seen", now_us=11_000),
        Decision(plan=plan, ordinal=1, state=State.SKIPPED, who="ann", why="no", now_us=11_001),
    ])  # fmt: skip
    second = ledger.start_run(plan, host="h", pid=2, version="0", now_us=12_000, aim=AIM)
    ledger.commit([intent(20, run=second), outcome(20, run=second, reason="accepted")])
    ledger.end_run(second, exit_code=0, now_us=13_000, stop="the end")
    ledger.seal(now_us=13_001)
    return ledger


def tamper(raw, *statements):
    """Change a ledger as somebody with a SQL shell would, its rules put aside."""
    if isinstance(raw, sqlite3.Connection):
        for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            raw.execute(f"DROP TRIGGER {name}")
    else:
        raw.execute("SET session_replication_role = replica")
    for statement in statements:
        raw.execute(statement)


def test_a_ledger_that_nobody_changed_is_sound(history):
    """Words between runs, retries and settled doubts are no change of what runs recorded."""
    found = history.verify_seals()
    assert ([1, 2], (), (), 0, 0) == (
        [seal.run for seal in found.sealed],
        found.differing,
        found.unsealed,
        found.unsealed_words,
        found.unexplained,
    )
    assert [(1, 4), (1, 0)] == [(seal.accepted, seal.attempts) for seal in found.sealed]


@pytest.mark.parametrize(
    ("statement", "runs"),
    [
        ("UPDATE message SET platform_id = 'other' WHERE ordinal = 0", (1,)),
        ("UPDATE message SET lane = 'other' WHERE ordinal = 0", (1,)),
        ("UPDATE message SET settled_us = settled_us + 1 WHERE ordinal = 20", (2,)),
        ("UPDATE message SET run = 2 WHERE ordinal = 0", (1, 2)),
        ("UPDATE message SET state = 'pending', settled_us = NULL WHERE ordinal = 0", (1,)),
        ("UPDATE message SET state = 'accepted' WHERE ordinal = 30", (1,)),
        ("DELETE FROM message WHERE ordinal = 0", (1,)),
        (INVENTED, (2,)),
        ("UPDATE attempt SET reason = 'http_400' WHERE ordinal = 1", (1,)),
        ("DELETE FROM attempt WHERE ordinal = 30", (1,)),
        ("UPDATE pause SET until_us = 1", (1,)),
        ("UPDATE run SET exit_code = 0 WHERE number = 1", (1,)),
        ("UPDATE run SET stop = NULL WHERE number = 2", (2,)),
        ("UPDATE plan SET hash = 'b'", (1, 2)),
        ("UPDATE decision SET who = 'bob' WHERE ordinal = 1", (2,)),
        ("DELETE FROM decision WHERE ordinal = 1", (2,)),
        ("UPDATE seal SET digest = substr(digest || digest, 2, 64) WHERE run = 1", (1, 2)),
        ("DELETE FROM seal WHERE run = 1", (2,)),
        ("UPDATE meta SET identity = 'x'", (1, 2)),
    ],
)  # fmt: skip
def test_a_change_is_told_with_its_run(history, raw, statement, runs):
    """Raw SQL around every rule of the schema."""
    tamper(raw, statement)
    assert runs == history.verify_seals().differing


@pytest.mark.parametrize("state", ["skipped", "pending"])
def test_a_state_without_attempt_or_word_is_noticed(history, raw, state):
    """A message in doubt that somebody quietly puts back would be sent twice."""
    settled = "NULL" if state == "pending" else "1"
    tamper(raw, f"UPDATE message SET state = '{state}', settled_us = {settled} WHERE ordinal = 30")  # noqa: S608
    found = history.verify_seals()
    assert ((), 1) == (found.differing, found.unexplained)


def test_words_after_the_last_seal_are_told_as_open(history):
    """They are sealed with the next run."""
    word = Word(state=State.SKIPPED, who="ann", why="no", now_us=14_000)
    assert 1 == history.settle(Selection(states=frozenset({State.UNCERTAIN})), word)
    found = history.verify_seals()
    assert ((), 0, 1) == (found.differing, found.unexplained, found.unsealed_words)


def test_a_killed_run_is_sealed_once_its_messages_are_recovered(ledger, intent):
    """What was in flight becomes doubt under the dead run; only then nothing more can come."""
    ledger.commit([intent(0)])
    ledger.seal(now_us=5)
    assert [] == ledger.seals()
    ledger.recover(now_us=6)
    ledger.seal(now_us=7)
    assert [(1, 0, 1)] == [(seal.run, seal.accepted, seal.attempts) for seal in ledger.seals()]
    assert () == ledger.verify_seals().differing


def test_each_run_is_sealed_once(history):
    """A seal is what was, not what is."""
    before = history.seals()
    history.seal(now_us=99_999)
    assert before == history.seals()


def test_a_digest_does_not_hang_on_how_many_rows_are_read_at_once(history, monkeypatch):
    """Rows of several runs stand side by side."""
    for module in (seal_script, long_reads):
        monkeypatch.setattr(module, "BATCH_ROWS", 1)
    assert () == history.verify_seals().differing


def test_both_kinds_of_ledger_seal_alike(history, raw):
    """A seal says the same of the same run, wherever it is kept; the ledgers' own names are made equal."""
    tamper(raw, "UPDATE meta SET identity = 'i'")
    tamper(raw, "UPDATE message SET lane = 'Jürgen ✓' WHERE ordinal = 0")
    raw.execute("DELETE FROM seal")
    history.seal(now_us=1)
    assert [
        "a68fb4197b626daaedb79344d3efca80147b258abea18027a296691bd3b6a939",
        "ca9d1524a90d049ca1cc2685e2352d3dae5427b53b6bf24e043bb0d9ff67e36e",
    ] == [seal.digest for seal in history.seals()]


def test_a_line_is_the_same_in_one_call_as_in_parts():
    """SQLite writes it by `printf`, PostgreSQL part by part: a ledger that moves keeps its seals."""
    columns = (
        "SELECT 7 AS n, NULL AS none, 1795368972522454 AS at, 'æ%s ''' AS word, x'00ff' AS b, NULL AS gone"
    )
    names = ("n none at", "word b gone")
    parts = seals.line("hex({})", *names)
    connection = sqlite3.connect(":memory:")
    query = f"SELECT {parts}, {seal_script._line(*names)} FROM ({columns})"  # noqa: S608  constants
    expected, found = connection.execute(query).fetchone()
    connection.close()
    assert expected == found
    assert "7 - 1795368972522454 +C3A625732027 +00FF +" == found
