"""How the platform may behave where its documentation leaves room: one reading each; pure.

A profile changes some traits of the default behaviour, and several profiles add up in the order given.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from etl.sandbox.faults import Fault, Rule

CLAMP_SECONDS: Final = 86_400
"""Under `clamps-old-timestamps` a message older than that is kept with the time of its arrival."""
_THIRD: Final = 3


class Voice(StrEnum):
    """What the answer to a message holds when all went well."""

    ECHO = "echo"
    SILENT = "silent"
    NULL = "null"
    EMPTY = "empty"
    ANSWERS = "answers"


class Address(StrEnum):
    """Which paths take messages; any other answers 404."""

    PRESENT = "present"
    OLD = "old"
    REDIRECTING = "redirecting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How the platform behaves; the default is the well-behaved one."""

    voice: Voice = Voice.ECHO
    address: Address = Address.PRESENT
    dedupes: bool = False
    """Whether an `id` that was stored before is stored no more and answered as the first time."""
    clamps: bool = False
    """Whether old timestamps are replaced by the time of arrival."""
    splits: bool = True
    """Whether a silence longer than the session expiration opens a conversation."""
    rules: tuple[Rule, ...] = ()


class Profile(StrEnum):
    """One reading of the documentation, or one kind of trouble."""

    SILENT = "silent"
    NULL_MESSAGE = "null-message"
    EMPTY_BODY = "empty-body"
    ECHO = "echo"
    ANSWERS = "answers"
    ERROR_IN_200 = "error-in-200"
    STRING_ERROR = "400-string-error"
    REVOKED = "401-after-n"
    OLD_PATH = "404-old-path"
    TOO_MANY = "429-retry-after"
    SERVER_ERROR = "5xx-then-ok"
    TIMEOUT = "timeout-after-store"
    DEDUPE = "dedupe-by-id"
    NO_DEDUPE = "no-dedupe"
    CLAMPS = "clamps-old-timestamps"
    SPLITS = "splits-on-gap"
    NEVER_SPLITS = "never-splits"
    REDIRECT = "redirect-without-slash"

    @property
    def meaning(self) -> str:
        """Return the profile in words, as the README prints it."""
        return _MEANINGS[self]


_MEANINGS: Final[dict[Profile, str]] = {
    Profile.SILENT: "takes each message; the answer's `message` is `[]`",
    Profile.NULL_MESSAGE: "takes each message; the answer's `message` is `null`",
    Profile.EMPTY_BODY: "takes each message and answers 200 without a body",
    Profile.ECHO: "answers in the shape of the documented sample, with the conversation's id; the default",
    Profile.ANSWERS: "the bot answers standby messages, as it must not",
    Profile.ERROR_IN_200: "refuses every third message with 200 whose `error` is a sentence",
    Profile.STRING_ERROR: "refuses every third message with 400 and a sentence",
    Profile.REVOKED: "takes three messages; then somebody generates the token anew, and 401 follows",
    Profile.OLD_PATH: "knows only the older path without `webbot`; the present one answers 404",
    Profile.TOO_MANY: "answers every third message 429; `Retry-After` is in turn a number and a date",
    Profile.SERVER_ERROR: "answers every third message 500, 502, 503 or 504, unstored; the next is taken",
    Profile.TIMEOUT: "stores every third message and never answers it",
    Profile.DEDUPE: "stores an `id` once, and answers it again as the first time",
    Profile.NO_DEDUPE: "stores an `id` as often as it is sent; the default",
    Profile.CLAMPS: "keeps messages older than a day with the time of their arrival",
    Profile.SPLITS: "a silence above the session expiration opens a conversation; the default",
    Profile.NEVER_SPLITS: "keeps all messages of a user in one conversation, however long the silence",
    Profile.REDIRECT: "answers a path without its final slash with 301 to the one that has it",
}


def _third(fault: Fault) -> dict[str, Any]:
    return {"rules": (Rule(fault=fault, every=_THIRD),)}


_TRAITS: Final[dict[Profile, dict[str, Any]]] = {
    Profile.SILENT: {"voice": Voice.SILENT},
    Profile.NULL_MESSAGE: {"voice": Voice.NULL},
    Profile.EMPTY_BODY: {"voice": Voice.EMPTY},
    Profile.ECHO: {"voice": Voice.ECHO},
    Profile.ANSWERS: {"voice": Voice.ANSWERS},
    Profile.ERROR_IN_200: _third(Fault.ERROR_IN_200),
    Profile.STRING_ERROR: _third(Fault.REFUSED),
    Profile.REVOKED: {"rules": (Rule(fault=Fault.REVOKED, at=frozenset({_THIRD + 1})),)},
    Profile.OLD_PATH: {"address": Address.OLD},
    Profile.TOO_MANY: _third(Fault.TOO_MANY),
    Profile.SERVER_ERROR: _third(Fault.SERVER_ERROR),
    Profile.TIMEOUT: _third(Fault.SILENCE_AFTER_STORE),
    Profile.DEDUPE: {"dedupes": True},
    Profile.NO_DEDUPE: {"dedupes": False},
    Profile.CLAMPS: {"clamps": True},
    Profile.SPLITS: {"splits": True},
    Profile.NEVER_SPLITS: {"splits": False},
    Profile.REDIRECT: {"address": Address.REDIRECTING},
}


def behaviour(profiles: Iterable[Profile], rules: Iterable[Rule] = ()) -> Behaviour:
    """Return the sum of profiles, and of faults by their own rules, which come first."""
    found = Behaviour(rules=tuple(rules))
    for profile in profiles:
        traits = _TRAITS[profile]
        found = replace(found, **(traits | {"rules": found.rules + traits.get("rules", ())}))
    return found
