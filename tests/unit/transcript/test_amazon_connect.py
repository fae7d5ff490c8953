import json
from datetime import UTC, datetime

import pytest

from etl.transcript.amazon_connect import parse_amazon_connect
from etl.transcript.entry import Flaw
from etl.transcript.moments import written
from unit.transcript.conftest import CONNECT, VOICE

START = datetime(2022, 5, 1, 10, 0, 0, tzinfo=UTC)


def item(**fields):
    """Return a cell with one customer's message, changed."""
    sound = {"AbsoluteTime": "2022-05-01T10:00:00.000Z", "Content": "hi", "ParticipantRole": "CUSTOMER"}
    return json.dumps([sound | fields])


def read(cell, start=None):
    """Return time, speaker and text of all entries."""
    entries = parse_amazon_connect(cell, start)
    assert isinstance(entries, list)
    return [(written(entry.at), entry.speaker.value, entry.text) for entry in entries]


NO_TIME = "item 1: neither `AbsoluteTime` nor a whole `BeginOffsetMillis`"
CHAT = [
    ("2022-05-01T10:00:00.000Z", "system", ""),
    ("2022-05-01T10:00:01.120Z", "system", "You are being connected"),
    ("2022-05-01T10:00:02.500Z", "customer", "My parcel is late"),
    ("2022-05-01T10:00:09.000Z", "system", ""),
    ("2022-05-01T10:00:10.000Z", "agent", "Let me look"),
]


@pytest.mark.parametrize("cell", [CONNECT, json.dumps(json.loads(CONNECT)["Transcript"])])
def test_chat_is_read_bare_or_inside_the_contact(cell):
    """The API gives the list, the stored file an object."""
    assert CHAT == read(cell)


def test_voice_is_placed_from_the_start_of_the_row():
    """Contact Lens knows offsets only; the roles stand in its list of participants."""
    assert [
        ("2022-05-01T10:00:00.000Z", "agent", "Good morning"),
        ("2022-05-01T10:00:01.250Z", "customer", "Hi"),
    ] == read(VOICE, START)


def test_voice_without_a_start_is_refused():
    """Now is never a message's time."""
    expected = "item 1: only offsets, and no ISO time with an offset in the row to count them from"
    assert Flaw(detail=expected) == parse_amazon_connect(VOICE, None)


@pytest.mark.parametrize(
    ("role", "expected"),
    [("SUPERVISOR", "agent"), ("CUSTOM_BOT", "bot"), ("SYSTEM", "system"), ("AGENT", "agent")],
)
def test_role_is_told_by_the_participant_s(role, expected):
    """Flow prompts come as SYSTEM, and the job decides what becomes of them."""
    assert expected == read(item(ParticipantRole=role, Type="MESSAGE"))[0][1]


def test_participants_of_unknown_roles_are_nobody():
    """A list that tells nothing must not hide the plain ids."""
    people = [
        1,
        {"ParticipantId": 2, "ParticipantRole": "AGENT"},
        {"ParticipantId": "p", "ParticipantRole": []},
        {"ParticipantId": "q", "ParticipantRole": "GHOST"},
    ]
    spoken = {"AbsoluteTime": "2022-05-01T10:00:00Z", "Content": "hi", "ParticipantId": "q"}
    cell = json.dumps({"Participants": people, "Transcript": [spoken]})
    assert Flaw(detail="item 1: no known `ParticipantRole`") == parse_amazon_connect(cell, None)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("{", "no JSON: Expecting property name enclosed in double quotes at character 2"),
        ("{}", "no list of items, and no object with the list `Transcript`"),
        ('"x"', "no list of items, and no object with the list `Transcript`"),
        ("[7]", "item 1: no object"),
        (item(AbsoluteTime="10:00"), "item 1: an `AbsoluteTime` that is no ISO 8601 with an offset"),
        (item(AbsoluteTime=None), NO_TIME),
        (item(AbsoluteTime=None, BeginOffsetMillis=-1), NO_TIME),
        (item(AbsoluteTime=None, BeginOffsetMillis=True), NO_TIME),
        (
            item(AbsoluteTime=None, BeginOffsetMillis=10**30),
            "item 1: a `BeginOffsetMillis` beyond any calendar",
        ),
        (item(Content=None), "item 1: a message whose `Content` is no text"),
        (item(ParticipantRole=None), "item 1: no known `ParticipantRole`"),
        (item(ParticipantRole=["AGENT"]), "item 1: no known `ParticipantRole`"),
    ],
)
def test_what_is_not_the_form_is_refused(cell, expected):
    """A time or a speaker that is not stated is not made up."""
    assert Flaw(detail=expected) == parse_amazon_connect(cell, START)
