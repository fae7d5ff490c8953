"""What is seen of a plan's messages as a whole."""

import stat
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl.plan.insight import Question, look
from etl.plan.kept import keep_insight, kept_insight
from etl.plan.opened import opened

HOUR = 3_600
DAY = 24 * HOUR
START = 1_700_000_000


def talk(row, *places, **cells):
    """Return one message at each hour, of one lane; texts differ."""
    return [row(f"{cells} {at}", at=at * HOUR, **cells) for at in places]


def seen(plan, **question):
    """Return what is seen of a plan."""
    with opened(plan, memory_limit_mb=256) as connection:
        return look(connection, plan, Question(**question))


def expected(insight):
    """Return conversations, split tickets and merged conversations by expiration."""
    return {
        one.expiration_minutes: (one.conversations, one.split, one.merged)
        for one in insight.preview.as_planned
    }


def test_a_longer_silence_than_the_expiration_opens_a_conversation(planner, row):
    """Ten hours are not longer than ten hours; the comparison is in whole seconds, as they are sent."""
    rows = [*talk(row, 0, 10, 20), row("late", at=30 * HOUR + 1.5), row("bob", lane="bob")]
    preview = seen(planner(rows)).preview
    assert (600, 3) == (preview.expiration_minutes, preview.expected.conversations)
    assert (0, 5, ()) == (preview.tickets, preview.without_ticket, preview.by_ticket)


def test_other_expirations_are_told_as_what_if(planner, row):
    """The vendor's advice is 10 hours or two days; the job's own value is always among them."""
    rows = talk(row, 0, 0.5, 2, 14, 24 * 3)
    insight = seen(planner(rows), expiration_minutes=30)
    found = {minutes: counts[0] for minutes, counts in expected(insight).items()}
    assert {30: 4, 60: 4, 600: 3, 1_440: 2, 2_880: 2, 10_080: 1} == found
    assert 30 == insight.preview.expected.expiration_minutes


def test_tickets_are_split_by_silences_and_merged_by_nearness(planner, row):
    """Platform rule U8: only silences tell conversations of one user apart."""
    rows = [
        *talk(row, 0, 20, conversation="cut"),
        *talk(row, 100, 102, conversation="one"),
        *talk(row, 101, 103, conversation="two"),
        *talk(row, 101, conversation="three", lane="bob"),
    ]
    insight = seen(planner(rows))
    assert {60: (4, 1, 1), 600: (4, 1, 1), 1_440: (3, 0, 1), 2_880: (3, 0, 1)} == {
        minutes: counts for minutes, counts in expected(insight).items() if minutes < 10_000
    }
    assert 4 == insight.preview.tickets


def test_the_same_tickets_as_lanes_of_their_own_are_never_merged(planner, row):
    """What `message.lane = "conversation"` would give, even when users and tickets interleave."""
    rows = [
        *talk(row, 0, 20, conversation="cut"),
        *talk(row, 100, 102, conversation="one"),
        *talk(row, 101, 103, conversation="two"),
        *talk(row, 104),
    ]
    insight = seen(planner(rows))
    found = {one.expiration_minutes: one for one in insight.preview.by_ticket}
    assert (4, 1, 0) == (found[600].conversations, found[600].split, found[600].merged)
    assert (6, 3, 0) == (found[60].conversations, found[60].split, found[60].merged)
    assert 1 == insight.preview.without_ticket


def test_sides_are_counted_by_ticket_or_else_by_conversation(planner, row):
    """Bots are not customers; a missing opening message shows as an agent who begins."""
    rows = [
        *talk(row, 0, conversation="a", role="agent"),
        *talk(row, 1, conversation="a"),
        *talk(row, 2, conversation="b"),
        *talk(row, 3, conversation="c", role="bot"),
        *talk(row, 4),
        *talk(row, 40, role="agent"),
    ]
    assert {"dialogues": 5, "only_customer": 2, "only_agent": 2, "agent_first": 2} == asdict(
        seen(planner(rows)).sides
    )


def test_the_ten_longest_lanes_are_told_shortened(planner, row):
    """They bound the replay; ids are personal data."""
    rows = [row(str(n), at=n, lane=f"customer-{lane:04}") for lane in range(12) for n in range(12 - lane)]
    longest = seen(planner(rows)).longest
    assert ("customer-000", 12, 12 / 78) == (longest[0].lane, longest[0].messages, longest[0].share)
    assert [12, 11, 10, 9, 8, 7, 6, 5, 4, 3] == [lane.messages for lane in longest]


def test_placeholders_come_before_users_with_most_tickets(planner, row):
    """`anonymous` is many people, whatever the share."""
    rows = [
        *(message for n in range(3) for message in talk(row, n, conversation=f"t{n}", lane="busy")),
        *(message for n in range(2) for message in talk(row, n, conversation=f"u{n}", lane="twice")),
        *talk(row, 0, conversation="v", lane="Anonymous"),
        *talk(row, 0, conversation="w", lane="once"),
    ]
    users = seen(planner(rows)).users
    assert [("Anonymous", 1, True), ("busy", 3, False), ("twice", 2, False)] == [
        (user.lane, user.dialogues, user.placeholder) for user in users.busy
    ]


def test_the_jobs_own_placeholders_count(planner, row):
    """`[users] placeholders`."""
    rows = talk(row, 0, lane="nobody")
    users = seen(planner(rows), placeholders=("NOBODY",)).users
    assert ["nobody"] == [user.lane for user in users.busy]


def test_tickets_with_two_users_are_counted_and_the_first_three_named(planner, row):
    """Merged tickets have two end users; or the author was mapped as the user."""
    rows = [
        *(message for n in range(5) for message in talk(row, n, conversation=f"shared-ticket-{n}")),
        *(message for n in range(4) for message in talk(row, n, conversation=f"shared-ticket-{n}", lane="b")),
    ]
    users = seen(planner(rows)).users
    assert 4 == users.shared_tickets
    assert 3 == len(users.shared_examples)
    assert {"shared-ticke"} == set(users.shared_examples)


def test_times_are_counted_by_year_minute_and_age(planner, row):
    """A column without seconds, a wrong unit and running conversations show here."""
    rows = [
        row("old", at=-700_000_000),
        row("minute", at=40),
        row("tie", at=40.25),
        row("now", at=DAY),
    ]
    plan, now = planner(rows), START + 2 * DAY
    times = seen(plan, made_at=datetime.fromtimestamp(now, UTC).isoformat()).times
    assert {"2001": 1, "2023": 3} == times.per_year
    assert (2, 1, 1, 0) == (times.whole_minutes, times.ties, times.before_2005, times.last_day)
    times = seen(plan, made_at=datetime.fromtimestamp(now - 10, UTC).isoformat()).times
    assert 1 == times.last_day


def test_the_last_day_is_not_guessed(planner, row):
    """Without the instant of planning nothing is recent."""
    assert 0 == seen(planner([row()])).times.last_day


def test_silences_have_quantiles_and_a_histogram_with_the_expiration(planner, row):
    """Short ones exactly, long ones within 2 %."""
    rows = [row(str(n), at=n * 30) for n in range(101)] + [row("z", at=3_000 + 11 * HOUR)]
    times = seen(planner(rows), expiration_minutes=630).times
    assert (30.0, 30.0, 30.0) == times.gap_seconds
    assert (100, 1) == (times.gaps["<= 1 min"], times.gaps["<= 1440 min"])
    assert 0 == times.gaps["<= 630 min"]
    assert 101 == sum(times.gaps.values())
    one = seen(planner([row("a"), row("b", at=10_000)])).times
    assert (10_000,) == pytest.approx(one.gap_seconds[:1], rel=0.02)


def test_texts_are_measured_in_characters_and_never_shown(planner, row):
    """Lengths and counts only (promise P8)."""
    rows = [row("ü" * length, at=length) for length in range(1, 61)] + [row("x" * 1_001, at=100)]
    rows += [row(f"{'Dear customer, ' * 8}{n}", at=200 + n) for n in range(3)]
    plan = planner(rows)
    texts = seen(plan).texts
    assert (32, 1_001, 1, (3,)) == (texts.median, texts.longest, texts.over_1000, texts.repeated)
    assert (1_001,) == pytest.approx((texts.most,), rel=0.02)
    keep_insight(plan, Question(), seen(plan))
    assert "Dear" not in (plan.path / "insight.json").read_text()


def test_repeats_are_estimated_from_a_part_of_many_messages(planner, row, monkeypatch):
    """Looking at every text of a large input would cost more than it tells."""
    monkeypatch.setattr("etl.plan.insight._ALL_OPENINGS", 100)
    rows = [row(f"{'Dear customer, ' * 8}{n}", at=n) for n in range(800)]
    assert (800,) == pytest.approx(seen(planner(rows)).texts.repeated, rel=0.5)


def test_an_empty_plan_has_an_insight_of_zeros(planner):
    """Everything known already is an ordinary day."""
    insight = seen(planner([]))
    assert (0, 0, 0) == (
        insight.preview.expected.conversations,
        insight.sides.dialogues,
        insight.texts.longest,
    )
    assert ((), (), (0.0, 0.0, 0.0)) == (insight.longest, insight.users.busy, insight.times.gap_seconds)


def test_an_insight_reads_back_as_it_was_kept(planner, row):
    """A second check shows what the first one showed."""
    rows = [*talk(row, 0, 20, conversation="t"), *talk(row, 0, conversation="t", lane="0")]
    plan, question = planner(rows), Question(left=("email",))
    insight = replace(seen(plan), personal={"email": 2})
    keep_insight(plan, question, insight)
    assert insight == kept_insight(plan, question)
    assert 1 == insight.users.shared_tickets


@pytest.mark.parametrize(
    "question",
    [
        Question(expiration_minutes=90),
        Question(placeholders=("web",)),
        Question(made_at="2024-01-01T00:00:00+00:00"),
        Question(left=("email",)),
    ],
)
def test_an_insight_answers_only_the_question_that_was_asked(planner, row, question):
    """The plan stays the same when the job's words for looking at it change; what is seen does not."""
    plan = planner([row()])
    keep_insight(plan, Question(), seen(plan))
    assert None is kept_insight(plan, question)
    assert kept_insight(plan, Question()) is not None
    assert None is kept_insight(replace(plan, summary=replace(plan.summary, hash="0" * 64)), Question())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"insight_version": 1}', "\xff"])
def test_what_is_no_insight_is_none(planner, row, text):
    """A damaged file costs a second look, and nothing else."""
    plan = planner([row()])
    (plan.path / "insight.json").write_text(text, encoding="latin-1")
    assert None is kept_insight(plan, Question())


def test_an_insight_is_private_and_takes_its_place_whole(planner, row, monkeypatch):
    """It names users, and a full disk must not leave half of it."""
    plan = planner([row()])
    insight = seen(plan)
    keep_insight(plan, Question(), insight)
    assert 0o600 == stat.S_IMODE((plan.path / "insight.json").stat().st_mode)
    before = sorted(path.name for path in plan.path.iterdir())

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        keep_insight(plan, Question(expiration_minutes=90), insight)
    assert before == sorted(path.name for path in plan.path.iterdir())
    assert insight == kept_insight(plan, Question())


def test_a_plan_in_parts_looks_as_one_in_a_single_file(planner, row, parted):
    """Workers write several files; lanes of consecutive rank lie in different ones."""
    rows = [
        row(f"{lane} {n}", at=n * HOUR * (lane % 3 + 1), lane=f"u{lane}", conversation=f"t{lane // 2}")
        for lane in range(9)
        for n in range(lane + 1)
    ]
    plan = planner(rows)
    whole = seen(plan)
    assert whole == seen(parted(plan, 3))


def test_a_ticket_of_two_users_is_measured_over_both(planner, row):
    """As a lane of its own it would hold the messages of both, in order of time."""
    rows = [
        *talk(row, 0, 0.5, 1, 1.5, 2, 30, conversation="t"),
        *talk(row, 1.2, 2.5, 14, 24, conversation="t", lane="bob"),
    ]
    found = {one.expiration_minutes: one for one in seen(planner(rows)).preview.by_ticket}
    assert (2, 1) == (found[600].conversations, found[600].split)
    assert (4, 1) == (found[60].conversations, found[60].split)
    assert (1, 0) == (found[1_440].conversations, found[1_440].split)
