"""`etl init` as a new user types it."""

import csv
import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from support.command import Finished, etl
from support.readme import README

ROOT = README.parent
SAMPLES = {
    "zendesk_comments.csv": "zendesk",
    "zendesk_comments.parquet": "zendesk-parquet",
    "intercom_parts.csv": "intercom",
}
CHAT = [
    ["ticket", "author", "kind", "sent", "what"],
    ["t1", "u1", "user", "2024-03-01T10:00:00Z", "Where is my parcel, please?"],
    ["t1", "a1", "operator", "2024-03-01T10:05:00Z", "On its way to you, I see."],
    ["t2", "u2", "user", "2024-03-01T11:00:00Z", "Can I send it back to you?"],
    ["t2", "a1", "operator", "2024-03-01T11:05:00Z", "Yes, within thirty days."],
]


def init(folder: Path, *arguments: str) -> Finished:
    """Run `etl init` in a folder."""
    return etl("init", *arguments, cwd=folder)


def write(path: Path, rows: list[list[str]], *, encoding: str = "utf-8", delimiter: str = ",") -> None:
    """Write a CSV file."""
    with path.open("w", newline="", encoding=encoding) as sink:
        csv.writer(sink, delimiter=delimiter).writerows(rows)


def job_of(folder: Path) -> dict[str, Any]:
    """Return the job that was written."""
    return tomllib.loads((folder / "job.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("sample", "config"), SAMPLES.items())
def test_sample_is_checked_unedited_as_by_the_hand_written_job(tmp_path, sample, config):
    """The README's promise: init, check, nothing in between."""
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    shutil.copytree(ROOT / "configs", tmp_path / "configs")

    made = init(tmp_path, f"sample_data/{sample}")
    found = etl("check", "job.toml", "--json", cwd=tmp_path)
    by_hand = etl("check", f"configs/{config}.toml", "--json", cwd=tmp_path)

    assert 0 == made.code, made.err
    assert 0 == found.code == by_hand.code, found.err
    for key in ("conservation", "lanes", "longest_lane", "roles", "skipped_by_reason", "first_at", "last_at"):
        assert by_hand.data["plan"][key] == found.data["plan"][key], key
    assert 0 == found.data["plan"]["conservation"]["rejects"]
    assert "next     read job.toml, then: etl check job.toml" in made.err
    assert "" == made.out


def test_job_in_another_folder_names_files_from_there(tmp_path):
    """Relative paths in a job are relative to the job."""
    (tmp_path / "data").mkdir()
    (tmp_path / "jobs").mkdir()
    write(tmp_path / "data/chat.csv", CHAT)

    result = init(tmp_path, "data/*.csv", "--output", "jobs/mine.toml")

    assert 0 == result.code, result.err
    job = tomllib.loads((tmp_path / "jobs/mine.toml").read_text(encoding="utf-8"))
    assert ["../data/*.csv"] == job["input"]["files"]


def test_job_file_is_not_overwritten_unless_forced(tmp_path):
    """Somebody has edited it."""
    write(tmp_path / "chat.csv", CHAT)
    (tmp_path / "job.toml").write_text("mine", encoding="utf-8")

    refused = init(tmp_path, "chat.csv")

    assert 2 == refused.code
    assert "--force" in refused.err
    assert "mine" == (tmp_path / "job.toml").read_text(encoding="utf-8")
    assert 0 == init(tmp_path, "chat.csv", "--force").code
    assert "mine" != (tmp_path / "job.toml").read_text(encoding="utf-8")


def test_unknown_export_is_guessed_with_reasons_and_what_is_open_stays_open(tmp_path):
    """Nothing is guessed without a word: the names are odd, the values tell."""
    write(tmp_path / "chat.csv", CHAT)

    result = init(tmp_path, "chat.csv", "--json")

    assert 0 == result.code, result.err
    assert result.data["preset"] is None
    job = job_of(tmp_path)
    assert job["columns"] == {
        "conversation": "ticket",
        "user": {"customer_of": "ticket"},
        "author": "author",
        "role": "kind",
        "timestamp": "sent",
        "text": "what",
    }
    assert job["roles"] == {"customer": ["user"], "agent": ["operator"]}
    assert {"user": 2, "operator": 2} == result.data["seen"]["kind"]
    assert result.data["job"] == {name: job[name] for name in result.data["job"]}
    reasons = [item for item in result.data["settings"] if item["setting"].startswith("columns.")]
    assert all(item["why"] for item in reasons if item["setting"] != "columns.author")


def test_naive_times_leave_the_zone_to_a_person(tmp_path):
    """The machine's zone is never taken, nor UTC without a reason."""
    rows = [CHAT[0], *([*row[:3], row[3].replace("T", " ").removesuffix("Z"), row[4]] for row in CHAT[1:])]
    write(tmp_path / "chat.csv", rows)

    result = init(tmp_path, "chat.csv")

    assert "needed   time.zone" in result.err
    assert "# needed: zone =" in (tmp_path / "job.toml").read_text(encoding="utf-8")
    assert {"format": "iso8601"} == job_of(tmp_path)["time"]


def test_day_and_month_that_can_be_either_are_left_to_a_person(tmp_path):
    """03/04/2024 is two days."""
    write(tmp_path / "chat.csv", [CHAT[0], *([*row[:3], "03/04/2024 10:00", row[4]] for row in CHAT[1:])])

    init(tmp_path, "chat.csv")

    text = (tmp_path / "job.toml").read_text(encoding="utf-8")
    assert '# needed: format = "%d/%m/%Y %H:%M"' in text
    assert '# needed: format = "%m/%d/%Y %H:%M"' in text


def test_bots_are_left_out_and_unknown_roles_left_to_a_person(tmp_path):
    """A value in no list stops an import, so none can slip through."""
    more = [["t2", "b1", "bot", "2024-03-01T11:06:00Z", "I am a robot, beep."]]
    odd = [["t2", "x1", "wizard", "2024-03-01T11:07:00Z", "I am a wizard, hello."]]
    write(tmp_path / "chat.csv", [*CHAT, *more, *odd])

    result = init(tmp_path, "chat.csv")

    text = (tmp_path / "job.toml").read_text(encoding="utf-8")
    assert ["bot"] == job_of(tmp_path)["roles"]["skip"]
    assert '# bot = ["bot"]' in text
    assert '# decide: "wizard"' in text
    assert "wizard" in result.err


def test_column_that_may_tell_notes_is_not_passed_over_in_silence(tmp_path):
    """An internal note sent to a customer can't be taken back."""
    rows = [[*CHAT[0], "recipients"], *([*row, "somebody"] for row in CHAT[1:])]
    write(tmp_path / "chat.csv", rows)

    result = init(tmp_path, "chat.csv")

    assert 'look     The column "recipients" is not mapped ("somebody" 4).' in result.err
    assert '# - The column "recipients" is not mapped' in (tmp_path / "job.toml").read_text(encoding="utf-8")


def test_second_file_of_a_product_is_joined(tmp_path):
    """Zendesk's comments have authors only; the table of users says who is an agent."""
    comments = [
        ["id", "ticket_id", "user_id", "public", "created", "body"],
        ["1", "7", "100", "TRUE", "2024-03-01 10:00:00", "Hello"],
        ["2", "7", "200", "TRUE", "2024-03-01 10:01:00", "Hi there"],
    ]
    write(tmp_path / "comments.csv", comments)
    write(
        tmp_path / "users.csv",
        [["id", "email", "role"], ["100", "a@x.io", "end-user"], ["200", "b@x.io", "agent"]],
    )

    alone = init(tmp_path, "comments.csv")
    both = init(tmp_path, "*.csv", "--force")

    assert "needed   columns.role" in alone.err
    assert "needed" not in both.err
    job = job_of(tmp_path)
    assert ["comments.csv"] == job["input"]["files"]
    expected = {"files": ["users.csv"], "on": "user_id", "key": "id", "columns": {"author_role": "role"}}
    assert [expected] == job["join"]
    assert job["roles"] == {"customer": ["end-user"], "agent": ["agent", "admin"], "skip": ["system"]}


def test_different_exports_are_refused_together(tmp_path):
    """One job reads one kind of export."""
    write(tmp_path / "a.csv", [["conversationId", "sendTime", "senderType", "text"]])
    write(tmp_path / "b.csv", [["tweet_id", "author_id", "inbound", "created_at", "text"]])

    result = init(tmp_path, "a.csv", "b.csv")

    assert 2 == result.code
    assert "different exports" in result.err


def test_export_of_another_encoding_says_what_to_type(tmp_path):
    """Excel on a Danish machine; there is no job yet in which it could be set."""
    rows = [CHAT[0], *([*row[:4], f"{row[4]} Tak på forhånd"] for row in CHAT[1:])]
    write(tmp_path / "chat.csv", rows, encoding="cp1252", delimiter=";")

    refused = init(tmp_path, "chat.csv")
    taken = init(tmp_path, "chat.csv", "--encoding", "cp1252")

    assert 4 == refused.code
    assert "--encoding" in refused.err
    assert 0 == taken.code, taken.err
    assert "cp1252" == job_of(tmp_path)["input"]["encoding"]


def test_json_lines_and_nested_parquet_are_looked_at(tmp_path):
    """Dotted paths are columns; lists are named as what they are."""
    records = [
        {
            "id": str(n),
            "ticket_id": "1",
            "customer_id": "u",
            "author": {"type": kind},
            "ts": 1709283600 + n,
            "body": "a b",
        }
        for n, kind in enumerate(["user", "agent", "user", "agent"])
    ]
    (tmp_path / "a.jsonl").write_text(
        "".join(f"{json.dumps(record)}\n" for record in records), encoding="utf-8"
    )
    pq.write_table(
        pa.Table.from_pylist([{**record, "tags": ["x"]} for record in records]), tmp_path / "b.parquet"
    )

    lines = init(tmp_path, "a.jsonl", "--json", "-o", "a.toml")
    table = init(tmp_path, "b.parquet", "--json", "-o", "b.toml")

    assert 0 == lines.code == table.code, lines.err + table.err
    assert "author.type" == lines.data["job"]["columns"]["role"]
    assert lines.data["job"]["columns"] == table.data["job"]["columns"]
    assert "epoch_s" == lines.data["job"]["time"]["format"]
    assert any('"tags" holds lists' in warning for warning in table.data["warnings"])


@pytest.mark.parametrize("content", ["id,ticket_id,body\n", "a\n1\n"])
def test_file_that_says_little_leaves_everything_open(tmp_path, content):
    """No defect, no invention."""
    (tmp_path / "a.csv").write_text(content, encoding="utf-8")

    result = init(tmp_path, "a.csv")

    assert result.code in {0, 4}, result.err
    assert "defect" not in result.err
    if result.code == 0:
        assert "needed   columns.role" in result.err


def test_no_text_of_a_message_leaves_the_export(tmp_path):
    """A job file is shared and kept; a column of texts must not end up in it as roles."""
    private = "My card is 4111 1111 1111 1111 and nobody may read this"
    rows = [
        ["role", "text", "type", "sent_at"],
        *([private, private, private, "2024-03-01T10:00:00Z"] for _ in range(3)),
    ]
    write(tmp_path / "a.csv", rows)

    result = init(tmp_path, "a.csv", "--json")

    assert 0 == result.code, result.err
    assert "4111" not in result.out + result.err + (tmp_path / "job.toml").read_text(encoding="utf-8")
