"""The hours in which a run may send: local wall time of one zone, right on days when clocks change."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self
from zoneinfo import ZoneInfo

_WORDS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24):([0-5]\d)")
_DAY_MINUTES: Final = 1_440
_MINUTE_US: Final = 60_000_000
_YEAR_US: Final = 366 * _DAY_MINUTES * _MINUTE_US

_HORIZON_MINUTES: Final = 4 * _DAY_MINUTES
"""Longer than any window and its pause, also where a zone skipped a whole day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Open from one local time to another, each day; over midnight when the first is the later one.

    What counts is what a clock on the wall shows: an hour that the clocks skip is not there, one that they
    repeat is there twice.
    """

    opens_minute: int
    """Minutes after local midnight."""
    closes_minute: int
    """The first minute that is outside again, up to 1440."""
    timezone: str

    @classmethod
    def parse(cls, text: str, timezone: str) -> Self:
        """Return the window that `22:00-06:00` means.

        Raises:
            ValueError: it is none, or never open.
        """
        words = _WORDS.fullmatch(text.strip())
        if words is None:
            raise ValueError("is no window such as 22:00-06:00")
        opens = 60 * int(words[1]) + int(words[2])
        closes = 60 * int(words[3]) + int(words[4])
        if closes > _DAY_MINUTES:
            raise ValueError("ends after 24:00")
        if opens == closes:
            raise ValueError("is never open; the whole day is 00:00-24:00")
        return cls(opens_minute=opens, closes_minute=closes, timezone=timezone)

    def is_open(self, at_us: int) -> bool:
        """Return whether an instant (microseconds since 1970 UTC) lies within."""
        local = self._local(at_us)
        minute = 60 * local.hour + local.minute
        if self.opens_minute < self.closes_minute:
            return self.opens_minute <= minute < self.closes_minute
        return minute >= self.opens_minute or minute < self.closes_minute

    def next_change_us(self, at_us: int) -> int | None:
        """Return the first instant after `at_us` when it closes, or opens if it is closed; None: never."""
        now = self.is_open(at_us)
        minute_us = at_us - at_us % _MINUTE_US
        for _ in range(_HORIZON_MINUTES):
            minute_us += _MINUTE_US
            if self.is_open(minute_us) is not now:
                return minute_us
        return None

    def after_us(self, at_us: int, seconds: float) -> int | None:
        """Return when so many seconds within the window have passed since `at_us`; None: not in a year."""
        left_us, horizon_us = round(seconds * 1_000_000), at_us + _YEAR_US
        while at_us < horizon_us:
            change_us = self.next_change_us(at_us)
            if self.is_open(at_us):
                if change_us is None or change_us - at_us >= left_us:
                    return at_us + left_us
                left_us -= change_us - at_us
            if change_us is None:
                return None
            at_us = change_us
        return None

    def spoken(self, at_us: int) -> str:
        """Return an instant as a clock in the zone shows it, with its offset."""
        return self._local(at_us).strftime("%Y-%m-%d %H:%M %Z")

    def __str__(self) -> str:
        opens, closes = (
            f"{minute // 60:02}:{minute % 60:02}" for minute in (self.opens_minute, self.closes_minute)
        )
        return f"{opens}-{closes} {self.timezone}"

    def _local(self, at_us: int) -> datetime:
        return datetime.fromtimestamp(at_us // 1_000_000, UTC).astimezone(ZoneInfo(self.timezone))
