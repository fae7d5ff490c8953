"""What goes over the wire, byte for byte."""

import json

import pytest

from etl.api.wire import encode, spoken_text
from etl.config.sending import Message
from etl.model.schemas import Role


def test_body_is_exactly_this(message):
    """All nine documented fields, compact, the time cut to whole seconds (platform §10.1)."""
    body = encode(message(), Message())

    assert body == (
        b'{"from":"human","user_profile":{},"ref":"","user_cvars":{},"user_id":"user-1",'
        b'"timestamp":1654251574,"attachments":[],"id":"000102030405060708090a0b0c0d0e0f",'
        b'"actions":[{"type":"standby","text":"My parcel never came."}]}'
    )


def test_body_carries_profile_and_variables(message):
    """They are part of the history where the job maps them."""
    body = encode(message(profile='{"plan": "gold"}', variables='{"shop": "Århus"}'), Message())

    assert b'"user_profile":{"plan":"gold"}' in body
    assert '"user_cvars":{"shop":"Århus"}'.encode() in body


@pytest.mark.parametrize(
    "text", ["Tak for hjælpen 🙏", '"quoted"\n\\ and \u2028', "{{ variable }} [[ x ]]", "א\u202eb"]
)
def test_text_survives_unchanged(message, text):
    """As UTF-8, not as escapes; JSON brings back what went in."""
    body = encode(message(text=text), Message())

    assert text == json.loads(body)["actions"][0]["text"]
    assert b"\\u" not in body


@pytest.mark.parametrize(("at_us", "seconds"), [(1_000_000, 1), (1_999_999, 1), (2_000_000, 2)])
def test_timestamp_is_floored(message, at_us, seconds):
    """Rounding up would let a message seem later than it was."""
    assert seconds == json.loads(encode(message(at_us=at_us), Message()))["timestamp"]


@pytest.mark.parametrize(
    ("speaker", "agent"),
    [
        ("prefix", "Agent: Hi"),
        ("both", "Agent: Hi"),
        ("plain", "Hi"),
        ("variables", "Hi"),
        ("customers-only", "Hi"),
    ],
)
def test_agents_are_marked_as_the_job_says(speaker, agent):
    """No documented field tells an agent from a customer."""
    assert agent == spoken_text(Role.AGENT, "Hi", Message(speaker=speaker))
    assert spoken_text(Role.CUSTOMER, "Hi", Message(speaker=speaker)) == "Hi"


def test_bots_have_a_prefix_of_their_own(message):
    """Both prefixes are settings."""
    settings = Message(agent_prefix="A> ", bot_prefix="B> ")

    assert spoken_text(Role.BOT, "Hi", settings) == "B> Hi"
    assert json.loads(encode(message(role=Role.AGENT, text="Hi"), settings))["actions"][0]["text"] == "A> Hi"


@pytest.mark.parametrize(
    "text",
    ['say "hi" \\ and \\" twice', "tab\tline\nreturn\rbell\x07nul\x00", "\u2028 æ 漢 😀 \x7f", "100 %s %d %"],
    ids=["quotes", "controls", "beyond ASCII", "percents"],
)
def test_body_is_what_an_encoder_of_json_writes(message, text):
    """It is written out by hand for speed, which nobody may notice."""
    planned = message(
        text=text, lane=text, profile=json.dumps({"name": text}), variables=json.dumps({"v": text})
    )
    body = encode(planned, Message())

    assert json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":")).encode() == body
    assert [text] * 4 == [
        json.loads(body)["actions"][0]["text"],
        json.loads(body)["user_id"],
        json.loads(body)["user_profile"]["name"],
        json.loads(body)["user_cvars"]["v"],
    ]
