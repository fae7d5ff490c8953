"""From files to plan: how rows are shuffled, split and written changes nothing, and no text gets out."""

import json
import random
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.errors import EtlError
from support.checked import COLUMNS, Checked, check
from support.history import write_csv
from support.leaks import leaks

START = datetime(2024, 3, 10, 9, 59, 59, 999_999, tzinfo=UTC)
NAMES = (*COLUMNS.values(), "place", "public")
JOB: dict[str, Any] = {
    "columns": {"sequence": "place", "visibility": "public"},
    "roles": {"skip": ["system"], "unknown": "reject"},
    "visibility": {"public": ["yes"], "private": ["no"]},
    "time": {"format": "iso8601"},
}
SIGNS = st.one_of(
    st.sampled_from('"",;\n\r\t\'= \u00a0\u200b'),
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]),
)
TEXTS = st.one_of(
    st.sampled_from(["ok", "", " \n", "NULL", '"', "a\r\nb", "<b>x</b>"]), st.text(SIGNS, max_size=12)
)


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Return rows, sound and unsound, with copies of some; a message id stands for one content only."""
    table = []
    for number in range(draw(st.integers(1, 12))):
        at = START + timedelta(microseconds=draw(st.sampled_from([0, 1, 1_000_000, 60_000_000])))
        zone = timezone(timedelta(minutes=draw(st.sampled_from([0, 90, -480]))))
        row = {
            "id": draw(st.sampled_from(["", f"m{number}"])),
            "ticket": draw(st.sampled_from(["", "t1", "t2"])),
            "user": draw(st.sampled_from(["ann", "bob", 'c "d", e', "", "1.5E+10", "-1"])),
            "role": draw(st.sampled_from(["customer", "customer", "agent", "system", "robot", ""])),
            "at": draw(
                st.sampled_from([at.astimezone(zone).isoformat()] * 6 + ["", "soon", "1970-01-01T00:00:00Z"])
            ),
            "text": draw(TEXTS),
            "place": str(number),
            "public": draw(st.sampled_from(["yes"] * 6 + ["no", "?"])),
        }
        table += [row] * draw(st.sampled_from([1, 1, 1, 2, 3]))
    return table


def twin(row: dict[str, Any]) -> tuple[str, ...]:
    """Return what equal messages without an id have in common."""
    return tuple(row[name] for name in ("user", "role", "at", "text"))


def split(table: list[dict[str, Any]], order: random.Random, files: int) -> list[list[dict[str, Any]]]:
    """Return rows in another order and in several files.

    The one exception: equal messages of one user at one instant that have no id stay in one file. In two
    files they can't be told from the overlap of two exports, and an overlap must add nothing.
    """
    homes = {twin(row): order.randrange(files) for row in table if not row["id"]}
    parts: list[list[dict[str, Any]]] = [[] for _ in range(files)]
    for row in order.sample(table, len(table)):
        parts[order.randrange(files) if row["id"] else homes[twin(row)]].append(row)
    return [part for part in parts if part]


def write_as(folder: Path, name: str, form: str, table: list[dict[str, Any]]) -> None:
    """Write rows in one of the formats; in typed Parquet nothing is null and times are instants."""
    if form == "csv":
        write_csv(folder / f"{name}.csv", [tuple(row.values()) for row in table], NAMES)
    elif form == "jsonl":
        lines = [json.dumps({key: cell or None for key, cell in row.items()}) for row in table]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
    else:
        columns: dict[str, Any] = {key: [row[key] or None for row in table] for key in NAMES}
        columns = {key: pa.array(cells, pa.string()) for key, cells in columns.items()}
        times = [row["at"] for row in table]
        if "soon" not in times:
            instants = [datetime.fromisoformat(time) if time else None for time in times]
            columns["at"] = pa.array(instants, pa.timestamp("us", "UTC"))
        columns["place"] = pa.array([int(row["place"]) for row in table], pa.int64())
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")


def planned(parts: list[list[dict[str, Any]]], forms: list[str], **tables: Any) -> Checked:
    """Return the plan of files."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "input"
        folder.mkdir()
        for number, (part, form) in enumerate(zip(parts, forms, strict=False)):
            write_as(folder, f"{number}", form, part)
        return check(folder, **{**JOB, **tables})


def facts(result: Checked) -> list[tuple[Any, ...]]:
    """Return everything that a request is made of, in the plan's order."""
    names = ("key", "content", "lane", "at_us", "sequence", "role", "text", "conversation")
    return list(zip(*(result.of(name) for name in names), strict=True))


def fates(result: Checked) -> tuple[Any, ...]:
    """Return where the rows went that are not sent."""
    counts = result.summary.conservation
    rejects = Counter((row["code"], row["column"]) for row in result.rejects)
    return counts.rows, counts.duplicates, result.summary.skipped_by_reason, rejects


FORMS = st.lists(st.sampled_from(["csv", "parquet", "jsonl"]), min_size=4, max_size=4)
SLOW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SOUND = {
    "id": "sound", "ticket": "t9", "user": "zoe", "role": "customer", "at": START.isoformat(),
    "text": "sound", "place": "99", "public": "yes",
}  # fmt: skip
"""A plan needs one row that is no reject."""


@SLOW
@given(table=rows(), order=st.randoms(use_true_random=False), files=st.integers(1, 4), forms=FORMS)
def test_same_rows_shuffled_split_and_written_otherwise_give_the_same_plan(table, order, files, forms):
    """Promise P7: a message is recognised by what it is, never by where it stands."""
    table = [SOUND, *table]

    before = planned([table], ["csv"])
    after = planned(split(table, order, files), forms)

    assert facts(before) == facts(after)
    assert before.summary.hash == after.summary.hash
    assert fates(before) == fates(after)


@SLOW
@given(table=rows(), order=st.randoms(use_true_random=False), files=st.integers(1, 4), forms=FORMS)
def test_without_a_sequence_only_the_order_within_an_instant_is_the_files(table, order, files, forms):
    """Nothing else tells what was said first in one microsecond."""
    table = [SOUND, *table]
    unordered = {"columns": {**JOB["columns"], "sequence": None}}

    before = planned([table], ["csv"], **unordered)
    after = planned(split(table, order, files), forms, **unordered)

    assert Counter(facts(before)) == Counter(facts(after))
    instants = [(fact[2], fact[3]) for fact in facts(after)]
    assert [(fact[2], fact[3]) for fact in facts(before)] == instants
    assert fates(before) == fates(after)


@SLOW
@given(table=rows(), order=st.randoms(use_true_random=False), forms=FORMS)
def test_overlapping_files_add_nothing(table, order, forms):
    """Promise P7: the history so far, exported again beside itself, is the same history."""
    table = [SOUND, *table]

    once = planned([table], ["csv"])
    again = planned([table, order.sample(table, len(table))], forms)

    assert facts(once) == facts(again)
    assert once.summary.hash == again.summary.hash


@pytest.mark.parametrize(
    "column", [None, *(name for name in COLUMNS if name != "text"), "sequence", "visibility"]
)
@settings(max_examples=3, deadline=None)
@given(table=rows(), form=st.sampled_from(["csv", "parquet", "jsonl"]))
def test_no_reject_error_or_printed_line_holds_a_text(column, table, form):
    """Promise P8, even where a job takes the texts for something else."""
    words = [f"please do not tell anyone word-{number:08}-word" for number in range(len(table))]
    told = [{**row, "text": text + row["text"]} for row, text in zip(table, words, strict=True)]
    mapped = {} if column is None else {column: "text"}
    outputs = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "input"
        folder.mkdir()
        write_as(folder, "history", form, [{**SOUND, "text": "sound"}, *told])
        try:
            result = check(folder, **{**JOB, "columns": {**JOB["columns"], **mapped}})
            outputs = [result.printed, *result.notes, json.dumps(result.rejects)]
        except EtlError as error:
            outputs = [error.message, error.hint]
        for name in ("rejects.csv", "plan.json"):
            outputs += [path.read_text(encoding="utf-8") for path in Path(place).rglob(name)]
        secrets = [f"word-{number:08}" for number in range(len(table))]

        assert [] == leaks(Path(place) / "nothing", outputs, secrets)
