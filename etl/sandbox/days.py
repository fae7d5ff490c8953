"""The days that a report is asked for, as its query spells them; pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from etl.sandbox.envelope import bad

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Whole days, both included."""

    first: date
    last: date

    def seconds(self) -> tuple[int, int]:
        """Return the Unix seconds [begin, end) of these days in UTC."""
        begin, last = (
            int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
            for day in (self.first, self.last)
        )
        return begin, last + _DAY_SECONDS

    def at_most(self, days: int) -> "Days":
        """Return themselves, or refuse a longer range."""
        if (self.last - self.first).days > days:
            raise bad(f"`toDate` must be 0 to {days} days after `fromDate`")
        return self


def query_of(
    items: Sequence[tuple[str, str]], *, needed: Sequence[str], optional: Sequence[str]
) -> dict[str, str]:
    """Return the parameters of a query by name, or refuse it with a sentence."""
    query = dict(items)
    if len(query) < len(items):
        raise bad("a parameter is given twice")
    missing = [name for name in needed if name not in query]
    if missing:
        raise bad(f"`{missing[0]}` is missing")
    names = [*needed, *optional]
    if not query.keys() <= set(names):
        raise bad(f"only {', '.join(names)} are parameters")
    return query


def days_of(query: Mapping[str, str]) -> Days:
    """Return the days from `fromDate` to `toDate`, or refuse them with a sentence."""
    days = Days(first=_day(query, "fromDate"), last=_day(query, "toDate"))
    if days.last < days.first:
        raise bad("`toDate` must not be before `fromDate`, and a GET spans at most 15 days")
    return days


def day_parameters() -> list[dict[str, Any]]:
    """Return how the OpenAPI document describes both days."""
    return [
        parameter(name, {"type": "string", "format": "date"}, "A day in UTC, as 2024-05-31; included.")
        for name in ("fromDate", "toDate")
    ]


def parameter(
    name: str, schema: dict[str, Any], description: str, *, required: bool = True
) -> dict[str, Any]:
    """Return how the OpenAPI document describes a parameter of a query."""
    return {
        "name": name,
        "in": "query",
        "required": required,
        "schema": schema,
        "description": description,
    }


def _day(query: Mapping[str, str], name: str) -> date:
    text = query[name]
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise bad(f"`{name}` must be a day, as 2024-05-31")
