"""Columns from second files."""

import pytest

from etl.errors import InputError, UsageError
from etl.gather.store import Gathering
from etl.gather.summary import Place, Tally

USERS = {"files": ("users.csv",), "on": "author", "key": "id", "columns": {"role": "kind", "org": "org"}}
ORGS = {"files": ("orgs.csv",), "on": "org", "key": "id", "columns": {"plan": "plan"}}
PLAIN = {"user": "author", "author": None}


def comment(author, body="hello"):
    """Return a row whose role is in another file."""
    return {"body": body, "created": "1", "ticket": "t1", "author": author}


def user(key, kind="agent", org="o1"):
    """Return a row of the second file."""
    return {"id": key, "kind": kind, "org": org}


@pytest.fixture
def joined(job):
    """Return a job that takes the role from the users' table."""
    return job(columns={**PLAIN, "variables": {"org": "org"}}, join=(USERS,))


def test_a_row_gets_the_columns_of_its_key(gather, batch, joined):
    """That is what a join is for; rows without a match keep their place and get nothing."""
    rows = gather(
        joined,
        batch("in.csv", comment("2"), comment("3"), comment("1")),
        joined=[[batch("users.csv", user("1"), user("2", "end-user", ""))]],
    )
    assert [("end-user", ""), (None, None), ("agent", "o1")] == [(row["role"], row["org"]) for row in rows]
    assert (Tally(count=1, first=Place(file="in.csv", line=3)),) == gather.summary.unmatched


def test_a_join_may_use_a_column_that_an_earlier_one_added(gather, batch, job):
    """Comment -> user -> organization."""
    chain = job(columns={**PLAIN, "variables": {"plan": "plan"}}, join=(USERS, ORGS))
    rows = gather(
        chain,
        batch("in.csv", comment("1"), comment("2"), comment("9")),
        joined=[
            [batch("users.csv", user("1", org="o2"), user("2", org="gone"))],
            [batch("orgs.csv", {"id": "o2", "plan": "gold"})],
        ],
    )
    assert ["gold", None, None] == [row["plan"] for row in rows]
    assert [1, 2] == [tally.count for tally in gather.summary.unmatched]


@pytest.mark.parametrize("blank", ["", "  ", "\u200b", None])
def test_blank_keys_never_match(gather, batch, joined, blank):
    """An unknown author is not the user whose id is missing; nor do many blanks contradict each other."""
    rows = gather(
        joined,
        batch("in.csv", comment(blank)),
        joined=[[batch("users.csv", user(blank, "agent"), user(blank, "end-user"))]],
    )
    assert rows[0]["role"] is None


def test_keys_are_compared_exactly(gather, batch, joined):
    """`7` and `07` are two ids; what looks alike is not the same."""
    rows = gather(
        joined,
        batch("in.csv", comment("07"), comment("é")),
        joined=[[batch("u", user("7"), user("e\u0301"))]],
    )
    assert [None, None] == [row["role"] for row in rows]


def test_a_key_with_the_same_values_again_is_no_fault(gather, batch, joined):
    """History tables and overlapping exports repeat rows; an absent cell is an empty one."""
    rows = gather(
        joined,
        batch("in.csv", comment("1")),
        joined=[[batch("a.csv", user("1", org="")), batch("b.csv", user("1", org=None), user("1", org=""))]],
    )
    assert [("agent", 2)] == [(row["role"], row["line"]) for row in rows]


def test_a_key_with_other_values_is_an_error_with_both_places(gather, batch, joined):
    """Which of the two holds can't be known; the key is shortened, as it may be an address."""
    with pytest.raises(InputError) as caught:
        gather(
            joined,
            batch("in.csv", comment("1")),
            joined=[
                [
                    batch("a.csv", user("1"), user("someone@example.com")),
                    batch("b.csv", user("2"), user("someone@example.com", "end-user")),
                ]
            ],
        )
    assert (
        "b.csv, line 3: the key 'someone@exam'… in 'id' already stands in a.csv, line 3, with other values: "
        "[[join]] 1 can't tell which of them is meant"
    ) == caught.value.message


def test_a_column_that_the_first_files_have_is_refused(gather, batch, joined):
    """Which of the two is meant would be a guess."""
    with pytest.raises(UsageError, match=r"in\.csv: has a column 'role'"):
        gather(joined, batch("in.csv", {**comment("1"), "role": "agent"}))


def test_a_second_file_without_a_column_is_an_error_that_names_both(gather, batch, joined):
    """The names in the job and in the file differ."""
    with pytest.raises(InputError, match=r"users\.csv: column 'kind' is not there"):
        gather(joined, joined=[[batch("users.csv", {"id": "1", "org": "o"})]])


def test_columns_that_differ_in_case_only_are_two(gather, batch, job):
    """SQL would take them for one."""
    cased = job(columns={**PLAIN, "id": "ID", "variables": {"a": "id", "b": "Role"}}, join=(USERS,))
    first = {**comment("1"), "ID": "upper", "id": "lower", "Role": "Upper"}
    rows = gather(cased, batch("in.csv", first), joined=[[batch("users.csv", user("1"))]])
    assert ("upper", "lower", "Upper", "agent") == tuple(
        rows[0][name] for name in ("ID", "id", "Role", "role")
    )


def test_an_empty_second_file_matches_nothing(gather, batch, joined):
    """The summary says so; it is no error of the table."""
    rows = gather(joined, batch("in.csv", comment("1")), joined=[[]])
    assert [None] == [row["role"] for row in rows]


def test_no_rows_give_no_batches(gather, joined):
    """Nothing in, nothing out."""
    assert [] == gather(joined)


def test_rows_after_the_reading_are_refused(tmp_path, batch, joined):
    """They would be missing without a word."""
    with Gathering(joined, tmp_path, memory_limit_mb=128) as gathering:
        gathering.summary()
        with pytest.raises(ValueError, match="read already"):
            gathering.add(batch("in.csv", comment("1")))
        with pytest.raises(ValueError, match="read already"):
            gathering.add_joined(0, batch("users.csv", user("1")))


def test_a_join_on_the_customer_describes_the_user_of_every_row(gather, batch, job, row):
    """The customer's country belongs to the agent's answers, too; only customer_of knows whose they are."""
    roles = {"files": ("staff",), "on": "author", "key": "id", "columns": {"kind": "kind"}}
    people = {
        "files": ("people",),
        "on": "(customer)",
        "key": "id",
        "columns": {"country": "land", "org": "org"},
    }
    orgs = {"files": ("orgs",), "on": "org", "key": "id", "columns": {"plan": "plan"}}
    told = job(
        join=(roles, people, orgs),
        columns={"role": "kind", "profile": {"country": "country", "plan": "plan"}},
    )
    comments = [
        {name: cell for name, cell in one.items() if name != "role"}
        for one in (row("x"), row("y", author="a"), row("z", ticket="t2", author="a"))
    ]
    rows = gather(
        told,
        batch("in.csv", *comments),
        joined=[
            [batch("staff", {"id": "c1", "kind": "end-user"}, {"id": "a", "kind": "agent"})],
            [batch("people", {"id": "c1", "land": "DK", "org": "o"}, {"id": "a", "land": "SE", "org": "o"})],
            [batch("orgs", {"id": "o", "plan": "gold"})],
        ],
    )
    assert [("c1", "DK", "gold"), ("c1", "DK", "gold"), (None, None, None)] == [
        (found["(customer)"], found["country"], found["plan"]) for found in rows
    ]
    assert [0, 1, 1] == [tally.count for tally in gather.summary.unmatched]


def test_a_prefix_is_taken_off_before_the_key_is_looked_up(gather, batch, job):
    """A chat's events write agents as `agent:7` and customers as `7`; the users' table has numbers only."""
    users = {"files": ("u",), "on": "author", "key": "id", "prefix": "a'g:", "columns": {"role": "kind"}}
    rows = gather(
        job(join=(users,)),
        batch("in.csv", *(comment(author) for author in ("7", "a'g:7", "a'g:", "xa'g:7", "a'g:a'g:7"))),
        joined=[[batch("u", user("7"))]],
    )
    assert ["agent", "agent", None, None, None] == [row["role"] for row in rows]
