"""The documented request and the answers, as strict models; pure.

The models are both the check and the published OpenAPI schema, so the two can't differ. Each field's
description completes the sentence that begins with the field's name, and that sentence is the whole
error: pydantic's own messages are never shown, since they may quote what was sent.

JSON is read by the standard library, not by pydantic: a repeated key, NaN, and a number beyond a double
are refused here, and pydantic's reader lets them pass.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

MAX_BODY_BYTES: Final = 1_048_576
"""Larger bodies are refused with 413."""

_NO_MODULE: Final = 'must be "": a Module id would wake the bot'
_SHOWABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a body breaks the contract."""

    sentence: str
    """Names the field; never quotes a value."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


VariableName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]


class Action(_Strict):
    """What was typed: `standby` is recorded and the bot says nothing, `text` it answers."""

    type: Literal["standby", "text"] = Field(description='must be "standby" or "text"')
    text: str = Field(min_length=1, description="must be a string that is not empty")


class SendMessage(_Strict):
    """The body of a request: exactly these nine keys."""

    sender: Literal["human"] = Field(alias="from", description='must be "human"')
    user_profile: dict[str, Any] = Field(description="must be an object")
    ref: str = Field(description=_NO_MODULE)
    user_cvars: dict[VariableName, str] = Field(
        description="must be an object of strings whose names match ^[A-Za-z][A-Za-z0-9_]*$",
        json_schema_extra={"additionalProperties": False},
    )
    user_id: str = Field(
        min_length=1,
        max_length=255,
        description="must be a string of 1 to 255 characters",
    )
    timestamp: int = Field(
        ge=1_000_000_000,
        le=9_999_999_999,
        description="must be an integer of exactly 10 digits: Unix time in seconds",
    )
    attachments: list[Any] = Field(max_length=0, description="must be []: there are no attachments")
    id: str = Field(min_length=1, max_length=255, description="must be a string of 1 to 255 characters")
    actions: list[Action] = Field(
        min_length=1,
        max_length=1,
        description="must be a list of exactly one object with `type` and `text`",
    )

    @property
    def text(self) -> str:
        """Return the text to record."""
        return self.actions[0].text

    @property
    def standby(self) -> bool:
        """Return whether the bot is to say nothing."""
        return self.actions[0].type == "standby"


class Connections(BaseModel):
    """The part of a reply that repeats the request's id."""

    id_message_evaluate: str
    reply_to_module_id: None = None
    data: tuple[()] = ()


class Said(BaseModel):
    """What the bot says to a `text`."""

    type: Literal["text"] = "text"
    text: str = "This is the sandbox's bot: it says the same to everything."


class Reply(BaseModel):
    """A reply of the bot; to a standby message it says nothing, and `actions` is empty."""

    model_config = ConfigDict(validate_by_name=True)

    sender: Literal["bot"] = Field(default="bot", alias="from")
    id: int
    conversation_id: int
    bot_module: None = None
    connections: Connections
    actions: tuple[Said, ...] = ()


class Success(BaseModel):
    """The answer to a recorded message, in the shape of the documented sample."""

    error: None = None
    message: tuple[Reply]

    @classmethod
    def of(cls, *, request_id: str, platform_id: int, conversation_id: int, standby: bool = True) -> Self:
        """Return the answer to one recorded message."""
        reply = Reply(
            id=platform_id,
            conversation_id=conversation_id,
            connections=Connections(id_message_evaluate=request_id),
            actions=() if standby else (Said(),),
        )
        return cls(message=(reply,))


class Failure(BaseModel):
    """The answer to anything else: one sentence."""

    error: str
    message: None = None


def check(body: bytes) -> SendMessage | Problem:
    """Return the request that a body holds, or the first thing that is wrong with it."""
    try:
        message = SendMessage.model_validate(_parsed(body))
    except _UnreadableError as error:
        return Problem(sentence=error.sentence)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        return Problem(sentence=_sentence(details[0]))
    if message.standby and message.ref:
        return Problem(sentence=f"`ref` {_NO_MODULE}")
    return message


def request_schema() -> dict[str, Any]:
    """Return the JSON schema of the request's body, without references, for the OpenAPI document."""
    schema = SendMessage.model_json_schema(by_alias=True)
    schema["properties"]["actions"]["items"] = schema.pop("$defs")["Action"]
    return schema


class _UnreadableError(Exception):
    """The body holds no value at all; not a ValueError, or it would pass for one of the JSON reader's."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def _parsed(body: bytes) -> object:
    try:
        value: object = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        if _encodable(value):
            return value
    except UnicodeDecodeError as error:
        raise _UnreadableError("the body is not UTF-8") from error
    except RecursionError as error:
        raise _UnreadableError("the body is nested too deeply") from error
    except ValueError as error:
        raise _UnreadableError("the body is not JSON") from error
    parts = value.items() if isinstance(value, dict) else ()
    where = next((_shown(key) for key, part in parts if not _encodable(part)), "the body")
    raise _UnreadableError(f"{where} holds half of a surrogate pair, which is no character")


def _encodable(value: object) -> bool:
    # JSON can spell half of a surrogate pair; UTF-8, and so the store, can't.
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _UnreadableError(f"{_shown(twice)} is given twice")
    return found


def _no_constant(_: str) -> object:
    raise ValueError


def _finite(literal: str) -> float:
    value = float(literal)
    if not math.isfinite(value):
        raise ValueError
    return value


def _rules(fields: dict[str, FieldInfo]) -> dict[str, str]:
    return {field.alias or name: field.description or "" for name, field in fields.items()}


_BODY_RULES = _rules(SendMessage.model_fields)
_ACTION_RULES = _rules(Action.model_fields)


def _sentence(error: ErrorDetails) -> str:
    match error["loc"]:
        case ("actions", 0, str(name)):
            where, rule = _shown(name, prefix="actions[0]."), _ACTION_RULES.get(name)
        case (str(name), *_):
            where, rule = _shown(name), _BODY_RULES.get(name)
        case _:
            return "the body must be a JSON object"
    if error["type"] == "missing":
        return f"{where} is missing"
    if rule is None:
        return f"{where} is not a key of the contract"
    return f"{where} {rule}"


def _shown(name: str, *, prefix: str = "") -> str:
    # A misplaced key may hold anything, somebody's words too: only what looks like a name is repeated.
    return f"`{prefix}{name}`" if _SHOWABLE.fullmatch(name) else "a key"
