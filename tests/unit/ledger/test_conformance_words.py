"""What every ledger promises of words on many messages, of restores and of its own name."""

import pyarrow as pa
import pytest

from etl.errors import LedgerError
from etl.ledger.interface import DOUBT_SCHEMA, EXPORT_SCHEMA, Selection, Word
from etl.model.states import State

UNCERTAIN = frozenset({State.UNCERTAIN})
BOTH = frozenset({State.UNCERTAIN, State.REJECTED})

LEDGERS = ["sqlite", "postgres"]


def word(state: State) -> Word:
    """Return somebody's word."""
    return Word(state=state, who="ann@host", why="seen in the inbox", now_us=9_000)


def states(ledger, plan: int) -> dict[int, str]:
    """Return the state of each stored message."""
    return dict(zip(*ledger.progress(plan, 0, 1_000), strict=True))


@pytest.fixture
def unsettled(ledger, intent, outcome) -> None:
    """Leave messages of three lanes in doubt or refused."""
    ledger.commit(
        [
            *(intent(ordinal) for ordinal in (0, 10, 20)),
            outcome(0, State.UNCERTAIN, reason="timeout"),
            outcome(10, State.UNCERTAIN, reason="http_500", http_status=500),
            outcome(20, State.REJECTED, reason="http_422: too: long", http_status=422),
            intent(21),
            outcome(21, State.REJECTED, reason="error_in_answer: no", http_status=200),
            intent(30),
            outcome(30),
        ],
    )


@pytest.mark.usefixtures("unsettled")
@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, {0, 10, 20, 21}),
        ({"lanes": ("user-2",)}, {20, 21}),
        ({"lanes": ("user-0", "user-1")}, {0, 10}),
        ({"lanes": ("user-3",)}, set()),
        ({"codes": ("timeout",)}, {0}),
        ({"codes": ("http_422",)}, {20}),
        ({"codes": ("422", "500")}, {10, 20}),
        ({"codes": ("http",)}, set()),
        ({"keys": (f"{20:032x}", f"{30:032X}")}, {20}),
        ({"runs": (1,)}, {0, 10, 20, 21}),
        ({"runs": (2,)}, set()),
        ({"plan": 2}, set()),
        ({"lanes": ("user-2",), "codes": ("200",)}, {21}),
        ({"except_codes": ("timeout", "http_422")}, {10, 21}),
    ],
)
def test_selection_takes_what_fits_every_word(ledger, chosen, expected):
    """Words of one kind add up, kinds restrict each other."""
    selection = Selection(states=BOTH, **chosen)
    assert expected == {entry.ordinal for entry in ledger.chosen(selection, limit=9)}
    assert len(expected) == sum(ledger.count_chosen(selection).values())


@pytest.mark.usefixtures("unsettled")
def test_selection_is_counted_by_state_and_code(ledger):
    """Codes are what people choose by, so the API's own words are left off."""
    assert {
        (State.UNCERTAIN, "timeout"): 1,
        (State.UNCERTAIN, "http_500"): 1,
        (State.REJECTED, "http_422"): 1,
        (State.REJECTED, "error_in_answer"): 1,
    } == ledger.count_chosen(Selection(states=BOTH))


@pytest.mark.usefixtures("unsettled")
def test_word_is_followed_and_recorded_for_each_message(ledger, raw):
    """Who, when and why, or nobody could say later why something was sent twice."""
    assert 2 == ledger.settle(Selection(states=BOTH, lanes=("user-2",)), word(State.SKIPPED))
    found = raw.execute("SELECT ordinal, from_state, to_state, who, why, at_us FROM decision").fetchall()
    words = ("rejected", "skipped", "ann@host", "seen in the inbox", 9_000)
    assert [(20, *words), (21, *words)] == found
    assert {State.UNCERTAIN: 2, State.SKIPPED: 2, State.ACCEPTED: 1} == ledger.counts()


@pytest.mark.usefixtures("unsettled")
def test_forbidden_word_applies_to_none(ledger, raw):
    """A rejected message can't be called accepted, and then neither are the others."""
    with pytest.raises(LedgerError):
        ledger.settle(Selection(states=BOTH), word(State.ACCEPTED))
    assert {State.UNCERTAIN: 2, State.REJECTED: 2, State.ACCEPTED: 1} == ledger.counts()
    assert [] == raw.execute("SELECT * FROM decision").fetchall()


@pytest.mark.usefixtures("unsettled")
def test_word_on_nothing_changes_nothing(ledger):
    """Not even the mark, or a plan would be made again for it."""
    before = ledger.mark(), ledger.name()
    assert 0 == ledger.settle(Selection(states=UNCERTAIN, lanes=("nobody",)), word(State.ACCEPTED))
    assert before == (ledger.mark(), ledger.name())


def test_generation_grows_with_runs_words_and_backups(ledger, new_plan, raw):
    """Any copy made before must be recognised as older."""
    seen = [ledger.name().generation]

    def grew() -> bool:
        seen.append(ledger.name().generation)
        return bool(seen[-1] > seen[-2])

    plan = ledger.start_plan(new_plan(), now_us=1).number
    assert grew()
    run = ledger.start_run(plan, host="h", pid=1, version="0", now_us=1)
    assert grew()
    ledger.end_run(run, exit_code=0, now_us=2)
    assert grew()
    ledger.advance()
    assert grew()
    ledger.restore(generation=90, who="ann", why="disk broke", now_us=3)
    assert 91 == ledger.name().generation
    assert [("ann", "disk broke", 3)] == raw.execute("SELECT who, why, at_us FROM restore").fetchall()


def test_learned_rate_is_kept(ledger):
    """The next run begins with what this one found out."""
    assert ledger.learned_rate_per_second() is None
    ledger.remember_learned_rate(2.5)
    assert 2.5 == ledger.learned_rate_per_second()
    ledger.remember_learned_rate(None)
    assert ledger.learned_rate_per_second() is None


def messages(*ordinals: int) -> list[pa.RecordBatch]:
    """Return planned messages as the fixtures make their intents."""
    rows = [
        {
            "ordinal": ordinal,
            "key": ordinal.to_bytes(16, "big"),
            "content": b"c" * 16,
            "lane": f"user-{ordinal // 10}",
            "at_us": ordinal,
        }
        for ordinal in ordinals
    ]
    return [pa.RecordBatch.from_pylist(rows, DOUBT_SCHEMA)]


def test_restored_copy_doubts_what_it_does_not_know_as_settled(ledger, started, intent, outcome):
    """All else may have been sent after the copy was made."""
    plan, run = started
    ledger.commit([intent(0), outcome(0), intent(1), outcome(1, State.REJECTED)])
    ledger.commit([intent(2), outcome(2, State.PENDING, phase="connect")])
    assert ledger.doubt_before_us(plan) is None
    ledger.restore(generation=0, who="ann", why="", now_us=8_000)
    assert 8_000 == ledger.doubt_before_us(plan)
    assert 2 == ledger.doubt(plan, run, messages(0, 1, 2, 3), now_us=8_001)
    assert 0 == ledger.doubt(plan, run, messages(0, 1, 2, 3), now_us=8_002)
    expected = {0: State.ACCEPTED, 1: State.REJECTED, 2: State.UNCERTAIN, 3: State.UNCERTAIN}
    assert expected == states(ledger, plan)
    assert {"restored"} == {entry.reason for entry in ledger.entries(UNCERTAIN, limit=9)}
    assert ledger.doubt_before_us(plan) is None


def test_doubt_that_was_settled_does_not_come_back(ledger, started, new_plan):
    """A person's word on a restored message is the last one; another plan is asked for anew."""
    plan, run = started
    ledger.restore(generation=0, who="ann", why="", now_us=8_000)
    ledger.doubt(plan, run, messages(0, 1), now_us=8_001)
    ledger.settle(Selection(states=UNCERTAIN), word(State.PENDING))
    assert ledger.doubt_before_us(plan) is None
    assert 8_000 == ledger.doubt_before_us(ledger.start_plan(new_plan("b"), now_us=9_000).number)


def test_message_resent_after_a_restore_may_be_doubled(ledger, started, intent, outcome):
    """Also one that the copy knows as rejected: it may have been retried since."""
    plan, run = started
    ledger.commit([intent(0), outcome(0, State.REJECTED)])
    ledger.restore(generation=0, who="ann", why="", now_us=8_000)
    ledger.doubt(plan, run, messages(0, 10), now_us=8_001)
    ledger.settle(Selection(states=BOTH), word(State.PENDING))
    exported = pa.Table.from_batches(ledger.export(), EXPORT_SCHEMA)
    assert [True, True] == exported.column("maybe_doubled").to_pylist()


def test_message_younger_than_the_restore_is_in_no_doubt(ledger, started):
    """It can't have been sent before it was written, and the schema says so to everybody."""
    plan, run = started
    ledger.restore(generation=0, who="ann", why="", now_us=5)
    with pytest.raises(LedgerError):
        ledger.doubt(plan, run, messages(5), now_us=9_000)
