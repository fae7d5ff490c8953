"""Times in the zone that a reader chose; pure but for the system's zone database."""

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

COMMON: Final = (
    "UTC",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Europe/Lisbon",
    "Europe/Copenhagen",
    "Europe/Berlin",
    "Europe/Paris",
    "Europe/Madrid",
    "Europe/Helsinki",
    "Europe/Istanbul",
    "Africa/Johannesburg",
    "Asia/Dubai",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Pacific/Auckland",
)
"""Offered first, west to east."""
_MICROSECONDS: Final = 1_000_000


@cache
def known() -> frozenset[str]:
    """Return the IANA names that this machine knows, UTC always among them."""
    return frozenset(available_timezones() | {"UTC"})


def offered() -> dict[str, list[str]]:
    """Return the names to choose from, by heading; each stands once."""
    common: list[str] = [name for name in COMMON if name in known()]
    return {"Common": common, "All": sorted(known() - set(common))}


def zone(name: str) -> tzinfo:
    """Return a zone by its IANA name; UTC for a name that this machine does not know."""
    return UTC if name == "UTC" or name not in known() else ZoneInfo(name)


def local(seconds: float, name: str) -> datetime:
    """Return a moment on the clocks of a zone."""
    # Not fromtimestamp(): some systems refuse far years.
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(seconds * _MICROSECONDS))
    return moment.astimezone(zone(name))


def day_bounds(day: date, name: str) -> tuple[int, int]:
    """Return the Unix seconds [begin, end) of a day in a zone, 23 to 25 hours; not of the calendar's last."""
    where = zone(name)
    begin = datetime(day.year, day.month, day.day, tzinfo=where)
    after = day + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=where)
    return int(begin.timestamp()), int(end.timestamp())
