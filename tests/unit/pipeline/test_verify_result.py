from datetime import date

import pytest

from etl.errors import ExitCode
from etl.pipeline.verify.result import exit_code
from etl.verify.findings import Finding
from etl.verify.verdicts import DayTotal


@pytest.mark.parametrize("finding", Finding)
def test_only_what_is_there_or_not_ours_ends_well(finding):
    """Done is said only when everything accepted is surely there."""
    sound = {Finding.PRESENT, Finding.BY_HAND, Finding.FOREIGN}
    expected = ExitCode.OK if finding in sound else ExitCode.INCOMPLETE
    assert expected == exit_code({finding: 1}, (), settled=0)


def test_settled_doubt_is_no_doubt():
    """All of it, that is."""
    assert ExitCode.OK == exit_code({Finding.PROVEN: 2}, (), settled=2)
    assert ExitCode.INCOMPLETE == exit_code({Finding.PROVEN: 2}, (), settled=1)


@pytest.mark.parametrize(
    ("accepted", "uncertain", "found", "covered", "expected"),
    [
        (3, 0, 3, True, ExitCode.OK),
        (3, 0, 2, True, ExitCode.INCOMPLETE),
        (3, 0, 4, True, ExitCode.INCOMPLETE),
        (3, 0, 3, False, ExitCode.INCOMPLETE),
        (3, 1, 4, True, ExitCode.INCOMPLETE),
    ],
)
def test_days_end_well_when_even_and_covered(accepted, uncertain, found, covered, expected):
    """A number that fits by chance of a cut-off answer proves nothing."""
    day = DayTotal(day=date(2024, 5, 1), accepted=accepted, uncertain=uncertain, found=found, covered=covered)
    assert expected == exit_code({}, (day,), settled=0)
