"""The request's contract, without a server."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.sandbox.body import Problem
from etl.sandbox.contract import SendMessage, Success, check, request_schema
from support.sandbox import TEXT, sound


def body(**changes: Any) -> bytes:
    """Return a sound body with some values replaced."""
    return json.dumps(sound(**changes)).encode()


def test_check_returns_what_a_sound_body_says():
    """The store takes its values from here."""
    message = check(body(user_cvars={"role": "agent"}, user_profile={"plan": {"seats": 2.5}}))

    assert isinstance(message, SendMessage)
    assert TEXT == message.text
    assert "u-1" == message.user_id
    assert {"role": "agent"} == message.user_cvars
    assert {"plan": {"seats": 2.5}} == message.user_profile


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (b"", "the body is not JSON"),
        (b"{", "the body is not JSON"),
        (b"\xef\xbb\xbf{}", "the body is not JSON"),
        (b'{"a": NaN}', "the body is not JSON"),
        (b'{"a": -Infinity}', "the body is not JSON"),
        (b'{"a": 1e999}', "the body is not JSON"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "the body is not JSON"),
        (b'{"a": "\xff"}', "the body is not UTF-8"),
        (b"[" * 100_000, "the body is nested too deeply"),
        (b'{"id": "a", "id": "b"}', "`id` is given twice"),
        (b'{"my secret": 1, "my secret": 2}', "a key is given twice"),
        (b'{"user_profile": {"a": 1, "a": 1}}', "`a` is given twice"),
        (b"[]", "the body must be a JSON object"),
        (b"null", "the body must be a JSON object"),
        (b'"text"', "the body must be a JSON object"),
    ],
)
def test_check_says_why_bytes_are_no_json_object(given, sentence):
    """JSON readers disagree on all of these; a stand-in that takes them would hide a client's fault."""
    assert Problem(sentence=sentence) == check(given)


@pytest.mark.parametrize("field", ["user_id", "id", "user_profile", "user_cvars", "actions"])
def test_check_refuses_a_lone_surrogate_in_any_field(field):
    """No UTF-8 holds it, so neither would the store."""
    values = {
        "user_id": "\ud800",
        "id": "\ud800",
        "user_profile": {"a": ["\ud800"]},
        "user_cvars": {"a": "\ud800"},
        "actions": [{"type": "standby", "text": "\ud800"}],
    }
    sentence = f"`{field}` holds half of a surrogate pair, which is no character"
    assert Problem(sentence=sentence) == check(body(**{field: values[field]}))


@pytest.mark.parametrize("given", [b'{"\\ud800": 1}', b'["\\udfff"]'])
def test_check_refuses_a_lone_surrogate_outside_any_field(given):
    """A key can hold one too."""
    sentence = "the body holds half of a surrogate pair, which is no character"
    assert Problem(sentence=sentence) == check(given)


def test_check_counts_characters_and_not_bytes():
    """255 emoji are 1,020 bytes and still 255 characters."""
    assert isinstance(check(body(user_id="😀" * 255)), SendMessage)
    assert isinstance(check(body(user_id="😀" * 256)), Problem)


def test_check_keeps_a_text_as_it_was_sent():
    """White space, NUL and line ends are the sender's; the stand-in must not heal them."""
    message = check(body(actions=[{"type": "standby", "text": " a\r\n\x00\u2028b "}]))

    assert isinstance(message, SendMessage)
    assert " a\r\n\x00\u2028b " == message.text


@given(
    key=st.sampled_from(["from", "ref", "user_id", "timestamp", "attachments", "id", "actions", TEXT]),
    value=st.sampled_from([TEXT, [TEXT], {TEXT: TEXT}, [{"type": TEXT, "text": TEXT}]]),
)
def test_check_never_repeats_what_was_sent(key, value):
    """Errors end up in logs, and texts must not."""
    verdict = check(body(**{key: value}))

    assert isinstance(verdict, SendMessage) or TEXT not in verdict.sentence


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5)
)
def test_check_never_raises(value):
    """Anything may arrive at an open port."""
    names = [
        "from",
        "user_profile",
        "ref",
        "user_cvars",
        "user_id",
        "timestamp",
        "attachments",
        "id",
        "actions",
    ]
    for name in names:
        verdict = check(body(**{name: value}))
        assert isinstance(verdict, SendMessage | Problem)


def test_request_schema_needs_no_other_part_of_the_document():
    """It is embedded in the OpenAPI document, where a reference would point nowhere."""
    schema = request_schema()

    assert "$ref" not in json.dumps(schema)
    assert schema["additionalProperties"] is False
    assert ["standby", "text"] == schema["properties"]["actions"]["items"]["properties"]["type"]["enum"]


def test_success_has_the_shape_of_the_documented_sample():
    """A client finds the conversation and its own id, and sees that the bot said nothing."""
    answer = Success.of(request_id="m-1", platform_id=7, conversation_id=3)

    assert {
        "error": None,
        "message": [
            {
                "from": "bot",
                "id": 7,
                "conversation_id": 3,
                "bot_module": None,
                "connections": {"id_message_evaluate": "m-1", "reply_to_module_id": None, "data": []},
                "actions": [],
            },
        ],
    } == json.loads(answer.model_dump_json(by_alias=True))


def test_text_may_name_a_module_and_is_answered():
    """What wakes a bot on the platform wakes the stand-in's; a standby message never does."""
    spoken = check(body(ref="12", actions=[{"type": "text", "text": TEXT}]))
    refused = check(body(ref="12"))
    answer = Success.of(request_id="m-1", platform_id=7, conversation_id=3, standby=False)

    assert isinstance(spoken, SendMessage)
    assert not spoken.standby
    assert Problem(sentence='`ref` must be "": a Module id would wake the bot') == refused
    assert answer.message is not None
    (said,) = answer.message[0].actions
    assert "text" == said.type
    assert TEXT not in said.text
