"""Kinds of values that options have."""

import re
from collections.abc import Callable
from typing import Any, Final

import click

from etl.model.rate import Rate

_DURATION: Final = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)min|(\d+)m)?(?:(\d+)s)?")


class Parsed(click.ParamType[Any]):
    """A value that a function reads from text, whose ValueError is the complaint."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """Return what the text means; leaves what was read already as it is."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except ValueError as error:
            return self.fail(f"{value!r} {error}", param, ctx)


def duration_seconds(text: str) -> float:
    """Return the seconds of `90min`, `2h`, `1h30m` or `45s`.

    Raises:
        ValueError: it is no duration, or none at all.
    """
    words = _DURATION.fullmatch(text.strip())
    if words is None or not any(words.groups()):
        raise ValueError("is no duration such as 45s, 90min, 2h or 1h30m")
    days, hours, minutes, short_minutes, seconds = (int(part or 0) for part in words.groups())
    total = ((days * 24 + hours) * 60 + minutes + short_minutes) * 60 + seconds
    if not total:
        raise ValueError("is no time at all")
    return float(total)


RATE: Final = Parsed("rate", Rate.parse)
DURATION: Final = Parsed("duration", duration_seconds)
