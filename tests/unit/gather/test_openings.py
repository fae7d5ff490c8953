"""Opening messages that stand in a second file."""

import pytest

from etl.errors import InputError
from etl.gather.summary import Place, Tally

OPENING = {
    "files": ("tickets.csv",),
    "columns": {"body": "description", "created": "opened_at", "ticket": "id", "author": "requester"},
    "constants": {"role": "end-user"},
}
TICKET = {"id": "t1", "description": "help!", "opened_at": "0", "requester": "c9"}
USERS = {"files": ("users.csv",), "on": "author", "key": "id", "columns": {"role": "kind"}}


def test_openings_follow_the_first_files_under_their_names(gather, batch, job, row):
    """Their own columns are renamed, constants are set, and the rest is empty."""
    opened = job(opening=(OPENING,), columns={"variables": {"mood": "mood"}})
    rows = gather(
        opened,
        batch("in.csv", {**row("x"), "mood": "good"}),
        openings=[[batch("tickets.csv", TICKET)]],
    )
    opening = {
        "(customer)": "c9", "role": "end-user", "ticket": "t1", "created": "0", "body": "help!",
        "mood": None, "file": "tickets.csv", "line": 2,
    }  # fmt: skip
    assert ["x", "help!"] == [row["body"] for row in rows]
    assert opening == rows[1]
    assert (1, 1) == (gather.summary.rows, gather.summary.openings)


def test_openings_tell_who_the_customer_is(gather, batch, job, row):
    """The ticket's requester may have written nothing else."""
    rows = gather(
        job(opening=(OPENING,)),
        batch("in.csv", row("answer", author="a", role="agent")),
        openings=[[batch("tickets.csv", TICKET)]],
    )
    assert ["c9", "c9"] == [row["(customer)"] for row in rows]


def test_openings_take_part_in_joins(gather, batch, job):
    """Without a role of their own it is looked up as everybody's."""
    opening = {**OPENING, "constants": {}}
    rows = gather(
        job(opening=(opening,), join=(USERS,)),
        joined=[[batch("users.csv", {"id": "c9", "kind": "end-user"})]],
        openings=[[batch("tickets.csv", TICKET, {**TICKET, "requester": "c8"})]],
    )
    assert ["end-user", None] == [row["role"] for row in rows]
    assert (Tally(count=1, first=Place(file="tickets.csv", line=3)),) == gather.summary.unmatched


def test_what_an_opening_gives_itself_is_not_looked_up(gather, batch, job):
    """Its constant holds for its rows, and a requester missing from the users' table is no fault."""
    rows = gather(
        job(opening=(OPENING,), join=(USERS,)),
        batch("in.csv", {"body": "x", "created": "1", "ticket": "t1", "author": "a"}),
        joined=[[batch("users.csv", {"id": "a", "kind": "agent"})]],
        openings=[[batch("tickets.csv", TICKET)]],
    )
    assert ["agent", "end-user"] == [row["role"] for row in rows]
    assert (Tally(count=0, first=None),) == gather.summary.unmatched


def test_several_openings_come_in_the_jobs_order(gather, batch, job, row):
    """Each with its own files and names."""
    second = {"files": ("c.csv",), "columns": {"body": "source", "ticket": "id"}}
    rows = gather(
        job(opening=(OPENING, second)),
        batch("in.csv", row("x")),
        openings=[[batch("t.csv", TICKET)], [batch("c.csv", {"source": "hey", "id": "t1"})]],
    )
    assert [("in.csv", "x"), ("t.csv", "help!"), ("c.csv", "hey")] == [
        (row["file"], row["body"]) for row in rows
    ]


def test_an_opening_without_its_column_is_an_error_that_names_both(gather, batch, job):
    """The names in the job and in the file differ."""
    short = {name: cell for name, cell in TICKET.items() if name != "requester"}
    with pytest.raises(InputError, match=r"tickets\.csv: column 'requester' is not there"):
        gather(job(opening=(OPENING,)), openings=[[batch("tickets.csv", short)]])
