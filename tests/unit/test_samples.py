"""The samples are sound, reproducible and complete, and every shown setting is the real one."""

import csv
import io
import json
import re
import runpy
import tomllib
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_origin

import pyarrow.parquet as pq
import pytest
from pydantic import BaseModel, ConfigDict, create_model

from etl.config.job import Job
from etl.model.rejects import RejectCode, SkipReason

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "sample_data"
CONFIGS = ROOT / "configs"
CSV_NAMES = ("zendesk_comments.csv", "intercom_parts.csv", "dirty.csv")
JOB_OF_SAMPLE = {
    "zendesk": "zendesk_comments.csv",
    "zendesk-parquet": "zendesk_comments.parquet",
    "intercom": "intercom_parts.csv",
    "dirty": "dirty.csv",
    "dirty-no-zone": "dirty.csv",
}
TABLE = re.compile(r"(?:# )?\[+([a-z.]+)\]+")
SETTING = re.compile(r"(# )?([a-z_0-9]+ = .+)")


def script():
    """The names of make_samples.py, which is no package."""
    return runpy.run_path(str(SAMPLES / "make_samples.py"))


def records(name):
    """Every record of a CSV sample, ragged ones too, header first."""
    return list(csv.reader(io.StringIO((SAMPLES / name).read_text("utf-8"), newline="")))


def rows(name):
    """Every row of a CSV sample as a dict."""
    header, *values = records(name)
    return [dict(zip(header, value, strict=True)) for value in values]


def load(name):
    """A job of configs/, read as the strict models are meant to be fed."""
    return Job.model_validate_json(json.dumps(tomllib.loads((CONFIGS / f"{name}.toml").read_text("utf-8"))))


def shown_settings():
    """Every (table, name, value, commented) of example.toml; the top level is the table ""."""
    table, found = "", []
    for line in (CONFIGS / "example.toml").read_text("utf-8").splitlines():
        if match := TABLE.fullmatch(line):
            table = match[1]
        elif match := SETTING.fullmatch(line):
            ((name, value),) = tomllib.loads(match[2]).items()
            found.append((table, name, value, match[1] is not None))
    return found


def declared_settings(model: type[BaseModel] = Job, table: str = "") -> dict[tuple[str, str], Any]:
    """Every (table, name) -> field of the models, walked from the job down."""
    found: dict[tuple[str, str], Any] = {}
    for name, field in model.model_fields.items():
        inner = f"{table}.{field.alias or name}".lstrip(".")
        kind = field.annotation
        if get_origin(kind) is tuple:
            kind = get_args(kind)[0]
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found |= declared_settings(kind, inner)
        else:
            found[table, name] = field
    return found


@pytest.mark.parametrize("name", CSV_NAMES)
def test_samples_are_what_the_script_writes(tmp_path, name):
    """A reader must be able to see how every byte came about."""
    script()["write_all"](tmp_path)
    assert (SAMPLES / name).read_bytes() == (tmp_path / name).read_bytes()


def test_parquet_sample_is_what_the_script_writes(tmp_path):
    """Its bytes depend on the version of pyarrow, its table must not."""
    script()["write_all"](tmp_path)
    name = "zendesk_comments.parquet"
    assert pq.read_table(SAMPLES / name).equals(pq.read_table(tmp_path / name), check_metadata=True)


def test_parquet_sample_equals_csv_row_by_row():
    """Both must plan to the very same messages in the same order."""
    roles = {"end-user": "customer", "agent": "agent", "admin": "agent", "system": "system"}
    expected = [
        {
            "message_id": int(row["id"]),
            "conversation_id": int(row["ticket_id"]),
            "user_id": int(row["requester_id"]),
            "role": roles[row["author_role"]],
            "sent_at": datetime.strptime(row["created_at"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC),
            "is_public": {"TRUE": True, "FALSE": False}[row["public"]],
            "text": row["body"],
        }
        for row in rows("zendesk_comments.csv")
    ]
    table = pq.read_table(SAMPLES / "zendesk_comments.parquet")
    found = [
        dict(zip(table.column_names, values, strict=True))
        for values in zip(*(column.to_pylist() for column in table.columns), strict=True)
    ]
    assert expected == found


def test_parquet_sample_has_real_types():
    """It shows typed ids, times and booleans instead of literals."""
    types = [str(field.type) for field in pq.read_schema(SAMPLES / "zendesk_comments.parquet")]
    assert types == ["int64"] * 3 + ["string", "timestamp[us, tz=UTC]", "bool", "string"]


@pytest.mark.parametrize("name", CSV_NAMES)
def test_csv_samples_have_distinct_column_names(name):
    """A doubled header would make the mapping ambiguous."""
    header = records(name)[0]
    assert len(header) == len(set(header))


@pytest.mark.parametrize("name", ["zendesk_comments.csv", "intercom_parts.csv"])
def test_sound_samples_have_no_empty_cells_but_private_texts(name):
    """The two histories promise zero rejects."""
    empty = [
        (column, row.get("part_type"))
        for row in rows(name)
        for column, value in row.items()
        if not value.strip()
    ]
    assert {("body", "assignment"), ("body", "close")} >= set(empty)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("[a-zR]*.*")), ids=lambda path: path.name)
def test_samples_hold_no_foreign_address(path):
    """Nobody's real mail address or web site belongs into a sample."""
    if path.suffix == ".parquet":
        text = "\n".join(pq.read_table(path)["text"].to_pylist())
    else:
        text = path.read_text("utf-8")
    hosts = re.findall(r"(?:[\w.+-]@|https?://)([\w-]+(?:\.[\w-]+)+)", text)
    assert [host for host in hosts if not re.fullmatch(r"(?:[\w-]+\.)*example\.(?:com|dk)", host)] == []


def test_zendesk_sample_holds_the_peculiarities_it_promises():
    """The sample is there to show them."""
    found = rows("zendesk_comments.csv")
    times = [row["created_at"] for row in found]
    copies = Counter(tuple(row.values()) for row in found)
    distinct = {row["id"]: row for row in found}
    instants = Counter((row["requester_id"], row["created_at"]) for row in distinct.values())
    texts = Counter((row["requester_id"], row["created_at"], row["body"]) for row in distinct.values())
    notes = sum(row["public"] == "FALSE" for row in found) / len(found)
    falling = sum(later < earlier for earlier, later in pairwise(times))
    assert len(copies) == len(distinct)
    assert sum(count - 1 for count in copies.values()) == 5
    assert instants.most_common(1)[0][1] >= 2
    assert texts.most_common(1)[0][1] == 2
    assert 0.06 <= notes <= 0.10
    assert falling >= 40
    assert {"end-user", "agent", "admin", "system"} == {row["author_role"] for row in found}
    assert 25 <= len({row["requester_id"] for row in found}) <= 30
    assert 45 <= len({row["ticket_id"] for row in found}) <= 60


def test_samples_are_small():
    """They are committed."""
    assert sum(path.stat().st_size for path in SAMPLES.glob("[a-zR]*.*")) < 200_000
    assert (SAMPLES / "zendesk_comments.csv").stat().st_size < 120_000


def expectations():
    """The README's table: line -> (dirty.toml, dirty-no-zone.toml)."""
    found = re.findall(
        r"^\| (\d+) \| (.+?) \| (.+?) \|", (SAMPLES / "README.md").read_text("utf-8"), re.MULTILINE
    )
    return {int(line): (zone, no_zone) for line, zone, no_zone in found}


def test_readme_table_is_the_one_the_script_writes():
    """Lines and codes are told by the same source that writes the rows."""
    made = script()
    assert made["dirty_table"](made["history"]()) in (SAMPLES / "README.md").read_text("utf-8")


def test_dirty_sample_shows_every_reject_code_and_skip():
    """No code may be without an example."""
    text = " ".join(" ".join(pair) for pair in expectations().values())
    text += (SAMPLES / "README.md").read_text("utf-8").partition("## `chat_events.jsonl`")[2]
    codes = {code.value for code in RejectCode}
    assert codes == codes & set(re.findall(r"`([a-z_]+)`", text))
    assert {reason.value for reason in SkipReason} == set(re.findall(r"skipped: (\w+)", text))


def test_readme_lines_are_where_records_begin():
    """A person who looks a line up must find the row."""
    begins, line = set(), 1
    for record in records("dirty.csv"):
        begins.add(line)
        line += 1 + sum(cell.count("\n") for cell in record)
    assert len((SAMPLES / "dirty.csv").read_text("utf-8").splitlines()) == line - 1
    assert set() == expectations().keys() - begins


def test_dirty_sample_has_sound_rows_between():
    """Faults must be shown not to take their neighbours with them."""
    assert len(records("dirty.csv")) - 1 - len(expectations()) >= 30


def test_late_row_is_older_than_its_users_last_message():
    """Only then is it late after zendesk.toml."""
    late = next(row for row in records("dirty.csv") if row[6:7] == ["I forgot to say: the blue one"])
    sent = [
        row["created_at"]
        for row in rows("zendesk_comments.csv")
        if row["requester_id"] == late[2] and row["public"] == "TRUE" and row["author_role"] != "system"
    ]
    assert max(sent) > late[4]


@pytest.mark.parametrize(("job", "sample"), JOB_OF_SAMPLE.items())
def test_sample_jobs_are_valid_and_name_their_sample(job, sample):
    """A first run must work without an edit."""
    loaded = load(job)
    assert [(SAMPLES / sample).resolve()] == [(CONFIGS / file).resolve() for file in loaded.input.files]
    assert "../etl-state" == loaded.state


@pytest.mark.parametrize(("job", "sample"), JOB_OF_SAMPLE.items())
def test_sample_jobs_map_columns_and_values_that_exist(job, sample):
    """Every role and visibility of the sample must be named by its job, except on purpose."""
    loaded = load(job)
    if sample.endswith(".parquet"):
        found = [
            {name: str(value).lower() if isinstance(value, bool) else value for name, value in row.items()}
            for row in pq.read_table(SAMPLES / sample).select(["role", "is_public"]).to_pylist()
        ]
        names = pq.read_schema(SAMPLES / sample).names
    else:
        names, *values = records(sample)
        found = [dict(zip(names, value, strict=False)) for value in values]
    roles = {*loaded.roles.customer, *loaded.roles.agent, *loaded.roles.bot, *loaded.roles.skip}
    visible = {*loaded.visibility.public, *loaded.visibility.private}
    on_purpose = {"", "light-agent", "maybe", None} if "dirty" in job else set()
    assert set() == set(loaded.columns.mapped) - set(names)
    assert on_purpose - {"maybe", None} == {row.get(loaded.columns.role) for row in found} - roles
    assert on_purpose - {"", "light-agent"} == {row.get(loaded.columns.visibility) for row in found} - visible


def test_both_zendesk_jobs_have_one_source():
    """Else the same ids would be two messages."""
    assert load("zendesk").source == load("zendesk-parquet").source


def test_example_job_loads():
    """It is the file people copy."""
    assert "acme-zendesk" == load("example").source


def test_example_job_shows_every_setting_once():
    """A setting that is not shown is not found."""
    shown = Counter((table, name) for table, name, _, _ in shown_settings())
    assert dict.fromkeys(declared_settings(), 1) == shown


def is_shown_with_its_default(field: Any) -> bool:
    """Settings without a default, or with an empty one, are shown with an example instead."""
    return not field.is_required() and field.get_default(call_default_factory=True) not in (None, (), {})


@pytest.mark.parametrize(("table", "name", "value", "commented"), shown_settings())
def test_example_job_shows_the_default(table, name, value, commented):
    """People delete lines that show the default, so they must."""
    field = declared_settings()[table, name]
    exact = create_model("One", __config__=ConfigDict(strict=True), it=(field.annotation, field))
    read = exact.model_validate_json(json.dumps({field.alias or "it": value})).model_dump()["it"]
    if is_shown_with_its_default(field):
        assert not commented
        assert field.get_default(call_default_factory=True) == read
    else:
        assert read not in (None, (), {})
