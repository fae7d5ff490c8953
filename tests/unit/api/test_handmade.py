"""What a message by hand looks like, and what a bot said to it."""

import json

import pytest

from etl.api.handmade import HandMessage, body_of, replies_of

SECRET = "chat-api-token"  # noqa: S105  a made-up one


def message(**changes):
    """Return a message by hand."""
    parts = {"id": b"\1" * 16, "user_id": "try-1", "text": "hello", "at_us": 1_700_000_000_999_999}
    return HandMessage(**{**parts, "wakes_bot": False, **changes})


def test_standby_has_all_nine_keys_and_wakes_nobody():
    """Superset of every stored version of the contract."""
    assert {
        "from": "human",
        "user_profile": {},
        "ref": "",
        "user_cvars": {},
        "user_id": "try-1",
        "timestamp": 1_700_000_000,
        "attachments": [],
        "id": "01" * 16,
        "actions": [{"type": "standby", "text": "hello"}],
    } == body_of(message())


def test_text_carries_what_was_asked_for():
    """The endpoint in full, for trying a deployment."""
    body = body_of(message(wakes_bot=True, ref="12", profile={"country": "DK"}, variables={"a": "b"}))

    assert [{"type": "text", "text": "hello"}] == body["actions"]
    assert ("12", {"country": "DK"}, {"a": "b"}) == (body["ref"], body["user_profile"], body["user_cvars"])


def test_repr_shows_no_text():
    """It could end in a traceback."""
    assert "hello" not in repr(message(profile={"a": "hello"}, variables={"b": "hello"}))


@pytest.mark.parametrize(
    ("body", "replies"),
    [
        ({"message": [{"actions": [{"type": "text", "text": "a"}, {"type": "image"}]}]}, ("a", "[image]")),
        ({"message": {"actions": [{"type": "text", "text": "a"}]}}, ("a",)),
        ({"message": [{"actions": [{"text": 7}]}]}, ("[something without a type]",)),
        ({"message": [{"actions": [{"text": f"x{SECRET}x"}]}]}, ("x***x",)),
        ({"message": [{"actions": []}, {"actions": None}, 3]}, ()),
        ({"message": None}, ()),
        ([], ()),
        ("text", ()),
    ],
)
def test_replies_are_read_from_whatever_comes(body, replies):
    """The answer's nesting is not documented; nothing in it may break the command or show the token."""
    assert replies == replies_of(json.dumps(body).encode(), secret=SECRET)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_unreadable_answer_holds_no_replies(body):
    """HTML, cut and hostile bodies."""
    assert () == replies_of(body, secret=SECRET)
