"""What should make a person look again before sending."""

from dataclasses import replace

import pytest

from etl.model.insight import BusyUser, Sessions
from etl.model.schemas import FileSummary
from etl.report.alerts import share, warnings
from support.plans import COUNTS, INSIGHT, PLAN

USER = BusyUser(lane="web", messages=70_000, share=0.06, dialogues=900, placeholder=False)


def told(**parts):
    """Return the warnings of a plan whose insight differs in some parts."""
    changed = {name: replace(getattr(INSIGHT, name), **values) for name, values in parts.items()}
    return warnings(PLAN, replace(INSIGHT, **changed))


def test_a_sound_plan_has_no_warnings():
    """A warning that always shows is none."""
    assert [] == warnings(PLAN, INSIGHT)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"sides": {"agent_first": 1_501}}, "begin with an agent"),
        ({"sides": {"only_agent": 1_501}}, "have no customer"),
        ({"sides": {"only_customer": 1_501}}, "have no answer"),
        ({"users": {"busy": (USER,)}}, "is it one person"),
        ({"users": {"busy": (replace(USER, share=0.0, placeholder=True),)}}, "stands for nobody"),
        ({"users": {"shared_tickets": 2, "shared_examples": ("t1", "t2")}}, "users, such as 't1', 't2'"),
        ({"times": {"whole_minutes": 617_001}}, "whole minutes"),
        ({"times": {"ties": 123_401}}, "share their second"),
        ({"times": {"before_2005": 1}}, "older than 2005"),
        ({"times": {"last_day": 1}}, "last 24 hours"),
    ],
)
def test_each_trap_is_one_warning(parts, words):
    """The line says what was seen; the person decides."""
    (line,) = told(**parts)
    assert words in line


@pytest.mark.parametrize(
    "parts",
    [
        {"sides": {"agent_first": 1_500, "only_agent": 1_500, "only_customer": 1_500}},
        {"users": {"busy": (replace(USER, share=0.05), replace(USER, dialogues=20))}},
        {"times": {"whole_minutes": 617_000, "ties": 123_400}},
        {"sides": {"dialogues": 19, "agent_first": 19, "only_agent": 19}},
    ],
)
def test_nothing_is_told_at_the_threshold_or_of_too_few(parts):
    """Shares of a handful say nothing."""
    assert [] == told(**parts)


@pytest.mark.parametrize(
    ("split", "merged", "words"),
    [(51, 0, ["tickets will be cut"]), (0, 151, ["will mix several tickets"]), (50, 150, [])],
)
def test_tickets_that_melt_or_break_are_told(split, merged, words):
    """The session expiration and `message.lane` are what helps."""
    sessions = (Sessions(expiration_minutes=600, conversations=3_000, split=split, merged=merged),)
    lines = told(preview={"tickets": 1_000, "as_planned": sessions})
    assert [True] * len(words) == [word in line for word, line in zip(words, lines, strict=True)]


@pytest.mark.parametrize(
    ("offsets", "count"),
    [
        ({"Z": 70, "none": 30}, 1),
        ({"Z": 80, "none": 20}, 0),
        ({"none": 100}, 0),
        ({"+02:00": 50, "+01:00": 50}, 0),
    ],
)
def test_mixed_offsets_are_told_only_when_some_have_none(offsets, count):
    """Summer and winter differ by an hour, and a column of naive times has its zone in the job."""
    assert count == len(warnings(replace(PLAN, offsets=offsets), INSIGHT))


def test_what_was_found_in_texts_is_told_by_kind_and_count():
    """Off by default means that a person must know."""
    personal, html, broken, nobody = warnings(
        replace(PLAN, found={"html": 5, "mojibake": 6, "placeholder_user": 7}),
        replace(INSIGHT, personal={"email": 1_200, "iban": 3}),
    )
    assert "(email 1,200, iban 3)" in personal
    assert "text.html = true" in html
    assert "input.encoding" in broken
    assert "7 rows have a user id" in nobody


def test_files_left_out_come_first():
    """Nothing is graver than history that is not there."""
    plan = replace(PLAN, skipped_files=("b.gz: cut off",), found={"html": 1})
    assert "left out: b.gz: cut off" == warnings(plan, INSIGHT)[0]


def test_an_empty_plan_has_no_warnings():
    """Everything known already is an ordinary day."""
    assert [] == warnings(replace(PLAN, conservation=replace(COUNTS, planned=0)), INSIGHT)


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [
        (0, 0, "0 %"),
        (0, 5, "0 %"),
        (1, 9_999, "< 0.1 %"),
        (1, 3, "33.3 %"),
        (1, 2, "50 %"),
        (9_999, 10_000, "99.9 %"),
        (5, 5, "100 %"),
    ],
)
def test_shares_never_hide_a_rest(part, whole, expected):
    """Neither one in a million nor all but one."""
    assert expected == share(part, whole)


def test_columns_that_the_job_overlooks_are_named_once():
    """Notes among the messages are the worst that an import can do."""
    file = FileSummary(file="a.csv", format="csv", records=1, blank_lines=0, bytes_read=1)
    files = (file, replace(file, overlooked=("public", "draft")), replace(file, overlooked=("public",)))

    (line,) = warnings(replace(PLAN, files=files), INSIGHT)

    assert line.startswith("the job does not use 'public', 'draft': ")


def test_an_input_without_rows_is_told():
    """An export of an empty view succeeds like any other."""
    counts = replace(COUNTS, rows=0, rejects=0, skipped=0, duplicates=0, known=0, planned=0)

    assert ["the files hold no rows, only headers: is it the right export?"] == warnings(
        replace(PLAN, conservation=counts, found={}, offsets={}), INSIGHT
    )
