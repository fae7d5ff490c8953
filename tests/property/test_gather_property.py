"""Gathering against a few lines of Python that say what it should do, over generated tables."""

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.config.job import Job
from etl.errors import InputError
from etl.gather.store import Gathering
from etl.gather.summary import GatherSummary
from etl.model.schemas import RowBatch

Row = dict[str, Any]
BLANK = ("", " ", None)
AUTHORS = st.sampled_from(["a", "b", "c", "A", *BLANK])
TICKETS = st.sampled_from(["1", "2", "3", *BLANK])
COMMENTS = st.fixed_dictionaries(
    {
        "body": st.sampled_from(["", "ok", "ü\n\0", None]),
        "created": st.sampled_from(["9", "10", "2024-01-01", "", None]),
        "ticket": TICKETS,
        "author": AUTHORS,
        "line": st.integers(2, 5),
    }
)
FILES = st.lists(st.lists(COMMENTS, max_size=8), max_size=3)
USERS = st.lists(
    st.fixed_dictionaries(
        {
            "id": AUTHORS,
            "kind": st.sampled_from(["end-user", "agent"]),
            "org": st.sampled_from(["x", "y", ""]),
        }
    ),
    max_size=6,
)
ORGS = st.lists(
    st.fixed_dictionaries({"id": st.sampled_from(["x", "y", ""]), "plan": st.just("p")}), max_size=3
)
OPENINGS = st.lists(
    st.fixed_dictionaries({"id": TICKETS, "text": st.just("help"), "by": AUTHORS, "line": st.integers(2, 3)}),
    max_size=3,
)
ROWS_PER_BATCH = st.integers(1, 4)

JOB = Job.model_validate(
    {
        "source": "acme",
        "target": {"deployment_id": "d"},
        "columns": {
            "text": "body",
            "timestamp": "created",
            "user": {"customer_of": "ticket"},
            "author": "author",
            "role": "role",
            "variables": {"plan": "plan"},
        },
        "roles": {"customer": ("end-user",), "agent": ("agent",)},
        "join": (
            {"files": ("u",), "on": "author", "key": "id", "columns": {"role": "kind", "org": "org"}},
            {"files": ("o",), "on": "org", "key": "id", "columns": {"plan": "plan"}},
        ),
        "opening": (
            {
                "files": ("t",),
                "columns": {"body": "text", "ticket": "id", "author": "by"},
                "constants": {"role": "end-user"},
            },
        ),
    }
)


def is_blank(cell: str | None) -> bool:
    """Return whether a cell says nothing."""
    return cell is None or not cell.strip()


def table(rows: list[Row], key: str) -> dict[str, Row]:
    """Return what each key stands for.

    Raises:
        InputError: different things.
    """
    found: dict[str, Row] = {}
    for row in rows:
        if not is_blank(row[key]) and found.setdefault(row[key], row) != row:
            raise InputError("a key stands for different things")
    return found


def expected(files: list[list[Row]], users: list[Row], orgs: list[Row], openings: list[Row]) -> list[Row]:
    """Return all rows as they should come out."""
    people, plans = table(users, "id"), table(orgs, "id")
    rows: list[Row] = []
    for number, file in enumerate(files):
        for row in sorted(file, key=lambda row: row["line"]):
            person = people.get(row["author"])
            rows.append({**row, "file": f"{number}", "role": person and person["kind"]})
    for row in sorted(openings, key=lambda row: row["line"]):
        named = {"body": row["text"], "ticket": row["id"], "author": row["by"], "line": row["line"]}
        rows.append({**named, "created": None, "file": "t", "role": "end-user"})
    firsts = first_customers(rows)
    for row in rows:
        own = row["role"] == "end-user" and not is_blank(row["author"])
        row["(customer)"] = row["author"] if own else firsts.get(row["ticket"])
        org = plans.get(people.get(row["author"], {}).get("org", ""))
        row["plan"] = org and org["plan"]
    return rows


def first_customers(rows: list[Row]) -> dict[str, str]:
    """Return each conversation's customer: who wrote first; numbers before texts before nothing."""
    spoken: dict[str, list[tuple[Any, ...]]] = {}
    for row in rows:
        if row["role"] == "end-user" and not is_blank(row["author"]) and not is_blank(row["ticket"]):
            time = row["created"]
            number = float(time) if time in {"9", "10"} else float("inf")
            spoken.setdefault(row["ticket"], []).append((number, time is None, time or "", row["author"]))
    return {ticket: min(times)[-1] for ticket, times in spoken.items()}


def batches(file: str, rows: list[Row], size: int) -> list[RowBatch]:
    """Return rows as batches of at most so many."""
    pieces = [rows[start : start + size] for start in range(0, len(rows), size)]
    return [
        RowBatch(
            file=file,
            rows=pa.RecordBatch.from_pydict(
                {
                    name: pa.array([row[name] for row in piece], pa.string())
                    for name in piece[0]
                    if name != "line"
                }
            ),
            lines=pa.array([row.get("line", 2) for row in piece], pa.int64()),
        )
        for piece in pieces
    ]


def gathered(
    files: list[list[Row]], users: list[Row], orgs: list[Row], openings: list[Row], size: int
) -> tuple[list[Row], GatherSummary]:
    """Return what really comes out."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Gathering(JOB, Path(folder), memory_limit_mb=128) as gathering,
    ):
        for batch in batches("t", openings, size):
            gathering.add_opening(0, batch)
        for number, file in enumerate(files):
            for batch in batches(f"{number}", file, size):
                gathering.add(batch)
        for number, rows in enumerate((users, orgs)):
            for batch in batches(f"join{number}", rows, size):
                gathering.add_joined(number, batch)
        found = [
            {**row, "file": batch.file, "line": line}
            for batch in gathering.rows()
            for row, line in zip(batch.rows.to_pylist(), batch.lines.to_pylist(), strict=True)
        ]
        return found, gathering.summary()


@given(files=FILES, users=USERS, orgs=ORGS, openings=OPENINGS, size=ROWS_PER_BATCH)
@settings(max_examples=60, deadline=None)
def test_gathering_does_what_a_plain_loop_says(files, users, orgs, openings, size):
    """Joins, customers and order; or the same refusal of a key that stands for different things."""
    try:
        wanted = expected(files, users, orgs, openings)
    except InputError:
        with pytest.raises(InputError):
            gathered(files, users, orgs, openings, size)
        return
    found, summary = gathered(files, users, orgs, openings, size)
    names = found[0].keys() if found else []
    assert [{name: row[name] for name in names} for row in wanted] == found
    assert (sum(map(len, files)), len(openings)) == (summary.rows, summary.openings)
    missing = [row for row in wanted if row["(customer)"] is None]
    assert len(missing) == summary.customers_missing.count
    known = table(users, "id")
    assert sum(row["author"] not in known for row in wanted) == summary.unmatched[0].count


@given(files=FILES, users=USERS.filter(bool), order=st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_who_the_customer_is_does_not_depend_on_the_order_of_rows(files, users, order):
    """The same rows, shuffled and in one file, must give the same plan."""
    people = list({user["id"]: user for user in users}.values())
    everything = [row for file in files for row in file]
    shuffled = order.sample(everything, len(everything))

    def told(rows: list[Row]) -> list[str]:
        return sorted(str({**row, "file": "", "line": 0}) for row in rows)

    assert told(gathered(files, people, [], [], 3)[0]) == told(gathered([shuffled], people, [], [], 3)[0])
