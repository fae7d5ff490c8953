"""What every ledger answers; see `etl.ledger.interface.Ledger`."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from etl.clock import SYSTEM
from etl.errors import LedgerError
from etl.ledger.interface import EXPORT_SCHEMA, TOUCHED_SCHEMA
from etl.model.states import State
from support.conformance import ALL, UNSETTLED, decision, rows

LEDGERS = ["sqlite", "postgres"]


def test_mark_changes_with_every_touch_and_with_nothing_else(ledger, new_plan):
    """A plan is made against a mark; an equal mark must mean equal content."""
    marks = [ledger.mark()]
    plan = ledger.start_plan(new_plan(), now_us=1).number
    marks.append(ledger.mark())
    run = ledger.start_run(plan, host="host", pid=1, version="0", now_us=2)
    ledger.set_hold_off(99)
    ledger.recover(now_us=3)
    ledger.end_run(run, exit_code=0, now_us=4)
    assert marks[-1] == ledger.mark()
    assert len(marks) == len(set(marks))


def test_mark_changes_with_messages(ledger, started, intent, outcome):
    """Intents, outcomes, recovery and decisions all change what may be sent."""
    marks = [ledger.mark()]
    ledger.commit([intent(0)])
    marks.append(ledger.mark())
    ledger.commit([outcome(0), intent(1)])
    marks.append(ledger.mark())
    ledger.recover(now_us=7)
    marks.append(ledger.mark())
    ledger.decide([decision(started[0], 1, State.SKIPPED)])
    marks.append(ledger.mark())
    assert len(set(marks)) == 5


def test_mark_stays_when_a_commit_is_refused(ledger, intent):
    """Nothing was applied."""
    before = ledger.mark()
    with pytest.raises(LedgerError):
        ledger.commit([intent(0), intent(1)])
    assert before == ledger.mark()


def test_touched_leaves_stored_pending_out(ledger, intent, outcome):
    """A pending message is planned again like an untouched one."""
    ledger.commit([intent(0), outcome(0), intent(1), intent(10), outcome(10, State.PENDING)])
    found = {row["key"]: row for row in rows(ledger.touched(), TOUCHED_SCHEMA)}
    assert {0, 1} == {int.from_bytes(key, "big") for key in found}
    first = found[bytes(16)]
    expected = (b"c" * 16, "user-0", 0, "accepted")
    assert expected == (first["content"], first["lane"], first["at_us"], first["state"])


def test_touched_tells_of_wanted_keys_and_lanes_only(ledger, intent, outcome):
    """A small input is compared with its own lanes, not with ten million other messages."""
    ordinals = [0, 10, 11, 20, 30]
    ledger.commit([entry for ordinal in ordinals for entry in (intent(ordinal), outcome(ordinal))])
    wanted = pa.table({"key": [(20).to_bytes(16, "big"), b"k" * 16], "lane": ["user-1", "user-9"]})

    found = rows(ledger.touched(wanted), TOUCHED_SCHEMA)
    assert [10, 11, 20] == sorted(int.from_bytes(row["key"], "big") for row in found)
    assert [] == rows(ledger.touched(wanted.slice(0, 0)), TOUCHED_SCHEMA)


def test_progress_is_cut_to_its_range_and_plan(ledger, started, intent):
    """Each lane asks for its own rows."""
    ledger.commit([intent(ordinal) for ordinal in (5, 10, 25, 30)])
    assert ledger.progress(started[0], 10, 30) == ([10, 25], [State.IN_FLIGHT] * 2)
    assert ledger.progress(started[0], 26, 30) == ([], [])
    assert ledger.progress(started[0] + 1, 0, 100) == ([], [])


def test_counts_are_by_plan_or_over_all(ledger, started, intent, outcome, new_plan):
    """`status` shows both."""
    ledger.commit([intent(0), outcome(0)])
    second = ledger.start_plan(new_plan("b"), now_us=5).number
    run = ledger.start_run(second, host="host", pid=1, version="0", now_us=6)
    ledger.commit([intent(0, plan=second, run=run, lane="user-7")])
    assert ledger.counts(started[0]) == {State.ACCEPTED: 1}
    assert ledger.counts(second) == {State.IN_FLIGHT: 1}
    assert ledger.counts() == {State.ACCEPTED: 1, State.IN_FLIGHT: 1}


def test_blocked_lanes_count_the_asked_states_only(ledger, intent, outcome):
    """Which states block is the job's setting."""
    ledger.commit([intent(0), outcome(0, State.REJECTED), intent(1), outcome(1, State.UNCERTAIN)])
    ledger.commit([intent(2), intent(10), outcome(10)])
    assert ledger.blocked_lanes(UNSETTLED) == {"user-0": 3}
    assert ledger.blocked_lanes(frozenset({State.UNCERTAIN})) == {"user-0": 1}
    assert ledger.blocked_lanes(frozenset()) == {}


def test_entries_come_in_order_and_up_to_the_limit(ledger, intent, outcome):
    """Lists for people are short and stable."""
    for ordinal in (30, 10, 20):
        state = State.REJECTED if ordinal == 20 else State.UNCERTAIN
        ledger.commit([intent(ordinal), outcome(ordinal, state, http_status=500, reason="http_500")])
    ledger.commit([intent(0), outcome(0)])
    assert [entry.ordinal for entry in ledger.entries(UNSETTLED - {State.IN_FLIGHT}, limit=2)] == [10, 20]
    assert [entry.ordinal for entry in ledger.entries(ALL, limit=9)] == [0, 10, 20, 30]
    (entry,) = ledger.entries(frozenset({State.REJECTED}), limit=9)
    expected = (1, "user-2", State.REJECTED, "http_500", 500)
    assert expected == (entry.plan, entry.lane, entry.state, entry.reason, entry.http_status)


def test_hold_off_is_remembered(ledger):
    """The next run obeys it, too."""
    ledger.set_hold_off(until_us := SYSTEM.wall_us() + 60_000_000)
    assert pytest.approx(until_us, abs=1_000_000) == ledger.hold_off_us()


def test_export_tells_the_whole_life_of_a_message(ledger, intent, outcome):
    """The results ledger as people get it."""
    told = outcome(0, platform_id="p-1", conversation_id="c-1", http_status=200)
    ledger.commit([intent(0), told, intent(1)])
    first, second = rows(ledger.export(), EXPORT_SCHEMA)
    assert {
        "plan": "a" * 64,
        "ordinal": 0,
        "key": "0" * 32,
        "lane": "user-0",
        "at": datetime(1970, 1, 1, tzinfo=UTC),
        "state": "accepted",
        "attempts": 1,
        "maybe_doubled": False,
        "http_status": 200,
        "reason": "accepted",
        "platform_id": "p-1",
        "conversation_id": "c-1",
        "run": 1,
        "intent_at": datetime(1970, 1, 1, 0, 0, 0, 2_000, tzinfo=UTC),
        "settled_at": datetime(1970, 1, 1, 0, 0, 0, 3_000, tzinfo=UTC),
    } == first
    assert (second["state"], second["settled_at"]) == ("in_flight", None)


def test_export_does_not_see_what_is_written_meanwhile(ledger, intent, outcome):
    """It is one snapshot, however long it takes to read."""
    ledger.commit([intent(0)])
    export = ledger.export()
    first = next(export)
    ledger.commit([outcome(0)])
    assert first.column("state").to_pylist() == ["in_flight"]
    assert list(export) == []


def test_reason_is_cut_to_500_characters(ledger, intent, outcome):
    """An API's error text may be long."""
    ledger.commit([intent(0), outcome(0, State.REJECTED, reason="é" * 600)])
    assert ledger.entries(ALL, limit=1)[0].reason == "é" * 500


def test_outcome_with_broken_unicode_is_stored_all_the_same(ledger, intent, outcome):
    """An answer may hold half a surrogate pair; losing the outcome for it would be worse."""
    broken = {"platform_id": "p\ud800", "conversation_id": "\udfff", "reason": "r\ud800"}
    ledger.commit([intent(0), outcome(0, **broken)])
    assert [row["platform_id"] for row in rows(ledger.export(), EXPORT_SCHEMA)] == ["p?"]


def test_lane_with_broken_unicode_is_refused_without_showing_it(ledger, intent):
    """A driver's exception never escapes, nor does the value."""
    with pytest.raises(LedgerError) as caught:
        ledger.commit([intent(0, lane="ann\ud800")])
    assert caught.value.__cause__ is None
    assert ledger.counts() == {}


def test_number_beyond_64_bits_is_a_ledger_error(ledger, intent):
    """A driver's exception never escapes."""
    with pytest.raises(LedgerError):
        ledger.commit([intent(0, at_us=2**70)])
