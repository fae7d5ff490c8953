"""How checks add up."""

import pytest

from etl.errors import ExitCode, InputError
from etl.pipeline.finding import SEVERITY, Level, failed, failed_by, passed, size_text, warned, worst


def test_worst_of_nothing_and_of_good_checks_is_ok():
    """Ready."""
    assert ExitCode.OK is worst([])
    assert ExitCode.OK is worst([passed("a", "b"), warned("a", "b", "c")])


def test_worst_is_the_gravest_and_not_the_largest_number():
    """75 is the mildest of all failures, whatever its number."""
    findings = [
        warned("lock", "x", "y", exit_code=ExitCode.LATER),
        failed("ledger", "x", "y", ExitCode.LEDGER),
        failed("token", "x", "y", ExitCode.USAGE),
    ]

    assert ExitCode.LEDGER is worst(findings)
    assert ExitCode.LATER is worst(findings[:1])


def test_severity_knows_every_code_that_is_no_interruption():
    """A code without a place would end the doctor."""
    assert {*SEVERITY} == {*ExitCode} - {ExitCode.INTERRUPTED, ExitCode.TERMINATED}


@pytest.mark.parametrize("hint", ["do this", ""])
def test_failure_always_says_what_to_do(hint):
    """A line without a remedy leaves its reader alone."""
    finding = failed_by("files", InputError("broken", hint=hint))

    assert Level.FAIL is finding.level
    assert finding.remedy
    assert ExitCode.INPUT is finding.exit_code


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB"),
        (2_500_000, "2.5 MB"),
        (3 * 10**12, "3,000.0 GB"),
    ],
)
def test_sizes_are_readable(size, text):
    """Of a CSV of 45 kB as of a disk."""
    assert text == size_text(size)
