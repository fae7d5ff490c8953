"""What matching finds, one case a test; `tests/property` has the laws."""

import pytest

from etl.config.sending import Message
from etl.plan.parts import numbered_sql
from etl.verify.findings import Finding
from etl.verify.ours import PlanTexts
from support.comparison import BEGIN, PLAN, Sent, Shown, compared, found, key


def test_everything_there_is_present(tmp_path):
    """The case that everybody hopes for."""
    ours = [Sent(text="a"), Sent(text="b", at=1)]
    assert {"present": 2} == found(tmp_path, ours, [Shown(text="a"), Shown(text="b", at=1)])


def test_two_equal_messages_need_two_rows(tmp_path):
    """One `ok` in the report proves one `ok`."""
    assert {"present": 1, "missing": 1} == found(tmp_path, [Sent(), Sent()], [Shown()])


def test_a_row_too_many_is_a_double(tmp_path):
    """The platform has no dedupe, so this is what a resend leaves."""
    assert {"present": 1, "doubled": 2} == found(tmp_path, [Sent()], [Shown(), Shown(), Shown()])


def test_same_text_at_another_time_is_shifted_with_the_commonest_shift_first(tmp_path):
    """Each `ok` moved by an hour: without the pattern the first would be paired with its neighbour."""
    ours = [Sent(text="ok", at=3_600 * hour) for hour in (0, 5, 9)] + [Sent(text="x", at=7)]
    rows = [Shown(text="ok", at=3_600 * hour) for hour in (1, 6, 10)] + [Shown(text="x", at=3_607)]

    with compared(tmp_path, ours, rows) as verdicts:
        assert 4 == verdicts.counts()[Finding.SHIFTED]
        assert (3_600, 4) == verdicts.common_shift()


def test_commonest_shift_tells_which_of_two_equal_texts_is_missing(tmp_path):
    """By order alone the first `ok` would be paired with the row of the second."""
    ours = [Sent(text="ok"), Sent(text="ok", at=18_000), Sent(text="x"), Sent(text="y")]
    rows = [Shown(text="ok", at=21_600), Shown(text="x", at=3_600), Shown(text="y", at=3_600)]

    with compared(tmp_path, ours, rows) as verdicts:
        (missing,) = verdicts.first(Finding.MISSING, limit=9)
        assert (3_600, 3) == verdicts.common_shift()

    assert key(0) == missing["key"]


def test_row_in_two_answers_counts_once_and_two_in_one_twice(tmp_path):
    """Ranges share days; a double stands in one answer."""
    ours = [Sent(), Sent(text="b")]
    assert {"present": 2} == found(tmp_path, ours, [Shown(), Shown(text="b")], [Shown(text="b")])
    assert {"present": 2, "doubled": 1} == found(
        tmp_path, ours, [Shown(), Shown(), Shown(text="b")], [Shown()]
    )


def test_no_shift_has_no_commonest(tmp_path):
    """Nothing is named that is not there."""
    with compared(tmp_path, [Sent()], [Shown()]) as verdicts:
        assert verdicts.common_shift() is None


@pytest.mark.parametrize("order", ["place", "rising", "falling"])
def test_two_messages_in_the_wrong_order_are_one_swap(tmp_path, order):
    """By the column of order, by the rows' own order, or by that order read backwards."""
    ours = [Sent(text=text, at=at) for text, at in (("a", 0), ("b", 1), ("c", 1), ("d", 2))]
    texts = [("a", 0), ("c", 1), ("b", 1), ("d", 2)]
    rows = [
        Shown(text=text, at=at, place=n if order == "place" else None) for n, (text, at) in enumerate(texts)
    ]

    with compared(tmp_path, ours, rows if order != "falling" else rows[::-1]) as verdicts:
        counts = verdicts.counts()
        (swapped,) = verdicts.first(Finding.SWAPPED, limit=9)

    assert 4 == counts[Finding.PRESENT]
    assert key(2) == swapped["key"]


def test_order_is_only_asked_within_a_user(tmp_path):
    """Users are served side by side."""
    ours = [Sent(user="ann", at=5), Sent(user="bob", at=1)]
    rows = [Shown(user="bob", at=1, place=1), Shown(user="ann", at=5, place=2)]
    assert {"present": 2} == found(tmp_path, ours, rows)


def test_report_without_an_order_shows_no_swaps(tmp_path):
    """Rows in no order at all prove nothing about order."""
    ours = [Sent(text=str(n), at=n) for n in range(6)]
    rows = [Shown(text=str(n), at=n) for n in (3, 0, 5, 1, 4, 2)]
    assert {"present": 6} == found(tmp_path, ours, rows)


def test_what_was_never_accepted_is_unexpected(tmp_path):
    """A ledger that was restored from an old copy shows like this, before it doubles anything."""
    ours = [Sent(text="a", state="rejected"), Sent(text="b", state=None), Sent(text="c", state=None)]
    assert {"unexpected": 2} == found(tmp_path, ours, [Shown(text="a"), Shown(text="b")])


def test_rows_of_others_are_only_counted(tmp_path):
    """The bot may be in use."""
    rows = [Shown(), Shown(user="zoe"), Shown(text="else"), Shown(user=None), Shown(text=None)]
    assert {"present": 1, "foreign": 4} == found(tmp_path, [Sent()], rows)


@pytest.mark.parametrize(
    "settings",
    [
        {"covered": []},
        {"covered": [(BEGIN - 9, BEGIN)]},
        {"covered": [(BEGIN + 1, BEGIN + 9)]},
        {"sent_before": BEGIN - 1},
    ],
)
def test_absence_without_coverage_is_unknown(tmp_path, settings):
    """Cut off, another day, or sent just now: no false certainty."""
    ours = [Sent(), Sent(text="b", state="uncertain")]
    assert {"unknown": 1, "unknown_doubt": 1} == found(tmp_path, ours, [], **settings)


def test_absence_with_coverage_is_missing_or_absent(tmp_path):
    """The same two where the report was surely whole."""
    ours = [Sent(), Sent(text="b", state="uncertain")]
    covered = [(BEGIN, BEGIN + 1)]
    assert {"missing": 1, "absent": 1} == found(tmp_path, ours, [], covered=covered, sent_before=BEGIN)


def test_row_without_a_time_makes_its_message_unknown(tmp_path):
    """It may be the message, or another one like it."""
    assert {"unknown": 1} == found(tmp_path, [Sent()], [Shown(at=None)])


@pytest.mark.parametrize(
    ("accepted", "uncertain", "others", "rows", "expected"),
    [
        (0, 1, 0, 1, {"proven": 1}),
        (0, 1, 0, 2, {"proven": 1, "doubled": 1}),
        (1, 1, 0, 2, {"present": 1, "proven": 1}),
        (1, 1, 0, 1, {"present": 1, "ambiguous": 1}),
        (1, 1, 0, 3, {"present": 1, "ambiguous": 1, "doubled": 1}),
        (0, 2, 0, 1, {"ambiguous": 2}),
        (0, 2, 0, 2, {"proven": 2}),
        (0, 2, 0, 3, {"ambiguous": 2, "doubled": 1}),
        (0, 1, 1, 1, {"ambiguous": 1}),
        (0, 1, 0, 0, {"absent": 1}),
    ],
)
def test_uncertain_message_is_proven_only_without_ambiguity(
    tmp_path, accepted, uncertain, others, rows, expected
):
    """Equal messages can't be told apart: numbers decide, or nothing does."""
    states = ["accepted"] * accepted + ["uncertain"] * uncertain + ["rejected"] * others
    assert expected == found(tmp_path, [Sent(state=state) for state in states], [Shown()] * rows)


def test_in_flight_counts_as_uncertain(tmp_path):
    """A killed run leaves it, until somebody opens the ledger to write."""
    assert {"proven": 1} == found(tmp_path, [Sent(state="in_flight")], [Shown()])


def test_uncertain_message_at_another_time_is_ambiguous(tmp_path):
    """The like of it is no proof."""
    assert {"ambiguous": 1} == found(tmp_path, [Sent(state="uncertain")], [Shown(at=60)])


def test_id_proves_whatever_the_text_says(tmp_path):
    """The surest match: the report may have shortened the text."""
    ours = [Sent(state="uncertain"), Sent(text="b")]
    rows = [Shown(text="hel…", id=key(0)), Shown(text="b…", id=key(1).upper(), at=3_600)]

    with compared(tmp_path, ours, rows) as verdicts:
        counts = verdicts.counts()
        (proof,) = verdicts.proven()

    assert (1, 1) == (counts[Finding.PROVEN], counts[Finding.SHIFTED])
    assert proof.by_id


def test_second_row_with_an_id_is_a_double(tmp_path):
    """Whatever else it says."""
    rows = [Shown(id=key(0)), Shown(id=key(0), text="else", at=99)]
    assert {"present": 1, "doubled": 1} == found(tmp_path, [Sent()], rows)


def test_report_that_shows_our_ids_does_not_match_rows_with_another_one(tmp_path):
    """The like of a missing message, from somebody else, would hide it."""
    ours = [Sent(text="a"), Sent(text="b")]
    rows = [Shown(text="a", id=key(0)), Shown(text="b", id="theirs")]
    assert {"present": 1, "missing": 1, "foreign": 1} == found(tmp_path, ours, rows)


def test_ids_that_are_none_of_ours_leave_it_to_the_texts(tmp_path):
    """The column may hold the platform's own ids."""
    rows = [Shown(id="1001"), Shown(id="1002", user="zoe")]
    assert {"present": 1, "foreign": 1} == found(tmp_path, [Sent()], rows)


def test_plan_that_is_gone_is_unknown_without_ids_and_known_with_them(tmp_path):
    """The ledger holds no texts, so only an id can find its messages."""
    gone = PlanTexts(number=1, hash=PLAN, open=True, messages=None)
    ours = [Sent(text="a"), Sent(text="b")]
    assert {"unknown": 2, "foreign": 1} == found(tmp_path, ours, [Shown(text="a")], plan=gone)
    assert {"present": 1, "missing": 1} == found(tmp_path, ours, [Shown(id=key(0))], plan=gone)


def test_pending_message_of_a_closed_plan_is_left_to_the_next_one(tmp_path):
    """A later plan has it under the same key."""
    messages = numbered_sql([tmp_path / "messages.parquet"], tmp_path)
    closed = PlanTexts(number=1, hash=PLAN, open=False, messages=messages)
    ours = [Sent(text="a"), Sent(text="b", state="pending"), Sent(text="c", state=None)]
    rows = [Shown(text="a"), Shown(text="b"), Shown(text="c")]
    assert {"present": 1, "foreign": 2} == found(tmp_path, ours, rows, plan=closed)


def test_agents_texts_are_compared_as_they_were_sent(tmp_path):
    """With their prefix, if the job says so."""
    ours = [Sent(text="a", role="agent"), Sent(text="b", role="bot"), Sent(text="c")]
    rows = [Shown(text="A: a"), Shown(text="B: b"), Shown(text="c")]
    prefixed = Message(speaker="both", agent_prefix="A: ", bot_prefix="B: ")
    assert {"present": 3} == found(tmp_path, ours, rows, settings=prefixed)
    plain = Message(speaker="plain", agent_prefix="A: ")
    assert {"present": 1, "missing": 2, "foreign": 2} == found(tmp_path, ours, rows, settings=plain)


@pytest.mark.parametrize(
    ("text", "expected"), [("spaces", {"present": 2}), ("exact", {"missing": 2, "foreign": 2})]
)
def test_white_space_and_composition_are_minded_on_request(tmp_path, text, expected):
    """Reports trim and re-encode; the default forgives that."""
    ours = [Sent(text="one\r\n  two "), Sent(text="caf\u00e9")]
    rows = [Shown(text="one two"), Shown(text="cafe\u0301")]
    assert expected == found(tmp_path, ours, rows, text=text)


def test_coarse_times_are_compared_coarsely(tmp_path):
    """A report that shows minutes only is not a report of shifts."""
    ours = [Sent(at=BEGIN % 60 + 45)]
    rows = [Shown(at=ours[0].at - (BEGIN + ours[0].at) % 60)]
    assert {"present": 1} == found(tmp_path, ours, rows, resolution_seconds=60)
    assert {"shifted": 1} == found(tmp_path, ours, rows)


def test_sample_judges_only_what_was_drawn_and_all_that_is_uncertain(tmp_path):
    """The rest of the report is not its business; doubt is."""
    ours = [Sent(text=str(n), at=n) for n in range(20)] + [Sent(text="u", state="uncertain")]
    rows = [Shown(text="u")]

    with compared(tmp_path, ours, rows, sample=5) as verdicts:
        counts, wrong = verdicts.counts(), verdicts.wrong()

    assert (5, 1) == (counts[Finding.MISSING], counts[Finding.PROVEN])
    assert 5 == wrong


def test_totals_count_our_users_by_day(tmp_path):
    """Without a look at any text."""
    ours = [Sent(text="a"), Sent(text="b", state="uncertain"), Sent(text="c", at=86_400)]
    rows = [Shown(text="x"), Shown(text="y"), Shown(text="z"), Shown(user="zoe", at=86_400)]

    with compared(tmp_path, ours, rows, covered=[(BEGIN - 86_400, BEGIN + 1)]) as verdicts:
        first, second = verdicts.totals()

    assert (1, 1, 3, True, False) == (first.accepted, first.uncertain, first.found, first.covered, first.even)
    assert (1, 0, 0, False) == (second.accepted, second.uncertain, second.found, second.covered)


def test_list_shortens_users_and_has_no_text(tmp_path):
    """It is a file that people pass on."""
    ours = [Sent(user="ann.miller@example.com", text="a secret")]
    with compared(tmp_path, ours, []) as verdicts:
        (batch,) = verdicts.listed([Finding.PRESENT, Finding.MISSING])
    (row,) = batch.to_pylist()
    assert ("missing", key(0), 1, 0, "ann.…om") == tuple(
        row[name] for name in ("finding", "key", "plan", "ordinal", "user")
    )
    assert "secret" not in str(row)


def test_message_by_hand_is_known_by_its_id(tmp_path):
    """Whoever tried the deployment with `etl send` should not look for a stranger's messages."""
    mine, theirs = Shown(user="try-1", text="x", at=9, id="f" * 32), Shown(user="eve", id="e" * 32)
    shown = [Shown(id=key(0)), mine, theirs]
    assert {"present": 1, "by_hand": 1, "foreign": 1} == found(tmp_path, [Sent()], shown, by_hand=[mine])


def test_message_by_hand_is_known_by_user_and_time_and_claims_one_row(tmp_path):
    """A mailed report has no ids of ours, and the text is recorded nowhere."""
    mine = Shown(user="try-1", at=9, id="f" * 32)
    shown = [Shown(), *(Shown(user="try-1", text=text, at=9) for text in ("x", "y"))]
    assert {"present": 1, "by_hand": 1, "foreign": 1} == found(tmp_path, [Sent()], shown, by_hand=[mine])


def test_message_by_hand_claims_no_row_of_a_message_of_ours(tmp_path):
    """A user who gets one by hand in the second of a planned message has two rows."""
    mine = Shown(at=0, id="f" * 32)
    assert {"present": 1} == found(tmp_path, [Sent()], [Shown()], by_hand=[mine])
