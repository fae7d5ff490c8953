"""What an answer says, however hostile it is."""

import json

import pytest

from etl.api.wire import WITHHELD, decode
from etl.model.exchange import Answer, Envelope, Receipt

TOKEN = "tok-0123456789-secret"  # noqa: S105  made up
ID = "000102030405060708090a0b0c0d0e0f"


@pytest.fixture
def read(message):
    """Return a reader of bodies."""

    def decoded(body, *, status: int = 200, headers=None, **changes) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return decode(status, headers or {}, raw, message=message(**changes), secret=TOKEN)

    return decoded


@pytest.mark.parametrize("error", [None, "", []])
@pytest.mark.parametrize("listed", [None, [], {}, "", [None, 1, "x"]])
def test_empty_error_with_a_message_is_an_acceptance(read, error, listed):
    """No sample shows the answer to a standby message, so every empty form counts."""
    answer = read({"error": error, "message": listed})

    assert answer.envelope is Envelope.ACCEPTANCE
    assert Receipt(platform_id=None, conversation_id=None, bot_replied=False) == answer.receipt


def test_byte_order_mark_is_no_part_of_an_answer(read):
    """Some gateways write one; other encodings than UTF-8 are no JSON between systems (RFC 8259)."""
    accepted = b'{"error": null, "message": []}'

    assert Envelope.ACCEPTANCE is read(b"\xef\xbb\xbf" + accepted).envelope
    assert Envelope.SENSELESS is read(accepted.decode().encode("utf-16")).envelope
    assert Envelope.SENSELESS is read(accepted[:-1] + b', "x": "\xff"}').envelope


def test_receipt_is_read_from_the_documented_form(read):
    """Message and conversation ids are the reference for the platform's support."""
    reply = {
        "bot_module": {"id": 5, "name": "x", "group_colour": None, "kpi_tags": []},
        "connections": {"id_message_evaluate": ID, "reply_to_module_id": 1, "data": []},
        "from": "bot",
        "actions": [],
        "id": 4711,
        "conversation_id": "c-815",
    }

    assert Receipt(platform_id="4711", conversation_id="c-815", bot_replied=False) == (
        read({"error": None, "message": [reply]}).receipt
    )


@pytest.mark.parametrize("listed", [True, False], ids=["list", "object"])
def test_bot_that_replied_is_noticed(read, listed):
    """A reply to a standby message means that the deployment is another one."""
    reply = {"from": "bot", "actions": [{"type": "text", "text": "Hello!"}]}
    receipt = read({"error": None, "message": [reply] if listed else reply}).receipt

    assert receipt is not None
    assert receipt.bot_replied


@pytest.mark.parametrize("echo", ["f" * 32, "", 7, [], {"a": 1}, False, ID.upper()])
@pytest.mark.parametrize("listed", [True, False], ids=["list", "object"])
def test_echo_of_another_message_is_senseless(read, echo, listed):
    """A mixed-up connection must not give one message the fate of another."""
    reply = {"connections": {"id_message_evaluate": echo}}
    answer = read({"error": None, "message": [reply] if listed else reply})

    assert answer.envelope is Envelope.SENSELESS
    assert answer.receipt is None


SENSELESS = {
    "empty": b"",
    "html": b"<html><title>Login</title></html>",
    "cut": b'{"error": null, "message": [',
    "list": b'[{"error": null, "message": []}]',
    "null": b"null",
    "number": b"1",
    "text": b'"ok"',
    "no error": b'{"message": []}',
    "no message": b'{"error": null}',
    "empty object": b"{}",
    "nested brackets": b"[" * 200_000,
    "nested objects": b'{"error":' * 200_000,
    "nested and closed": b'{"error":null,"message":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
    "huge integer": b'{"error": null, "message": [], "n": ' + b"9" * 10_000 + b"}",
    "NaN": b'{"error": NaN, "message": []}',
    "Infinity": b'{"error": null, "message": [Infinity]}',
    "not UTF-8": b'{"error": null, "message": "\xff\xfe"}',
    "NUL bytes": b"\x00" * 100,
    "two values": b'{"error": null, "message": []}{"error": null, "message": []}',
}


@pytest.mark.parametrize("body", SENSELESS.values(), ids=SENSELESS.keys())
def test_anything_else_is_senseless(read, body):
    """Accepted needs everything right; what can't be understood may still have been taken."""
    answer = read(body)

    assert (Envelope.SENSELESS, None, None) == (answer.envelope, answer.receipt, answer.error)


@pytest.mark.parametrize("error", [False, 0, 1, {}, {"code": 7}, ["x"], "no such user", " ", 1.5, 10**400])
def test_any_other_error_is_an_error(read, error):
    """Only null and empty mean none (platform §10.1)."""
    answer = read({"error": error, "message": None})

    assert (Envelope.ERROR, None) == (answer.envelope, answer.receipt)
    assert answer.error is not None


def test_error_text_is_kept_readable(read):
    """It is the person's only hint at what was wrong."""
    assert read({"error": "user_id is too long"}).error == "user_id is too long"
    assert read({"error": {"code": 7}}).error == '{"code": 7}'


def test_error_text_is_one_line_without_controls(read):
    """An answer must not write fake log lines or move the cursor."""
    assert read({"error": "a\r\nb\x1b[31mc\x00d\u202ee\u2028f\x9bg\ud800h"}).error == "a b [31mc d e f g h"


def test_error_text_is_cut(read):
    """The ledger is no place for a page."""
    assert read({"error": "x" * 100_000}).error == "x" * 500


def test_error_text_hides_the_token(read):
    """A server can echo the headers of the request."""
    assert read({"error": f"bad token {TOKEN}!"}).error == "bad token ***!"


@pytest.mark.parametrize("padding", range(1_980, 2_002, 4))
def test_error_text_hides_a_token_on_the_cut(read, padding):
    """A part of a token is a part too much."""
    error = read({"error": " " * padding + TOKEN + " and more"}).error

    assert error is not None
    assert TOKEN[:8] not in error


def test_error_text_hides_a_part_of_the_token(read):
    """Some servers show the beginning of what they refuse."""
    assert read({"error": f"bad token {TOKEN[:12]}..."}).error == WITHHELD


@pytest.mark.parametrize(
    "error",
    [
        "can't store 'My parcel never came.'",
        "near 'parcel never'",
        {"text": "My parcel never came."},
        ["My parcel", "never came."],
        "x" * 1_990 + "never came",
    ],
)
def test_error_that_quotes_the_text_is_withheld(read, error):
    """Nobody's text leaks into the ledger (promise P8)."""
    assert read({"error": error}).error == WITHHELD


def test_error_that_quotes_a_short_text_is_withheld(read):
    """Short texts are texts."""
    assert read({"error": "bad value: Hej!"}, text="Hej!").error == WITHHELD


@pytest.mark.parametrize("field", ["variables", "profile"])
def test_error_that_quotes_a_variable_is_withheld(read, field):
    """An address is personal data wherever it stands; the name of a field is not."""
    values = {field: '{"mail": "someone@example.org", "n": "1"}'}

    assert read({"error": "someone@example.org is no mail"}, **values).error == WITHHELD
    assert read({"error": "mail is wrong 1"}, **values).error == "mail is wrong 1"


def test_error_of_a_long_text_is_read_in_no_time(read):
    """A megabyte of text against a page of error must not stop the other lanes."""
    assert read({"error": "y" * 2_000}, text="x" * 1_000_000).error == "y" * 500


@pytest.mark.parametrize(
    "value",
    [TOKEN, f"x{TOKEN}", "My parcel never came.", "a\nb", "", "x" * 65, None, True, 1.5, [1], "\ud800"],
)
def test_platform_id_that_is_none_is_not_stored(read, value):
    """Whatever a server puts there would go into the ledger."""
    receipt = read({"error": None, "message": [{"id": value, "conversation_id": value}]}).receipt

    assert Receipt(platform_id=None, conversation_id=None, bot_replied=False) == receipt


def test_no_repr_shows_text_token_or_error(read, message):
    """Values end up in tracebacks and logs."""
    planned = message(variables='{"mail": "someone@example.org"}', profile='{"mail": "someone@example.org"}')
    answer = read({"error": "quite private"})

    assert "parcel" not in repr(planned)
    assert "someone" not in repr(planned)
    assert "private" not in repr(answer)
    assert TOKEN not in repr(read({"error": TOKEN})) + str(read({"error": TOKEN}).error)


@pytest.mark.parametrize("status", [100, 200, 204, 400, 429, 500, 599, 999])
def test_envelope_does_not_depend_on_the_status(read, status):
    """What status and envelope mean together is the replay's table."""
    assert read({"error": None, "message": []}, status=status).envelope is Envelope.ACCEPTANCE
    assert status == read(b"", status=status).status


def test_retry_after_is_read_from_the_headers(read):
    """Relative to the answer's own clock."""
    headers = {"retry-after": "Fri, 03 Jun 2022 10:20:30 GMT", "date": "Fri, 03 Jun 2022 10:20:00 GMT"}

    assert read(b"", status=429, headers=headers).retry_after_seconds == 30.0
