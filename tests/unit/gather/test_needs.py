"""What is read of which file, and which jobs can't be meant."""

import pytest

from etl.errors import UsageError
from etl.gather.needs import (
    is_needed,
    join_columns,
    join_times,
    main_columns,
    opening_columns,
    opening_times,
    refuse_existing,
    refuse_senseless,
    time_columns,
)

USERS = {"files": ("users.csv",), "on": "author", "key": "id", "columns": {"role": "kind"}}
TICKETS = {
    "files": ("tickets.csv",),
    "on": "ticket",
    "key": "id",
    "columns": {"opened": "created_at", "org": "organization"},
}
OPENING = {
    "files": ("tickets.csv",),
    "columns": {"body": "description", "created": "created_at", "ticket": "id"},
    "constants": {"role": "end-user"},
}


def test_a_plain_job_needs_no_gathering(job):
    """Most exports are complete; they must not pay for this stage."""
    assert not is_needed(job(columns={"user": "author", "author": None}))


@pytest.mark.parametrize(
    "settings",
    [
        {"columns": {"user": "author"}, "join": (USERS,)},
        {"columns": {"user": "author"}, "opening": (OPENING,)},
        {},
    ],
    ids=["join", "opening", "customer_of"],
)
def test_each_of_the_three_tables_needs_gathering(job, settings):
    """Any of them makes a row depend on other rows."""
    assert is_needed(job(**settings))


def test_a_plain_job_reads_what_it_maps_and_filters_by(job):
    """The same function serves jobs without gathering."""
    plain = job(columns={"user": "requester", "author": "not read"}, rows={"drop": {"state": ("draft",)}})
    assert ("requester", "role", "ticket", "created", "body", "state") == main_columns(plain)


def test_the_first_files_are_not_asked_for_what_joins_and_customer_of_make(job):
    """Their headers have no such columns, so asking for them would be an error."""
    joined = job(
        join=(USERS, TICKETS),
        columns={"conversation_start": "opened", "variables": {"org": "org"}},
        rows={"keep": {"org": ("1",), "active": ("true",)}},
    )
    assert ("ticket", "created", "body", "active", "author") == main_columns(joined)


def test_a_column_that_only_a_join_is_on_is_read(job):
    """It is not mapped, yet without it nothing can be looked up."""
    chained = job(join=({**TICKETS, "on": "chat"},))
    assert "chat" in main_columns(chained)


def test_a_join_reads_its_key_and_its_columns_once(job):
    """The key may be wanted as a value, too."""
    join = job(join=({**USERS, "columns": {"role": "kind", "author_id": "id"}},)).join[0]
    assert ("id", "kind") == join_columns(join)


def test_an_opening_reads_each_column_once(job):
    """One column of a ticket may be both the conversation and the message's id."""
    opening = job(
        opening=({**OPENING, "columns": {"body": "text", "ticket": "id", "created": "id"}},)
    ).opening[0]
    assert ("text", "id") == opening_columns(opening)


def test_times_are_named_as_each_file_names_them(job):
    """A Parquet file's times must be read with their type, under their own names."""
    whole = job(join=(USERS, TICKETS), opening=(OPENING,), columns={"conversation_start": "opened"})
    assert {"created", "opened"} == time_columns(whole)
    assert {"created_at"} == join_times(whole, whole.join[1])
    assert frozenset() == join_times(whole, whole.join[0])
    assert {"created_at"} == opening_times(whole, whole.opening[0])


def test_a_key_is_text_even_where_it_is_a_time_as_well(job):
    """Keys are compared with the texts of other files."""
    odd = {**TICKETS, "key": "created_at"}
    whole = job(join=(odd,), columns={"conversation_start": "opened"})
    assert frozenset() == join_times(whole, whole.join[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"join": (USERS, USERS)}, "[[join]] 2 adds the column 'role', and so does an earlier one"),
        ({"join": ({**USERS, "columns": {"(customer)": "x"}},)}, "'(customer)', which is customer_of's"),
        (
            {"join": ({**USERS, "on": "org"}, TICKETS)},
            "[[join]] 1 is on the column 'org', which no join before it adds",
        ),
        ({"join": ({**USERS, "on": "role"},)}, "[[join]] 1 is on the column 'role'"),
        (
            {"opening": ({**OPENING, "constants": {"body": "x"}},)},
            "[[opening]] 1 gives 'body' as a column and as a constant",
        ),
        ({"opening": ({**OPENING, "constants": {"rôle": "x"}},)}, "'rôle' that the job does not use"),
        (
            {"opening": (OPENING,), "rows": {"keep": {"active": ("true",)}}},
            "[[opening]] 1 gives no column 'active', so `[rows]` would leave out all its rows",
        ),
        ({"roles": {"agent": ("agent",)}}, "roles.customer is empty"),
        (
            {"join": ({**USERS, "on": "(customer)"},)},
            "but 'role', which decides who the customer is, comes of",
        ),
        (
            {
                "join": ({**TICKETS, "on": "(customer)", "columns": {"plan": "plan"}}, USERS),
            },
            "[[join]] 1 is on the column '(customer)', but 'role'",
        ),
        (
            {"join": ({**TICKETS, "on": "(customer)"},), "columns": {"user": "author"}},
            "columns.user says no customer_of",
        ),
        ({"columns": {"author": "(customer)"}}, "is made by customer_of, which can't begin with it"),
    ],
)
def test_tables_that_do_not_fit_together_are_refused(job, settings, message):
    """Each would silently give empty columns or a guess."""
    with pytest.raises(UsageError) as caught:
        refuse_senseless(job(**settings))
    assert message in caught.value.message


def test_a_header_with_a_joined_columns_name_is_refused(job):
    """Which of the two columns is meant would be a guess."""
    with pytest.raises(UsageError, match=r"in\.csv: has a column 'role'"):
        refuse_existing(job(join=(USERS,)), "in.csv", ["body", "role"])
