"""A person's words -> a message that the endpoint takes. Refuses rather than corrects."""

import os
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter, ValidationError

from etl.api.handmade import HandMessage
from etl.clock import MICROSECONDS, SYSTEM
from etl.config.job import Job
from etl.config.values import VariableName
from etl.errors import UsageError

_USER_CHARACTERS: Final = 255
_EARLIEST_US: Final = 1_000_000_000 * MICROSECONDS
_EPOCH_DIGITS: Final = 10
_KEPT: Final = "\n\t\r"
_NAME: Final = TypeAdapter(VariableName)


def hand_message(  # noqa: PLR0913  one for each part of the endpoint
    job: Job,
    *,
    user: str,
    text: str,
    at: str | None,
    wakes_bot: bool,
    ref: str = "",
    profile: Sequence[str] = (),
    variables: Sequence[str] = (),
) -> HandMessage:
    """Return a message with a new id.

    Args:
        job: bounds the text's length.
        user: the `user_id`, 1 to 255 characters.
        text: sent as it is.
        at: ISO 8601 with an offset, or Unix seconds; None is now.
        wakes_bot: sent as `text`.
        ref: a Module; only with `wakes_bot`.
        profile: `NAME=VALUE`, each.
        variables: `NAME=VALUE`, each; names as the platform allows them.

    Raises:
        UsageError: saying which of these can't be sent.
    """
    if not 0 < len(user) <= _USER_CHARACTERS or not user.isprintable():
        raise UsageError("--user must have 1 to 255 characters, none of them a control character")
    if not text.strip():
        raise UsageError("there is no text to send")
    if len(text) > job.text.max_characters:
        raise UsageError(
            f"the text has {len(text):,} characters, the job allows {job.text.max_characters:,}",
            hint="text.max_characters says how many",
        )
    if any(ord(character) < ord(" ") and character not in _KEPT for character in text):
        raise UsageError("the text holds control characters")
    if not _encodable(user + text):
        raise UsageError("user or text is no valid UTF-8")
    if ref and not wakes_bot:
        raise UsageError("--ref jumps to a Module, which wakes the bot", hint="it needs --text-message")
    return HandMessage(
        id=os.urandom(16),
        user_id=user,
        text=text,
        at_us=SYSTEM.wall_us() if at is None else instant(at, now_us=SYSTEM.wall_us()),
        wakes_bot=wakes_bot,
        ref=ref,
        profile=_pairs(profile, "--profile"),
        variables=_pairs(variables, "--variable"),
    )


def instant(value: str, *, now_us: int) -> int:
    """Return a time as microseconds since 1970 UTC.

    Raises:
        UsageError: it is neither ISO 8601 with an offset nor ten digits of Unix time, or it is out of range.
    """
    if len(value) == _EPOCH_DIGITS and value.isascii() and value.isdigit():
        at_us = int(value) * MICROSECONDS
    else:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise UsageError(
                "--at is no time", hint="such as 2024-05-01T10:00:00Z, or Unix seconds"
            ) from error
        if moment.tzinfo is None:
            raise UsageError("--at has no offset from UTC", hint="such as 2024-05-01T12:00:00+02:00, or Z")
        at_us = int(moment.timestamp()) * MICROSECONDS
    if not _EARLIEST_US <= at_us <= now_us:
        raise UsageError("--at must lie between 2001-09-09 and now: the API takes ten digits of seconds")
    return at_us


def _pairs(pairs: Sequence[str], option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not _encodable(value):
            raise UsageError(f"{option} must be NAME=VALUE")
        try:
            found[_NAME.validate_python(name)] = value
        except ValidationError as error:
            raise UsageError(f"{option}: {error.errors()[0]['msg'].removeprefix('Value error, ')}") from error
    return found


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
