"""A plan's shape: each number counted by hand."""

from dataclasses import replace

import pytest

from etl.errors import InputError
from etl.plan.opened import opened
from etl.plan.profile import profile
from etl.plan.samples import examples, sampled_texts

DAY = 86_400
MACRO = "we have received your request and will answer within 24 hours."


@pytest.fixture
def look(planner):
    """Return what looks through a plan of these rows."""

    def run(*rows, **words):
        plan = planner(rows)
        with opened(plan, memory_limit_mb=256) as connection:
            return profile(connection, plan, **words)

    return run


def test_messages_are_counted_by_time_and_role_without_gaps(look, row):
    """A day without messages is a day of zero, not a missing bar."""
    found = look(row(at=0), row("b", at=1, role="agent"), row("c", at=2 * DAY))
    assert "day" == found.granularity
    assert ("2023-11-14", "2023-11-15", "2023-11-16") == found.over_time.labels
    assert {"customer": (1, 0, 1), "agent": (1, 0, 0)} == found.over_time.series


@pytest.mark.parametrize(
    ("days", "granularity", "last"),
    [
        (61, "week", "2024-W02"),
        (401, "month", "2024-12"),
        (1_900, "quarter", "2029-Q1"),
        (5_600, "year", "2039"),
    ],
)
def test_a_longer_history_has_coarser_classes(look, row, days, granularity, last):
    """The report's size does not grow with the input."""
    found = look(row(at=0), row("b", at=days * DAY))
    assert (granularity, last) == (found.granularity, found.over_time.labels[-1])
    assert len(found.over_time.labels) <= 62


def test_hours_are_all_there_in_utc(look, row):
    """22:13:20 is when the tests' time begins."""
    found = look(row(), row("b", at=7_200))
    assert tuple(f"{hour:02}" for hour in range(24)) == found.hours.labels
    assert [0, 22] == [hour for hour, count in enumerate(found.hours.series["customer"]) if count]


def test_lanes_are_classed_by_doubling(look, row):
    """One user of one message, one of three."""
    found = look(row(), *(row(f"t{at}", lane="bob", at=at) for at in range(3)))
    assert ("1", "2", "4") == found.lanes.labels
    assert {"lanes": (1, 0, 1), "messages": (1, 0, 3)} == found.lanes.series


def test_silences_stand_left_or_right_of_the_expiration(look, row):
    """The job's own expiration is an edge, and a silence as long as it still belongs."""
    rows = [row(), row("b", at=90 * 60), row("c", at=2 * 90 * 60 + 1), row("d", lane="bob", at=99_999)]
    found = look(*rows, expiration_minutes=90)
    assert "90 min" == found.gaps.labels[found.expiration_edge - 1]
    counts = found.gaps.series["silences"]
    assert (1, 1) == (sum(counts[: found.expiration_edge]), sum(counts[found.expiration_edge :]))


def test_lengths_are_counted_by_role(look, row):
    """The edges belong to their class."""
    found = look(row("x" * 9), row("x" * 10, at=1), row("x" * 5_000, at=2, role="bot"))
    assert ("9", "19", "longer") == (*found.lengths.labels[:2], found.lengths.labels[-1])
    assert (1, 1, *[0] * 8) == found.lengths.series["customer"]
    assert 1 == found.lengths.series["bot"][-1]


def test_a_macro_is_found_behind_greeting_and_numbers(look, row):
    """Names and ticket numbers differ each time."""
    rows = [
        row(f"Hi {name}, {MACRO.replace('24', str(number))}", at=number, role="agent", lane=name)
        for number, name in enumerate(("Ann", "Bo", "Cy"))
    ]
    other = row("Something else altogether, which nobody has written twice.", at=9, role="agent")
    found = look(*rows, other).macros
    assert (4, 3) == (found.compared, found.messages)
    assert [(3, 3)] == [(one.messages, one.users) for one in found.top]


def test_twice_is_no_macro(look, row):
    """It may be chance."""
    found = look(*(row(MACRO, at=at, role="agent", id=str(at)) for at in range(2))).macros
    assert (2, 0, ()) == (found.compared, found.messages, found.top)


def test_an_echo_is_the_other_sides_text(look, row):
    """A customer's own repetition is none."""
    text = "a text of twenty characters or more"
    found = look(
        row(text), row(text, at=1, role="bot"), row(text, at=2, role="bot"), row(text, at=3, lane="bob")
    )
    assert 1 == found.echoes


def test_customers_messages_are_one_of_four_kinds(look, row):
    """What remains can become example sentences, each once."""
    texts = ["where is my parcel", "Where is my parcel ", "12 34 😀", "thanks", "xx yy " * 200]
    found = look(*(row(text, at=at) for at, text in enumerate(texts))).utterances
    assert (5, 2, 1) == (found.messages, found.usable, found.distinct)
    assert (1, 1, 1) == (found.wordless, found.short, found.long)


def test_times_give_themselves_away(look, row):
    """1,700,006,400 is a midnight."""
    found = look(row(at=6_400), row("b", at=0.5))
    assert (1, 1) == (found.midnights, found.fractions)


def test_an_example_shows_no_letter_and_no_digit(planner, row):
    """Only shapes leave the plan (promise P8)."""
    plan = planner([row("Hej Åse! Ring 12 34,\n日本 ٣ 😀 ß", role="agent")])
    with opened(plan, memory_limit_mb=256) as connection:
        (example,) = examples(connection, 3)
    assert ("agent", "Xxx Xxx! Xxxx 99 99, xx 9 . x") == (example.role, example.shape)


def test_the_sample_is_of_customers_longer_texts(planner, row):
    """Short ones have no language."""
    rows = [
        row("short"),
        row("a text that is long enough", at=1),
        row("an agent's is not asked for", at=2, role="agent"),
    ]
    with opened(planner(rows), memory_limit_mb=256) as connection:
        assert ["a text that is long enough"] == sampled_texts(connection, 10)


def test_an_empty_plan_has_an_empty_profile(look):
    """All of it may be known."""
    found = look()
    assert ((), {}) == (found.over_time.labels, found.over_time.series)
    assert 0 == found.utterances.messages == found.macros.compared


def test_looking_through_leaves_nothing_behind(planner, row):
    """What DuckDB spills holds texts."""
    plan = planner([row()])
    with opened(plan, memory_limit_mb=256) as connection:
        profile(connection, plan)
    assert [plan.path.name] == [path.name for path in planner.plans.iterdir() if path.name != ".lock"]


def test_a_damaged_plan_is_an_error_without_its_content(planner, row):
    """DuckDB's own words might quote a text."""
    plan = planner([row("a secret")])
    (messages,) = plan.messages
    messages.write_bytes(messages.read_bytes()[:200])
    with (
        pytest.raises(InputError, match="can't be looked through") as caught,
        opened(plan, memory_limit_mb=256) as connection,
    ):
        profile(connection, plan)
    assert "secret" not in caught.value.message
    assert "delete that folder" in caught.value.hint


def test_the_sum_of_every_histogram_is_the_plan(look, row):
    """Promise P1, in the pictures too."""
    rows = [
        row(f"text {at}", at=at * 5_000, lane=f"u{at % 3}", role=("customer", "agent", "bot")[at % 3])
        for at in range(20)
    ]
    found = look(*rows)
    for histogram in (found.over_time, found.hours, found.lengths):
        assert 20 == sum(map(sum, histogram.series.values()))
    assert 20 == sum(found.lanes.series["messages"])
    assert 20 - 3 == sum(found.gaps.series["silences"])
    assert replace(found, sampled_every=1) == found
