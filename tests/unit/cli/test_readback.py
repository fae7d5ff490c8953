from dataclasses import replace
from datetime import date

import pytest

from etl.cli.readback import lines, shift
from etl.errors import ExitCode
from etl.pipeline.verify.files import FileRead
from etl.pipeline.verify.result import Reading, Sample, VerifyResult
from etl.verify.findings import Finding, Level
from etl.verify.verdicts import DayTotal

READING = Reading(
    rows=1_200,
    of_our_users=7,
    unreadable_times=0,
    requests=3,
    reused=0,
    days=16,
    cut_days=(),
    files=(),
    by_import_day=False,
)
RESULT = VerifyResult(
    target="t",
    level=Level.FULL,
    accepted=5,
    uncertain=0,
    unsent=0,
    textless=0,
    reading=READING,
    counts=dict.fromkeys(Finding, 0) | {Finding.PRESENT: 5},
    common_shift=None,
    first={},
    absent_here=(),
    sample=None,
    totals=(),
    settled=None,
    listing=None,
    report="r.json",
    exit_code=ExitCode.OK,
)


def told(result: VerifyResult) -> str:
    """Return everything that people read."""
    return "\n".join(lines(result, "job.toml --sandbox", report="--from-file=a.csv"))


def counted(**counts: int) -> dict[Finding, int]:
    """Return counts with some others than 5 present."""
    return RESULT.counts | {Finding(name): count for name, count in counts.items()}


def test_good_end_is_said_in_one_line_of_findings():
    """And nothing is to be typed next."""
    text = told(RESULT)
    assert "read     1,200 rows of 16 days in 3 requests\n" in text
    assert "everything accepted is there, once and in order" in text
    assert "next" not in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"reused": 2}, "2 answers kept from an interrupted reading"),
        ({"cut_days": (date(2024, 5, 1),)}, "1 days have more rows than an answer holds: 2024-05-01"),
        ({"cut_days": tuple(date(2024, 5, day) for day in range(1, 13))}, "2024-05-10 and 2 more"),
        ({"unreadable_times": 3}, "3 rows have no readable time: see [verify.time]"),
        ({"by_import_day": True}, "import were read too"),
        ({"of_our_users": 0}, "the report has no row of our users, so absence proves nothing"),
        ({"files": (FileRead(label="a.csv", source=0, rows=9, damaged=0),)}, "9 rows of a.csv\n"),
        ({"files": (FileRead(label="a.csv", source=0, rows=9, damaged=1),)}, "absence proves nothing"),
    ],
)
def test_what_bounds_the_reading_is_said(changes, words):
    """Without it the counts would look surer than they are."""
    assert words in told(replace(RESULT, reading=replace(READING, **changes)))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unsent": 4}, "not sent 4 messages of the plan under way"),
        ({"textless": 4}, "no text  4 messages are of plans that are gone"),
        ({"counts": counted(proven=1)}, "etl verify job.toml --sandbox --from-file=a.csv --settle "),
        ({"counts": counted(proven=1), "settled": 1}, "next     etl import job.toml --sandbox "),
        (
            {"counts": counted(absent=1), "absent_here": ("0a",)},
            "etl settle job.toml --sandbox --resend 0a\n",
        ),
        ({"counts": counted(absent=2), "absent_here": ("0a",)}, "for the others, see the list"),
        ({"counts": counted(doubled=1)}, "one more row with the id"),
        ({"common_shift": (60, 2), "counts": counted(shifted=3)}, "shift    2 of 3 by +60 s\n"),
        (
            {"exit_code": ExitCode.INCOMPLETE},
            "not everything is surely there, once and in order (exit code 3)",
        ),
    ],
)
def test_what_is_to_be_done_is_said(changes, words):
    """Each open end with its next command."""
    assert words in told(replace(RESULT, **changes)) + "\n"


def test_sample_says_what_its_bound_is_about():
    """Unknown ones are no evidence of anything."""
    text = told(replace(RESULT, sample=Sample(seed="s", size=300, of=9_000, judged=299, wrong=0)))
    assert "sample   300 of 9,000, seed s: 0 of 299 wrong" in text
    assert "the other 1 can't be judged" in text
    assert "at most 1.00 % of what can be judged is wrong" in text


def test_totals_list_the_days_that_are_not_even():
    """The first ten; the report has them all."""
    days = tuple(
        DayTotal(day=date(2024, 5, number), accepted=2, uncertain=1, found=1, covered=number < 13)
        for number in range(1, 15)
    )
    text = told(replace(RESULT, level=Level.TOTALS, counts={}, totals=days, exit_code=ExitCode.INCOMPLETE))
    assert "0 even, 12 not even, 2 not covered or cut off" in text
    assert "2024-05-10  2 accepted and 1 uncertain, 1 in the report\n  and 2 more" in text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(3_600, "+1 h"), (-7_200, "-2 h"), (59, "+59 s"), (5_400, "+1 h 30 min"), (-1, "-1 s")],
)
def test_shift_in_words(seconds, words):
    """Zones show at a glance."""
    assert words == shift(seconds)
