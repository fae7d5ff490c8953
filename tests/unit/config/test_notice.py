"""Whom a job may tell of its end."""

import pytest
from pydantic import ValidationError

from etl.config.notice import Metrics, Notify


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"webhook": "http://hooks.example.com/x"}, "plain http is for loopback only"),
        ({"webhook": "ftp://hooks.example.com/x"}, "https"),
        ({"webhook": "hooks.example.com"}, "https"),
        ({"webhook": "https://user:pw@hooks.example.com/x"}, "password"),
        ({"webhook": "https://hooks.example.com:99999/"}, "Port"),
        ({"command": ("", "x")}, "name of a program"),
        ({"command": "mail me"}, "tuple"),
        ({"on": "never"}, "'always' or 'problem'"),
    ],
)
def test_unusable_address_or_program_is_refused(settings, words):
    """A summary that goes to the wrong place, or in the clear, is found out at the start, not at night."""
    with pytest.raises(ValidationError, match=words):
        Notify.model_validate(settings)


@pytest.mark.parametrize(
    "webhook", ["https://hooks.example.com/a?b=c", "http://127.0.0.1:9/x", "http://localhost"]
)
def test_https_and_loopback_are_taken(webhook):
    """Many services put a secret into the query."""
    assert webhook == Notify(webhook=webhook).webhook


def test_textfile_must_be_one_that_the_collector_reads():
    """It passes by every other name in silence."""
    with pytest.raises(ValidationError, match=r"\.prom"):
        Metrics.model_validate_json('{"textfile": "metrics.txt"}')
