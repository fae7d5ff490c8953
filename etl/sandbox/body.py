"""Request bodies: read strictly, checked by a model, refused with one sentence that quotes no value; pure.

JSON is read by the standard library, not by pydantic: a repeated key, NaN, and a number beyond a double
are refused here, and pydantic's reader lets them pass.

Each field's description completes the sentence that begins with the field's name, and that sentence is the
whole error: pydantic's own messages are never shown, since they may quote what was sent.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

MAX_BODY_BYTES: Final = 1_048_576
"""Larger bodies are refused with 413."""

_SHOWABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a body breaks the contract."""

    sentence: str
    """Names the field; never quotes a value."""


class Strict(BaseModel):
    """A body of exactly these keys, no type of which is converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Rules = Mapping[str, str]
"""Field, or `list[0].field`, to what it must be."""
Model = TypeVar("Model", bound=Strict)


def rules_of(model: type[Strict], *, prefix: str = "") -> dict[str, str]:
    """Return what a model's descriptions say of its fields, by the names that are sent."""
    fields = model.model_fields.items()
    return {f"{prefix}{field.alias or name}": field.description or "" for name, field in fields}


def checked(model: type[Model], body: bytes, rules: Rules) -> Model | Problem:
    """Return the request that a body holds, or the first thing that is wrong with it."""
    try:
        return model.model_validate(_parsed(body))
    except _UnreadableError as error:
        return Problem(sentence=error.sentence)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        return Problem(sentence=_sentence(details[0], rules))


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


def _sentence(error: ErrorDetails, rules: Rules) -> str:
    match error["loc"]:
        case (str(owner), 0, str(name)):
            prefix = f"{owner}[0]."
        case (str(name), *_):
            prefix = ""
        case _:
            return "the body must be a JSON object"
    where, rule = _shown(name, prefix=prefix), rules.get(f"{prefix}{name}")
    if error["type"] == "missing":
        return f"{where} is missing"
    if rule is None:
        return f"{where} is not a key of the contract"
    return f"{where} {rule}"


def _shown(name: str, *, prefix: str = "") -> str:
    # A misplaced key may hold anything, somebody's words too: only what looks like a name is repeated.
    return f"`{prefix}{name}`" if _SHOWABLE.fullmatch(name) else "a key"
