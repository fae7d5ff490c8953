"""What the list of conversations is narrowed to, as typed into its form; pure."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, Self
from urllib.parse import urlencode

from etl.sandbox.inbox.zones import day_bounds

_EVER: Final = 2**62
_LONGEST: Final = 255


class Activity(StrEnum):
    """Whether a conversation would still take its user's next message."""

    ANY = "any"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where a page of conversations begins: after this one, newest first."""

    last_timestamp: int
    conversation_id: int

    def __str__(self) -> str:
        """Return it as it stands in an address."""
        return f"{self.last_timestamp}.{self.conversation_id}"


FIRST: Final = Cursor(last_timestamp=_EVER, conversation_id=_EVER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """A sound wish; `problems` says what was ignored because it can't be understood."""

    activity: Activity = Activity.ANY
    first_day: date | None = None
    last_day: date | None = None
    user: str = ""
    """Any part of the user id, whatever its case."""
    id: str = ""
    """A conversation's or message's number, or a message's own id."""
    text: str = ""
    """Any part of a message, whatever its case."""
    before: Cursor = FIRST
    """Of a list of conversations."""
    before_seq: int = _EVER
    """Of a list of messages."""
    problems: tuple[str, ...] = ()

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Self:
        """Return the filters of a query; never raises."""
        problems: list[str] = []
        days = {name: _day(query.get(name, ""), name, problems) for name in ("from", "to")}
        given = query.get("activity", "")
        return cls(
            activity=Activity(given) if given in set(Activity) else Activity.ANY,
            first_day=days["from"],
            last_day=days["to"],
            user=_line(query.get("user", "")),
            id=_line(query.get("id", "")),
            text=_line(query.get("text", "")),
            before=_cursor(query.get("before", "")),
            before_seq=_number(query.get("before_seq", "")) or _EVER,
            problems=tuple(problems),
        )

    @property
    def narrow(self) -> bool:
        """Return whether anything is filtered at all."""
        return bool(
            self.first_day
            or self.last_day
            or self.user
            or self.id
            or self.text
            or self.activity is not Activity.ANY
        )

    @property
    def first_page(self) -> bool:
        """Return whether nothing newer is left out."""
        return self.before == FIRST and self.before_seq == _EVER

    def seconds(self, zone_name: str) -> tuple[int, int]:
        """Return the Unix seconds [begin, end) of the days, in the reader's zone."""
        begin = day_bounds(self.first_day, zone_name)[0] if self.first_day else -_EVER
        end = day_bounds(self.last_day, zone_name)[1] if self.last_day else _EVER
        return begin, end

    def query(self, **place: str) -> str:
        """Return the address's query for the same filters at another place of the list."""
        fields = {
            "activity": "" if self.activity is Activity.ANY else str(self.activity),
            "from": self.first_day.isoformat() if self.first_day else "",
            "to": self.last_day.isoformat() if self.last_day else "",
            "user": self.user,
            "id": self.id,
            "text": self.text,
            **place,
        }
        return urlencode({name: value for name, value in fields.items() if value})


def _day(text: str, name: str, problems: list[str]) -> date | None:
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        problems.append(f"“{name}” is no day such as 2024-05-31, so it was left out.")
        return None
    # A day away from either end of the calendar, every zone can be computed.
    if not date(1970, 1, 2) <= day <= date(9000, 1, 1):
        problems.append(f"“{name}” lies outside the years 1970 to 8999, so it was left out.")
        return None
    return day


def _line(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))[:_LONGEST]


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(_EVER)) else None


def _cursor(text: str) -> Cursor:
    last, _, conversation = text.partition(".")
    numbers = _number(last), _number(conversation)
    if numbers[0] is None or numbers[1] is None:
        return FIRST
    return Cursor(last_timestamp=numbers[0], conversation_id=numbers[1])
