"""What a person may send by hand."""

import pytest

from etl.config.load import parse_job
from etl.errors import UsageError
from etl.pipeline.handmade import hand_message, instant

JOB = parse_job(
    {
        "source": "test",
        "target": {"deployment_id": "d"},
        "columns": {"text": "t", "timestamp": "at", "user": "u", "role": "r"},
        "roles": {"customer": ["c"]},
        "text": {"max_characters": 20},
    },
    name="job",
)
NOW_US = 1_790_000_000_000_000


def message(**changes):
    """Return a message made of sound words with some changed."""
    words = {"user": "try-1", "text": "hej\n\tdu", "at": None, "wakes_bot": False}
    return hand_message(JOB, **{**words, **changes})


def test_text_is_sent_as_it_is():
    """No prefix, no cleaning: what was typed is what is tried."""
    made = message(profile=["country=D=K"])

    assert ("try-1", "hej\n\tdu", {"country": "D=K"}, {}) == (
        made.user_id,
        made.text,
        made.profile,
        made.variables,
    )


def test_every_message_has_an_id_of_its_own():
    """Two tries are two messages; a plan's keys are digests and never meet them."""
    assert 16 == len(message().id)
    assert message().id != message().id


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"user": ""}, "--user"),
        ({"user": "x" * 256}, "255 characters"),
        ({"user": "a\nb"}, "control character"),
        ({"text": " \n"}, "no text"),
        ({"text": "x" * 21}, "21 characters"),
        ({"text": "a\x1b[2J"}, "control characters"),
        ({"text": "a\udc80"}, "UTF-8"),
        ({"ref": "12"}, "wakes the bot"),
        ({"profile": ["country"]}, "--profile must be NAME=VALUE"),
        ({"variables": ["1x=a"]}, "--variable: a variable's name begins with a letter"),
        ({"variables": ["certainly=a"]}, "reserved"),
        ({"at": "yesterday"}, "--at is no time"),
    ],
)
def test_what_can_not_be_sent_is_refused_in_words(changes, words):
    """Before anything is recorded or sent."""
    with pytest.raises(UsageError, match=words):
        message(**changes)


@pytest.mark.parametrize(
    "value",
    ["2024-05-01T10:00:00Z", "2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00.9+00:00", "1714557600"],
)
def test_times_are_instants(value):
    """Seconds are all that the API takes."""
    assert 1_714_557_600_000_000 == instant(value, now_us=NOW_US)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2024-05-01T10:00:00", "no offset"),
        ("2024-05-01", "no offset"),
        ("0999999999", "between 2001-09-09 and now"),
        ("1790000001", "between 2001-09-09 and now"),
        ("17145576000", "no time"),
        ("", "no time"),
    ],
)
def test_times_that_could_mean_two_things_are_refused(value, words):
    """No guess, as everywhere; and nothing that the API would not take."""
    with pytest.raises(UsageError, match=words):
        instant(value, now_us=NOW_US)
