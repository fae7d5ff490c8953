"""Kinds of values that settings have, each checked once and in words."""

import re
from typing import Annotated, Final
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from etl.model.window import Window

RESERVED_ROOTS: Final = frozenset({"certainly", "web", "zd", "fb", "nlu"})
"""Roots of variables that the platform keeps for itself (platform fact S9)."""

TIME_FORMATS: Final = (
    "auto", "iso8601", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns", "excel_serial",
)  # fmt: skip
"""Named time formats; everything else is a strptime pattern."""

_VARIABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def _variable_name(name: str) -> str:
    if not _VARIABLE_NAME.fullmatch(name):
        raise ValueError("a variable's name begins with a letter and has letters, digits and _, at most 64")
    if name in RESERVED_ROOTS:
        raise ValueError(f"{name!r} is reserved by the platform")
    return name


def _time_format(value: str) -> str:
    if value in TIME_FORMATS or "%" in value:
        return value
    raise ValueError(f"is none of {', '.join(TIME_FORMATS)} and no strptime pattern with % directives")


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("is no IANA time zone such as Europe/Copenhagen or UTC")
    return value


def _hours(value: str) -> str:
    Window.parse(value, "UTC")
    return value


def _one_character(value: str) -> str:
    if len(value) != 1 or not value.isascii() or value in "\r\n":
        raise ValueError("must be one ASCII character, such as , or ; or a tab")
    return value


def _delimiter(value: str) -> str:
    return value if value == "auto" else _one_character(value)


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from error
    return value


VariableName = Annotated[str, AfterValidator(_variable_name)]
TimeFormat = Annotated[str, AfterValidator(_time_format)]
Hours = Annotated[str, AfterValidator(_hours)]
ZoneName = Annotated[str, AfterValidator(_zone)]
OneCharacter = Annotated[str, AfterValidator(_one_character)]
Delimiter = Annotated[str, AfterValidator(_delimiter)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Column = Annotated[str, Field(min_length=1)]


class Table(BaseModel):
    """A table of the job file: frozen, strict, no unknown keys; docstrings describe its settings."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)
