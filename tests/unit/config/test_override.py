"""The command line's words on pace."""

from pathlib import Path
from typing import Any

import pytest

from etl.config.load import JobFile, parse_job
from etl.config.override import with_pace
from etl.errors import UsageError
from etl.model.rate import Rate


def paced(before: JobFile, **words: Any) -> JobFile:
    """Return a job with those words of the command line."""
    given: Any = {"rate": None, "share": None, "window": None, "timezone": None, **words}
    return with_pace(before, **given)


def job_file(**replay: object) -> JobFile:
    """Return a job with those settings of pace."""
    data = {
        "source": "test",
        "target": {"deployment_id": "d"},
        "columns": {"text": "t", "timestamp": "at", "user": "u", "role": "r"},
        "roles": {"customer": ["c"]},
        "replay": replay,
    }
    return JobFile(path=Path("job.toml"), job=parse_job(data, name="job"))


def test_job_stays_as_it_is_without_words():
    """Whatever it says."""
    before = job_file(rate_per_minute=90, lanes=7, window="22:00-06:00", timezone="UTC")

    assert before == paced(before)


@pytest.mark.parametrize("replay", [{}, {"rate_per_second": 9.0}, {"rate_per_minute": 9.0}])
@pytest.mark.parametrize("rate", [Rate(amount=5.0), Rate.per_minute(30.0)])
def test_rate_replaces_the_jobs_in_either_unit(replay, rate):
    """One rate counts, not two."""
    job = paced(job_file(lanes=7, **replay), rate=rate).job

    assert rate == job.replay.rate
    assert 7 == job.replay.lanes


def test_share_is_taken_of_the_jobs_rate():
    """In its unit."""
    job = paced(job_file(rate_per_minute=120), share=0.75).job

    assert Rate.per_minute(90.0) == job.replay.rate


def test_window_takes_the_jobs_timezone():
    """Tonight's hours are other ones, the place is the same."""
    before = job_file(window="22:00-06:00", timezone="Asia/Tokyo")

    hours = paced(before, window="20:00-07:00").job.replay.hours
    assert "20:00-07:00 Asia/Tokyo" == str(hours)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ({"window": "22:00-06:00"}, "timezone is needed with window"),
        ({"timezone": "UTC"}, "window is needed with timezone"),
        ({"window": "late", "timezone": "UTC"}, "window is no window such as 22:00-06:00"),
        ({"window": "22:00-06:00", "timezone": "Mars"}, "timezone is no IANA time zone"),
    ],
)
def test_words_that_make_no_sense_are_refused(words, complaint):
    """By the rules of the job file."""
    with pytest.raises(UsageError, match=complaint):
        paced(job_file(), **words)
