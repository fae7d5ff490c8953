import json

import pytest

from etl.transcript.entry import Flaw, Speaker
from etl.transcript.moments import written
from etl.transcript.zendesk_chat import parse_zendesk_chat
from unit.transcript.conftest import ZENDESK

AT = "2021-03-02T09:00:00Z"


def event(**fields):
    """Return a cell with one visitor's message, changed."""
    sound = {"type": "chat.msg", "nick": "visitor", "msg": "hi", "timestamp": AT}
    return json.dumps([sound | fields])


def read(cell):
    """Return time, speaker and text of all entries."""
    entries = parse_zendesk_chat(cell, None)
    assert isinstance(entries, list)
    return [(written(entry.at), entry.speaker.value, entry.text) for entry in entries]


NOT_STRICT = "no strict JSON: a key twice in one object, a NaN, or a number of endless digits"
HISTORY = [
    ("2021-03-02T09:00:00.000Z", "system", ""),
    ("2021-03-02T09:00:04.000Z", "customer", "Is it open?"),
    ("2021-03-02T09:00:05.000Z", "bot", "One moment"),
    ("2021-03-02T09:01:00.250Z", "agent", "It is \U0001f642"),
]


@pytest.mark.parametrize("cell", [ZENDESK, f'{{"type": "chat", "history": {ZENDESK}}}'])
def test_history_is_read_bare_or_inside_the_chat(cell):
    """Warehouses store the array, scripts often the whole chat."""
    assert HISTORY == read(cell)


@pytest.mark.parametrize(
    ("nick", "sender", "expected"),
    [
        ("visitor", None, "customer"), ("visitor:9", "Agent", "customer"), ("agent:9", "Agent", "agent"),
        ("agent:", None, "agent"), ("agent:9", "Answer Bot", "bot"), ("agent:trigger", None, "bot"),
        ("agent:trigger:3", None, "bot"), ("__trigger", None, "bot"), ("bot:1", None, "bot"),
        ("agent:system", None, "system"), ("__system", None, "system"),
        (None, "Visitor", "customer"), ("someone", "agent", "agent"), (5, "trigger", "bot"),
    ],
)  # fmt: skip
def test_role_is_told_by_nick_then_by_type(nick, sender, expected):
    """A bot in an agent's seat has an agent's nick, so there the type decides."""
    assert expected == read(event(nick=nick, sender_type=sender))[0][1]


def test_only_messages_are_messages():
    """Ratings and comments carry words that nobody said in the chat."""
    assert [("2021-03-02T09:00:00.000Z", "system", "great")] == read(event(type="chat.comment", msg="great"))


def test_offline_message_is_the_customer_s():
    """It has no history, only the one message."""
    cell = json.dumps({"type": "offline_msg", "message": "Call me", "timestamp": AT, "history": []})
    assert [("2021-03-02T09:00:00.000Z", "customer", "Call me")] == read(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", "no JSON: Expecting value at character 1"),
        ("[{'type': 1}]", "no JSON: Expecting property name enclosed in double quotes at character 3"),
        ("{}", "no list of events, and no object with the list `history`"),
        ("7", "no list of events, and no object with the list `history`"),
        ("[7]", "event 1: no object with a `type`"),
        (event(type=None), "event 1: no object with a `type`"),
        (event(timestamp="2021-03-02T09:00:00"), "event 1: no `timestamp` in ISO 8601 with an offset"),
        (event(msg=None), "event 1: a message whose `msg` is no text"),
        (event(msg="\ud800"), "event 1: a message whose `msg` is no text"),
        (event(nick="x"), "event 1: neither `nick` nor `sender_type` says who wrote it"),
        (event(nick="visitors"), "event 1: neither `nick` nor `sender_type` says who wrote it"),
        (
            json.dumps({"type": "offline_msg", "message": "x"}),
            "an offline message without a `timestamp` in ISO 8601 with an offset",
        ),
        (
            json.dumps({"type": "offline_msg", "timestamp": AT}),
            "an offline message whose `message` is no text",
        ),
        ('[{"type": "chat.msg", "type": "x"}]', NOT_STRICT),
        ("[NaN]", NOT_STRICT),
        ("9" * 5_000, NOT_STRICT),
        ("[" * 100_000, "JSON that is nested too deeply"),
    ],
)
def test_what_is_not_the_form_is_refused(cell, expected):
    """A message of nobody known might be anybody's, and a reason holds nothing of the text."""
    assert Flaw(detail=expected) == parse_zendesk_chat(cell, None)


def test_speakers_are_the_closed_list():
    """`[roles]` of a job can name no others."""
    assert {"customer", "agent", "bot", "system"} == {speaker.value for speaker in Speaker}
