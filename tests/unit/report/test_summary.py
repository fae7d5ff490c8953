"""Summaries: the numbers add up, the columns stand below each other."""

import re
from dataclasses import asdict, replace

import pyarrow as pa
import pytest

from etl.model.profile import minutes_name
from etl.model.rejects import RejectCode, SkipReason
from etl.model.schemas import REJECT_SCHEMA
from etl.report.summary import (
    duration,
    plan_json,
    plan_lines,
    reject_lines,
    skip_lines,
    states_line,
)
from etl.report.validation import RejectLine, first_rejects
from support.plans import COUNTS, PLAN


def numbers(lines):
    """Return the sign and number of each counting line."""
    found = [re.match(r"^([ =+]) [a-z ]+?\s+([\d,]+)(?:\s|$)", line) for line in lines]
    return [(match[1], int(match[2].replace(",", ""))) for match in found if match]


@pytest.mark.parametrize(("carried", "split"), [(0, 0), (1_000, 0), (0, 5), (7, 70)])
def test_the_lines_of_a_plan_add_up(carried, split):
    """Promise P1, as people read it: what came in equals what went somewhere."""
    counts = replace(COUNTS, carried=carried, split=split, planned=COUNTS.planned + carried + split)
    assert counts.balanced
    found = numbers(plan_lines(replace(PLAN, conservation=counts)))
    equals = [sign for sign, _ in found].index("=")
    assert sum(n for _, n in found[:equals]) == sum(n for _, n in found[equals:])
    assert 6 + bool(carried) + bool(split) == len(found)


def test_the_numbers_of_a_plan_end_in_one_column():
    """Or nobody can add them by eye."""
    lines = plan_lines(replace(PLAN, conservation=replace(COUNTS, carried=9, split=9)))[1:]
    assert 1 == len({len(re.sub(r"(?<=\d)   .*", "", line)) for line in lines})


def test_a_plan_reads_as_expected():
    """The whole text, as a person sees it."""
    assert [
        "plan abcdef012345: 1,234,000 messages in 1 lane, 2024-05-01 to 2024-06-01",
        "  rows read     1,234,567",
        "= planned       1,234,000   agent 1,000,000, customer 234,000",
        "+ duplicates           60",
        "+ known               500   accepted 499, uncertain 1",
        "+ skipped               3   role 3",
        "+ rejects               4   late 4",
    ] == plan_lines(PLAN)


def test_a_plan_without_messages_has_no_span():
    """There is no first day of nothing."""
    empty = replace(PLAN, first_at=None, last_at=None, lanes=0, changed={"truncated": 2})
    lines = plan_lines(replace(empty, conservation=replace(COUNTS, planned=0)))
    assert "plan abcdef012345: 0 messages in 0 lanes" == lines[0]
    assert "texts changed: truncated 2" == lines[-1]


def test_files_that_were_left_out_are_told():
    """`on_file_error = "skip"` must not hide a file."""
    lines = plan_lines(replace(PLAN, skipped_files=("b.csv.gz: cut off",)))
    assert "file left out: b.csv.gz: cut off" == lines[-1]


def test_the_json_of_a_plan_says_everything():
    """Machines get what `plan.json` has."""
    assert asdict(PLAN) == plan_json(PLAN)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (10, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (61, "1 min 01 s"),
        (3_599.6, "1 h 00 min"),
        (7_500, "2 h 05 min"),
        (86_399.7, "1 d 00 h"),
        (200_000, "2 d 07 h"),
    ],
)
def test_durations_are_readable(seconds, expected):
    """Two units are enough, and rounding never shows 60 of something."""
    assert expected == duration(seconds)


def reject(line, code="late", detail=None):
    """Return one row of rejects."""
    return {"file": "a.csv", "line": line, "code": code, "column": None, "detail": detail}


def batch(*rows):
    """Return rejects as a batch."""
    return pa.RecordBatch.from_pylist(list(rows), schema=REJECT_SCHEMA)


def test_the_first_three_rejects_of_each_code_are_shown():
    """In the order of the closed list, and over batch edges."""
    batches = [batch(reject(1), reject(2)), batch(), batch(reject(3), reject(4), reject(9, "ragged_row"))]
    found = first_rejects(batches)
    assert [("ragged_row", 9), ("late", 1), ("late", 2), ("late", 3)] == [
        (line.code.value, line.line) for line in found
    ]
    assert () == first_rejects([])


def test_rejects_are_told_with_meaning_places_and_remedy():
    """A person who reads them knows where to look and what to do."""
    shown = RejectLine(file="a.csv", line=7, code=RejectCode.LATE, column="when", detail="stands at noon")
    bare = replace(shown, line=8, column=None, detail=None)
    assert [
        f"late (1,200): {RejectCode.LATE.meaning}",
        "    a.csv:7, column when: stands at noon",
        "    a.csv:8",
        f"    -> {RejectCode.LATE.remedy}",
    ] == reject_lines((shown, bare), {"late": 1_200})


def test_skips_and_states_are_told_in_words():
    """Short enough for one line each."""
    assert [f"1,500 skipped: {SkipReason.PRIVATE.meaning}"] == skip_lines({"private": 1_500})
    assert "accepted 1,000 · held 2" == states_line({"accepted": 1_000, "held": 2})
    assert "" == states_line({})


@pytest.mark.parametrize(
    ("minutes", "name"), [(60, "1 h"), (600, "10 h"), (1_440, "1 d"), (90, "90 min"), (10_080, "7 d")]
)
def test_a_setting_in_minutes_reads_in_its_largest_whole_unit(minutes, name):
    """600 minutes are ten hours to everybody."""
    assert name == minutes_name(minutes)
