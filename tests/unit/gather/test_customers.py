"""The user of rows that carry only their author."""

import pyarrow as pa
import pytest

from etl.gather.summary import Place, Tally

NONE = Tally(count=0, first=None)


def users(rows):
    """Return the user of each row."""
    return [row["(customer)"] for row in rows]


def test_all_rows_of_a_conversation_belong_to_its_customer(gather, batch, job, row):
    """The agent's answers, before and after, go to the customer's lane."""
    rows = gather(
        job(),
        batch(
            "in.csv",
            row("hello?", author="a1", role="agent"),
            row("hi"),
            row("other", ticket="t2", author="c2"),
            row("bye", author="a1", role="agent"),
            row("bye", ticket="t2", author="a1", role="agent"),
        ),
    )
    assert ["c1", "c1", "c2", "c1", "c2"] == users(rows)
    assert NONE == gather.summary.customers_missing
    assert NONE == gather.summary.conversations_with_two_customers


def test_a_conversation_may_stretch_over_files(gather, batch, job, row):
    """Exports by month cut tickets in two."""
    rows = gather(job(), batch("a.csv", row("x", author="a", role="agent")), batch("b.csv", row("y")))
    assert ["c1", "c1"] == users(rows)


def test_without_a_customer_the_user_is_unknown_and_counted(gather, batch, job, row):
    """They become rejects by `missing_user`; nobody is made up."""
    rows = gather(
        job(),
        batch(
            "in.csv", row("x"), row("y", ticket="t2", role="agent"), row("z", ticket="t2", role="End-User")
        ),
    )
    assert ["c1", None, None] == users(rows)
    assert Tally(count=2, first=Place(file="in.csv", line=3)) == gather.summary.customers_missing


@pytest.mark.parametrize("blank", ["", " ", None])
def test_rows_without_a_conversation_have_only_their_own_author(gather, batch, job, row, blank):
    """Blank cells are not one big conversation."""
    rows = gather(
        job(), batch("in.csv", row("x", ticket=blank), row("y", ticket=blank, author="a", role="agent"))
    )
    assert ["c1", None] == users(rows)


@pytest.mark.parametrize("blank", ["", " ", None])
def test_a_customers_row_without_author_belongs_to_the_conversations_customer(gather, batch, job, row, blank):
    """A blank author is nobody; the conversation still is somebody's."""
    rows = gather(job(), batch("in.csv", row("x", author=blank), row("y", at="2")))
    assert ["c1", "c1"] == users(rows)


def test_of_two_customers_each_keeps_their_rows_and_the_first_gets_the_others(gather, batch, job, row):
    """A merged ticket: the answers go to who wrote first by time, wherever the rows stand."""
    rows = gather(
        job(),
        batch(
            "in.csv",
            row("late", author="c2", at="2024-05-02T10:00:00Z"),
            row("answer", author="a", role="agent", at="2024-05-03T10:00:00Z"),
            row("early", author="c1", at="2024-05-01T10:00:00Z"),
        ),
    )
    assert ["c2", "c1", "c1"] == users(rows)
    expected = Tally(count=1, first=Place(file="in.csv", line=2))
    assert expected == gather.summary.conversations_with_two_customers


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("999999999", "1000000000"),
        ("9.5", "10"),
        ("2024-05-01 09:59:59", "2024-05-01 10:00:00"),
        ("", "1"),
    ],
)
def test_numbers_are_compared_as_numbers(gather, batch, job, row, first, second):
    """Epochs and serials of different lengths; a customer without a time comes last."""
    first, second = (second, first) if first == "" else (first, second)
    rows = gather(
        job(),
        batch("in.csv", row("b", author="c2", at=second), row("a", author="c9", at=first)),
        batch("x.csv", row("answer", author="a", role="agent")),
    )
    assert "c9" == users(rows)[-1]


def test_typed_times_are_compared_whatever_their_unit(gather, batch, job):
    """Two Parquet files of one table may differ in precision."""
    cells = {"body": "x", "ticket": "t", "role": "end-user"}
    rows = gather(
        job(),
        batch("a", {**cells, "author": "c2"}, created=pa.array([20], pa.timestamp("s"))),
        batch("b", {**cells, "author": "c1"}, created=pa.array([10_000_000_000], pa.timestamp("ns"))),
        batch("c", {**cells, "author": "a", "role": "agent"}, created=pa.array([30], pa.timestamp("s"))),
    )
    assert ["c2", "c1", "c1"] == users(rows)


def test_customers_of_the_same_instant_are_told_apart_by_id(gather, batch, job, row):
    """The same, whichever stands first."""
    two = [row("x", author="c2"), row("y", author="c1"), row("z", author="a", role="agent")]
    forward = users(gather(job(), batch("in.csv", *two)))
    backward = users(gather(job(), batch("in.csv", *reversed(two))))
    assert (["c2", "c1", "c1"], ["c1", "c1", "c2"]) == (forward, backward)


def test_one_id_may_be_customer_here_and_agent_there(gather, batch, job, row):
    """In real data most agents were customers somewhere; the row's role decides."""
    rows = gather(
        job(),
        batch(
            "in.csv",
            row("x", author="p"),
            row("y", author="q", role="agent"),
            row("x", ticket="t2", author="q"),
            row("y", ticket="t2", author="p", role="agent"),
        ),
    )
    assert ["p", "p", "q", "q"] == users(rows)


def test_the_role_may_come_from_a_join(gather, batch, job):
    """Zendesk's comments say who by id only; the role is in the users' table."""
    join = {"files": ("users.csv",), "on": "author", "key": "id", "columns": {"role": "kind"}}
    comment = {"body": "x", "created": "1", "ticket": "t"}
    rows = gather(
        job(join=(join,)),
        batch("in.csv", {**comment, "author": "7"}, {**comment, "author": "8"}),
        joined=[[batch("users.csv", {"id": "7", "kind": "agent"}, {"id": "8", "kind": "end-user"})]],
    )
    assert ["8", "8"] == users(rows)


def test_role_values_with_quotes_are_values(gather, batch, job, row):
    """They stand in the job, not in the statement."""
    quoted = job(roles={"customer": ("it's') OR ('1'='1",), "agent": ("agent",)})
    rows = gather(quoted, batch("in.csv", row("x"), row("y", ticket="t2", role="it's') OR ('1'='1")))
    assert [None, "c1"] == users(rows)


@pytest.mark.parametrize(
    "rules",
    [
        {"drop": {"state": ("deleted", "draft"), "(customer)": ("x",)}},
        {"keep": {"state": ("sent",), "(customer)": ()}},
    ],
    ids=["drop", "keep"],
)
def test_rows_that_do_not_count_tell_nobodys_customer(gather, batch, job, row, rules):
    """A deleted row must not give a conversation to someone, nor be missed itself."""
    rows = gather(
        job(rows=rules),
        batch(
            "in.csv",
            {**row("x", author="c2", at="1"), "state": "deleted"},
            {**row("y", author="c1", at="2"), "state": "sent"},
            {**row("z", author="a", role="agent"), "state": "sent"},
            {**row("z", ticket="t2"), "state": "draft"},
        ),
    )
    assert ["c1", "c1"] == users(rows)[1:3]
    assert NONE == gather.summary.customers_missing
    assert NONE == gather.summary.conversations_with_two_customers


@pytest.mark.parametrize("rules", [{"empty": ("failed",)}, {"filled": ("sent",)}])
def test_rows_left_out_for_what_they_hold_tell_nobodys_customer(gather, batch, job, row, rules):
    """A message that failed was written by nobody whom the agent answered."""
    rows = gather(
        job(rows=rules),
        batch(
            "in.csv",
            {**row("x", author="c2", at="1"), "failed": "2024", "sent": " "},
            {**row("y", author="c1", at="2"), "failed": "", "sent": "2024"},
            {**row("z", author="a", role="agent"), "failed": " ", "sent": "2024"},
        ),
    )
    assert ["c1", "c1"] == users(rows)[1:]
    assert NONE == gather.summary.conversations_with_two_customers


def test_rows_without_the_cell_of_a_rule_follow_the_rule(gather, batch, job, row):
    """A null cell is in no list: `keep` leaves its row out, `drop` does not."""
    null = {**row("x"), "state": None}
    gather(job(rows={"keep": {"state": ("sent",)}}), batch("in.csv", null))
    assert [None] == gather.column("(customer)").to_pylist()
    gather(job(rows={"drop": {"state": ("sent",)}}), batch("in.csv", null))
    assert ["c1"] == gather.column("(customer)").to_pylist()
