"""What the doctor makes of a target's answers."""

import pytest

from etl.api.probe import Certificate, ConfigAnswer
from etl.clock import MICROSECONDS
from etl.errors import ExitCode
from etl.model.exchange import Failure, Phase
from etl.pipeline.finding import Level
from etl.pipeline.reach import certificate_finding, clock_finding, config_finding

NOW_US = 1_790_000_000 * MICROSECONDS
DAY_US = 86_400 * MICROSECONDS


def answer(status: int, *, is_json: bool = True) -> ConfigAnswer:
    """Return an answer of the config endpoint."""
    return ConfigAnswer(status=status, is_json=is_json, location="https://b.example/", date_us=None)


@pytest.mark.parametrize(
    ("status", "level", "code", "words"),
    [
        (200, Level.OK, ExitCode.OK, "the deployment exists"),
        (204, Level.WARN, ExitCode.OK, "proves nothing"),
        (301, Level.FAIL, ExitCode.REFUSED, "a redirect to https://b.example/"),
        (308, Level.FAIL, ExitCode.REFUSED, "a redirect"),
        (400, Level.WARN, ExitCode.OK, "proves nothing"),
        (401, Level.WARN, ExitCode.OK, "wants credentials"),
        (403, Level.WARN, ExitCode.OK, "wants credentials"),
        (404, Level.FAIL, ExitCode.REFUSED, "no such deployment"),
        (405, Level.FAIL, ExitCode.REFUSED, "another path"),
        (429, Level.FAIL, ExitCode.LATER, "overloaded"),
        (500, Level.FAIL, ExitCode.LATER, "overloaded"),
        (503, Level.FAIL, ExitCode.LATER, "overloaded"),
    ],
)
def test_each_status_of_the_config_endpoint_has_a_meaning(status, level, code, words):
    """An import with the same target would meet the same; what proves nothing is no failure."""
    finding = config_finding(answer(status))

    assert (level, code) == (finding.level, finding.exit_code)
    assert words in finding.seen
    assert bool(finding.remedy) == (level is not Level.OK)


def test_a_missing_deployment_is_told_all_known_paths():
    """The vendor's articles name three; a wrong one looks like a wrong id."""
    remedy = config_finding(answer(404)).remedy

    assert "target.deployment_id" in remedy
    assert 3 == remedy.count("/webchat/")


def test_a_page_in_the_apis_place_is_no_deployment():
    """Portals and front pages answer 200 to everything."""
    assert Level.WARN is config_finding(answer(200, is_json=False)).level


@pytest.mark.parametrize(
    ("phase", "code"),
    [
        (Phase.CONNECT, ExitCode.LATER),
        (Phase.SENT, ExitCode.LATER),
        (Phase.CERTIFICATE, ExitCode.REFUSED),
    ],
)
def test_no_answer_ends_as_an_import_would(phase, code):
    """A certificate is nothing to wait for."""
    finding = config_finding(Failure(phase=phase, kind="some_fault"))

    assert (Level.FAIL, code) == (finding.level, finding.exit_code)
    assert "some_fault" in finding.seen


@pytest.mark.parametrize(
    ("days", "level"), [(90, Level.OK), (14, Level.OK), (13, Level.WARN), (0, Level.WARN)]
)
def test_certificate_that_expires_soon_is_a_warning(days, level):
    """An import of weeks would stop in the middle."""
    certificate = Certificate(
        names=("a.example", "b.example"), issuer="CA", expires_us=NOW_US + days * DAY_US, protocol="TLSv1.3"
    )
    finding = certificate_finding(certificate, now_us=NOW_US)

    assert level is finding.level
    assert ExitCode.OK is finding.exit_code
    assert f"TLSv1.3, certificate for a.example, b.example by CA, expires in {days} days" == finding.seen


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (0, Level.OK, "agrees"),
        (30, Level.OK, "agrees"),
        (31, Level.WARN, "31 s ahead of"),
        (-3_600, Level.WARN, "3,600 s behind"),
    ],
)
def test_clock_that_is_off_is_a_warning(seconds, level, words):
    """A header tells whole seconds and takes its time; half a minute is something else."""
    finding = clock_finding(NOW_US, now_us=NOW_US + seconds * MICROSECONDS)

    assert level is finding.level
    assert words in finding.seen
