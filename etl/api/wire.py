"""What goes over the wire (platform §10.1) and what comes back. Pure."""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from json.encoder import encode_basestring
from typing import Any, Final, assert_never

import orjson

from etl.clock import MICROSECONDS
from etl.config.sending import Message
from etl.model.exchange import Answer, Envelope, Receipt
from etl.model.plan import PlannedMessage
from etl.model.schemas import Role

_ERROR_CHARACTERS: Final = 500
_QUOTE_CHARACTERS: Final = 8
"""An error text that shares so many characters in a row with the message is taken to quote it."""

_TELLING_CHARACTERS: Final = 4
"""Shorter values of variables are no personal data worth losing an error text for."""

_LONGEST_PAUSE_SECONDS: Final = 366 * 86_400.0
"""A longer `Retry-After` is a mistake, as a point in time where seconds belong."""

_ID_TYPES: Final = (int, str)

_PLATFORM_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

# Made once: json.dumps and json.loads make a new one for each call with settings of its own.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

# Written out, because an encoder takes longer for it than the network does.
_BODY: Final = (
    '{"from":"human","user_profile":%s,"ref":"","user_cvars":%s,"user_id":%s,"timestamp":%d,"attachments":[],'
    '"id":"%s","actions":[{"type":"standby","text":%s}]}'
)

WITHHELD: Final = "(the API's error text quotes the message and is withheld)"


def encode(message: PlannedMessage, settings: Message) -> bytes:
    """Return the request's body: all nine documented fields, always `standby`, never a Module (`ref`)."""
    body = _BODY % (
        _ENCODER.encode(json.loads(message.profile)) if message.profile else "{}",
        _ENCODER.encode(json.loads(message.variables)) if message.variables else "{}",
        encode_basestring(message.lane),
        message.at_us // MICROSECONDS,
        message.key.hex(),
        encode_basestring(spoken_text(message.role, message.text, settings)),
    )
    return body.encode()


def spoken_text(role: Role, text: str, settings: Message) -> str:
    """Return the text as it will be shown: agents' and bots' with their prefix, if the job says so."""
    if settings.speaker not in {"prefix", "both"}:
        return text
    match role:
        case Role.AGENT:
            return settings.agent_prefix + text
        case Role.BOT:
            return settings.bot_prefix + text
        case Role.CUSTOMER:
            return text
        case _:
            assert_never(role)


def decode(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    message: PlannedMessage,
    secret: str,
) -> Answer:
    """Return what a complete answer says.

    `headers` has lower-case names. Nothing in an answer makes this raise.
    """
    data = _parse(body)
    asked = headers.get("retry-after")
    retry_after_seconds = None if asked is None else read_retry_after(asked, headers.get("date"))
    error = data.get("error") if isinstance(data, dict) else None
    if error not in (None, "", []):
        return Answer(
            status=status,
            envelope=Envelope.ERROR,
            receipt=None,
            error=_clean(error, message=message, secret=secret),
            retry_after_seconds=retry_after_seconds,
        )
    receipt = _receipt(data, message, secret) if isinstance(data, dict) else None
    envelope = Envelope.ACCEPTANCE if receipt else Envelope.SENSELESS
    return Answer(status, envelope, receipt, None, retry_after_seconds)


def read_retry_after(value: str | None, date: str | None) -> float | None:
    """Return `Retry-After` in seconds: a number, or a date relative to the answer's own `Date` (RFC 9110).

    None when it is absent, can't be read, or is longer than a year.
    """
    if value is None:
        return None
    seconds = _seconds(value.strip(), date or "")
    return seconds if seconds is not None and seconds <= _LONGEST_PAUSE_SECONDS else None


def _seconds(value: str, date: str) -> float | None:
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", value):
        return float(value)
    try:
        return (parsedate_to_datetime(value) - parsedate_to_datetime(date)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None


def _parse(body: bytes) -> Any:  # noqa: ANN401  an answer can be any JSON value
    try:
        return orjson.loads(body)
    except ValueError:
        pass  # it is stricter than JSON: a byte order mark, half of a surrogate pair, deep nesting
    try:
        return _DECODER.decode(body.removeprefix(BOM_UTF8).decode())
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def _receipt(data: dict[str, Any], message: PlannedMessage, secret: str) -> Receipt | None:
    if "error" not in data or "message" not in data:
        return None
    listed = data["message"] if isinstance(data["message"], list) else [data["message"]]
    platform_id, conversation_id, bot_replied = None, None, False
    for item in listed:
        if not isinstance(item, dict):
            continue
        connections = item.get("connections")
        echo = connections.get("id_message_evaluate") if isinstance(connections, dict) else None
        if echo is not None and echo != message.key.hex():
            return None
        platform_id = platform_id or _shown_id(item.get("id"), secret)
        conversation_id = conversation_id or _shown_id(item.get("conversation_id"), secret)
        bot_replied = bot_replied or bool(item.get("from") == "bot" and item.get("actions"))
    return Receipt(platform_id, conversation_id, bot_replied)


def _shown_id(value: object, secret: str) -> str | None:
    """Return a value that looks like an id; it is stored, so nothing else passes."""
    if not isinstance(value, _ID_TYPES) or isinstance(value, bool):
        return None
    shown = str(value)
    return shown if _PLATFORM_ID.fullmatch(shown) and secret not in shown else None


def _clean(error: object, *, message: PlannedMessage, secret: str) -> str:
    """Return an error text that is safe to store: one line, no secret, nothing of the message."""
    text = error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)
    text = text.replace(secret, "***")[: 4 * _ERROR_CHARACTERS]
    if _quotes(text, secret) or any(_quotes(text, original) for original in _private(message)):
        return WITHHELD
    visible = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(visible.split())[:_ERROR_CHARACTERS]


def _private(message: PlannedMessage) -> Iterator[str]:
    yield message.text
    for values in (message.variables, message.profile):
        for value in json.loads(values).values() if values else ():
            if len(str(value)) >= _TELLING_CHARACTERS:
                yield str(value)


def _quotes(text: str, original: str) -> bool:
    """Return whether they share a run of characters; takes time by the longer one, not the product."""
    width = min(_QUOTE_CHARACTERS, len(original.strip()))
    shown = {text[start : start + width] for start in range(len(text) - width + 1)}
    return any(original[start : start + width] in shown for start in range(len(original) - width + 1))
