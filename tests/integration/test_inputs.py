"""What jobs can say of their input, through the whole program: second files, filters, masks, formats."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.command import Finished, environment, etl
from support.history import write_csv
from support.recorder import DEPLOYMENT, TOKEN

ENV = environment(ETL_TOKEN=TOKEN, ETL_PSEUDONYM_KEY="a key of pseudonyms")
HEADER = ("id", "ticket", "author", "role", "at", "text")
TABLE = [
    ("1", "t1", "u1", "customer", "2024-03-01T09:00:00Z", "Hi, mail me at jo@example.com"),
    ("2", "t1", "a1", "agent", "2024-03-01T09:01:00Z", "Sure"),
    ("3", "t2", "u2", "customer", "2024-03-01T09:02:00Z", "Where is it?"),
    ("4", "t2", "a1", "agent", "2024-03-01T09:03:00Z", "On its way"),
]


def write_job(folder: Path, base_url: str, **tables: Any) -> None:
    """Write a job over `history.csv` with some tables added to or replaced."""
    job: dict[str, Any] = {
        "target": {"deployment_id": DEPLOYMENT, "base_url": base_url},
        "input": {"files": ["history.csv"]},
        "columns": {
            "id": "id",
            "conversation": "ticket",
            "user": "author",
            "role": "role",
            "timestamp": "at",
            "text": "text",
        },
        "roles": {"customer": ["customer"], "agent": ["agent"]},
        "replay": {"rate_per_second": 500},
    }
    for name, table in tables.items():
        job[name] = {**job.get(name, {}), **table} if isinstance(table, dict) else table
    text = 'source = "test"\n'
    for name, table in job.items():
        for one in table if isinstance(table, list) else [table]:
            text += f"[[{name}]]\n" if isinstance(table, list) else f"[{name}]\n"
            text += "".join(f"{key} = {_toml(value)}\n" for key, value in one.items())
    (folder / "job.toml").write_text(text, encoding="utf-8")


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def run(folder: Path, *arguments: str, command: str = "import") -> Finished:
    """Run a command on the folder's job."""
    return etl(command, "job.toml", "--json", *arguments, cwd=folder, env=ENV)


def test_customer_of_gives_every_message_to_the_tickets_customer(tmp_path, server):
    """Most exports carry the author only; agents' messages belong to the customer they wrote to."""
    write_csv(tmp_path / "history.csv", TABLE, HEADER)
    write_job(
        tmp_path,
        server.base_url,
        columns={"user": {"customer_of": "ticket"}, "author": "author"},
    )

    result = run(tmp_path)

    assert 0 == result.code, result.err
    texts = {user: [arrival.text for arrival in own] for user, own in server.by_user().items()}
    assert {"u1": [TABLE[0][5], "Agent: Sure"], "u2": [TABLE[2][5], "Agent: On its way"]} == texts


def test_join_brings_roles_and_opening_brings_the_first_message(tmp_path, server):
    """The role stands in the users' file and the description on the ticket, as helpdesks store them."""
    table = [(row[0], row[1], row[2], row[4], row[5]) for row in TABLE]
    write_csv(tmp_path / "history.csv", table, ("id", "ticket", "author", "at", "text"))
    users = [("u1", "customer"), ("u2", "customer"), ("a1", "agent")]
    write_csv(tmp_path / "users.csv", users, ("id", "kind"))
    tickets = [("t1", "u1", "2024-03-01T08:59:00Z", "My lamp is broken")]
    write_csv(tmp_path / "tickets.csv", tickets, ("number", "requester", "opened", "description"))
    write_job(
        tmp_path,
        server.base_url,
        columns={"user": {"customer_of": "ticket"}, "author": "author"},
        join=[{"files": ["users.csv"], "on": "author", "key": "id", "columns": {"role": "kind"}}],
        opening=[
            {
                "files": ["tickets.csv"],
                "columns": {"ticket": "number", "author": "requester", "at": "opened", "text": "description"},
            },
        ],
    )

    result = run(tmp_path)

    assert 0 == result.code, result.err
    assert 5 == result.data["plan"]["conservation"]["rows"]
    assert "My lamp is broken" == server.by_user()["u1"][0].text


def test_changed_second_file_makes_another_plan(tmp_path, server):
    """A plan is found again by all files that shaped it."""
    write_csv(
        tmp_path / "history.csv",
        [row[:3] + row[4:] for row in TABLE],
        ("id", "ticket", "author", "at", "text"),
    )
    write_job(
        tmp_path,
        server.base_url,
        join=[{"files": ["users.csv"], "on": "author", "key": "id", "columns": {"role": "kind"}}],
    )
    users = [("u1", "customer"), ("u2", "agent"), ("a1", "agent")]
    write_csv(tmp_path / "users.csv", users, ("id", "kind"))
    before = run(tmp_path, command="check").data["plan"]
    write_csv(
        tmp_path / "users.csv", [("u1", "customer"), ("u2", "customer"), ("a1", "agent")], ("id", "kind")
    )

    after = run(tmp_path, command="check").data["plan"]

    assert before["roles"] == {"agent": 3, "customer": 1}
    assert after["roles"] == {"agent": 2, "customer": 2}


def test_unlisted_role_stops_an_import_and_is_listed_by_check(tmp_path, server):
    """A role that nobody thought of is no reason to send the rest."""
    rows = [*TABLE, ("5", "t1", "x", "trigger", "2024-03-01T09:04:00Z", "auto")]
    write_csv(tmp_path / "history.csv", rows, HEADER)
    write_job(tmp_path, server.base_url)

    checked = run(tmp_path, command="check")
    refused = run(tmp_path)

    assert (4, {"trigger": 1}) == (checked.code, checked.data["unknown_roles"])
    assert 4 == refused.code
    assert "trigger (1 rows)" in refused.err
    assert [] == server.arrivals


def test_messages_before_their_conversation_are_noticed(tmp_path, server):
    """Local time labelled UTC shows itself so, and only so."""
    rows = [(*row, "2024-03-01T09:02:30Z") for row in TABLE]
    write_csv(tmp_path / "history.csv", rows, (*HEADER, "started"))
    write_job(tmp_path, server.base_url, columns={"conversation_start": "started"})

    result = run(tmp_path, command="check")

    assert 3 == result.data["plan"]["found"]["before_conversation_start"]


def test_file_that_begins_with_rows_without_a_time_is_read(tmp_path, server):
    """The format is found at the first time there is."""
    blank = [("0", "t0", "u0", "customer", "", f"no time {number}") for number in range(40_000)]
    write_csv(tmp_path / "history.csv", [*blank, *TABLE], HEADER)
    write_job(tmp_path, server.base_url)

    result = run(tmp_path, command="check")

    assert {"missing_timestamp": 40_000} == result.data["plan"]["rejects_by_code"]
    assert 4 == result.data["plan"]["conservation"]["planned"]


def test_filters_skip_rows_and_count_them(tmp_path, server):
    """History tables and soft deletes."""
    rows = [(*row, "true" if row[0] != "2" else "false") for row in TABLE]
    write_csv(tmp_path / "history.csv", rows, (*HEADER, "active"))
    write_job(tmp_path, server.base_url, rows={"keep": {"active": ["true"]}, "drop": {"ticket": ["t2"]}})

    result = run(tmp_path)

    assert {"filtered": 3} == result.data["plan"]["skipped_by_reason"]
    assert 1 == len(server.arrivals)


def test_masks_and_pseudonyms_reach_the_platform_and_nothing_else_does(tmp_path, server):
    """No address and no id of a person leaves; the same person stays the same."""
    write_csv(tmp_path / "history.csv", TABLE, HEADER)
    write_job(tmp_path, server.base_url, users={"pseudonymize": True}, privacy={"mask": ["email"]})

    result = run(tmp_path)

    assert 0 == result.code, result.err
    assert {"masked_email": 1} == result.data["plan"]["changed"]
    sent = json.dumps([arrival.body for arrival in server.arrivals])
    assert "jo@example.com" not in sent
    assert '"u1"' not in sent
    assert 3 == len(server.by_user())


def test_pseudonyms_without_a_key_are_refused(tmp_path, server):
    """A guessable pseudonym is none."""
    write_csv(tmp_path / "history.csv", TABLE, HEADER)
    write_job(tmp_path, server.base_url, users={"pseudonymize": True})

    result = etl("check", "job.toml", cwd=tmp_path, env=environment())

    assert 2 == result.code
    assert "ETL_PSEUDONYM_KEY" in result.err


def test_damaged_file_is_skipped_whole_when_the_job_says_so(tmp_path, server):
    """One broken night must not hold up a year; nothing of the broken file is sent."""
    write_csv(tmp_path / "history.csv", TABLE, HEADER)
    write_csv(
        tmp_path / "broken.csv", [("9", "t9", "u9", "customer", "2024-03-01T09:09:00Z", "lost")], HEADER
    )
    with (tmp_path / "broken.csv").open("ab") as file:
        file.write(b"10,t9,u9,customer,2024-03-01T09:10:00Z,\xff\xfe\xff\n")
    write_job(
        tmp_path, server.base_url, input={"files": ["broken.csv", "history.csv"], "on_file_error": "skip"}
    )

    result = run(tmp_path)

    assert 4 == len(server.arrivals), result.err
    assert "broken.csv" in result.data["plan"]["skipped_files"][0]
    assert 3 == result.code


def test_long_text_is_split_in_order_and_the_books_balance(tmp_path, server):
    """Parts are messages of their own with one time; nothing of the text is lost."""
    words = " ".join(f"word{number}" for number in range(60))
    write_csv(
        tmp_path / "history.csv", [("1", "t1", "u1", "customer", "2024-03-01T09:00:00Z", words)], HEADER
    )
    write_job(tmp_path, server.base_url, text={"max_characters": 100, "too_long": "split"})

    result = run(tmp_path)

    counts = result.data["plan"]["conservation"]
    assert 0 == result.code, result.err
    assert counts["planned"] == counts["rows"] + counts["split"] == len(server.arrivals)
    assert words.split() == " ".join(arrival.text for arrival in server.arrivals).split()
    assert 1 == len({arrival.body["timestamp"] for arrival in server.arrivals})
    assert {} == run(tmp_path).data["sent"]


@pytest.mark.parametrize("form", ["semicolons", "utf-16", "jsonl", "zst", "bz2", "partitions", "explode"])
def test_other_forms_of_the_same_history_plan_to_the_same_messages(tmp_path, server, form):
    """However it was exported, it is the same history."""
    write_csv(tmp_path / "history.csv", TABLE, HEADER)
    write_job(tmp_path, server.base_url)
    expected = run(tmp_path, command="check").data["plan"]["hash"]
    _write_as(tmp_path, form)
    if form == "explode":
        columns = {"id": "m.id", "role": "m.role", "timestamp": "m.at", "text": "m.text", "user": "m.author"}
        write_job(tmp_path, server.base_url, input={"files": ["other"], "explode": "m"}, columns=columns)

    result = run(tmp_path, *([] if form == "explode" else ["other"]), command="check")

    assert 0 == result.code, result.err
    assert expected == result.data["plan"]["hash"]


def _write_as(folder: Path, form: str) -> None:
    plain, other = folder / "history.csv", folder / "other"
    rows = [dict(zip(HEADER, row, strict=True)) for row in TABLE]
    match form:
        case "semicolons":
            lines = plain.read_text(encoding="utf-8").replace(",", ";").replace('"Hi; mail', '"Hi, mail')
            other.write_text(lines, encoding="utf-8")
        case "utf-16":
            other.write_text(plain.read_text(encoding="utf-8"), encoding="utf-16")
        case "jsonl":
            other.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        case "zst" | "bz2":
            codec = "zstd" if form == "zst" else "bz2"
            with pa.CompressedOutputStream(str(other), codec) as sink:
                sink.write(plain.read_bytes())
        case "partitions":
            for row in rows:
                part = other / f"role={row.pop('role')}" / f"{row['id']}.parquet"
                part.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(pa.Table.from_pylist([row]), part)
        case _:
            tickets = sorted({row["ticket"] for row in rows})
            inner = [[row for row in rows if row["ticket"] == ticket] for ticket in tickets]
            pq.write_table(pa.table({"ticket": tickets, "m": inner}), other)


def test_ambiguous_days_and_months_are_refused_with_the_files_name(tmp_path, server):
    """03/04/2024 is two days; nobody but the exporter knows which."""
    rows = [(*row[:4], f"0{number + 1}/04/2024 10:00", row[5]) for number, row in enumerate(TABLE)]
    write_csv(tmp_path / "history.csv", rows, HEADER)
    write_job(tmp_path, server.base_url)

    result = run(tmp_path, command="check")

    assert 4 == result.code
    assert "history.csv: column 'at'" in result.err
    assert "ambiguous" in result.err
