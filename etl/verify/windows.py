"""Which days to ask for, and what an answer says of them. Pure.

Neither the zone of the report's days nor whether the last day is part of the answer is public. So a range
counts for all its days but the last, and a message counts as covered only with the day before and after it.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Final

DAY_SECONDS: Final = 86_400
_DAY: Final = timedelta(days=1)
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A range of days to ask for."""

    first: date
    last: date
    """Not before `first`; asked for too, but counted only when it is `first`."""

    @property
    def counted(self) -> tuple[date, ...]:
        """Return the days that a whole answer surely holds."""
        days = max(1, (self.last - self.first).days)
        return tuple(self.first + number * _DAY for number in range(days))


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The answer holds all of these days."""

    days: tuple[date, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Halved:
    """The answer was cut off: ask for these instead."""

    windows: tuple[Window, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """One day has more rows than an answer can hold."""

    day: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """A range of one day came back empty: the day has no rows, or the last day of a range is left out."""

    day: date


def judge(window: Window, *, rows: int, limit: int) -> Whole | Halved | Cut | Empty:
    """Return what an answer of `rows` rows says of a window; `limit` rows or more were cut off."""
    span = (window.last - window.first).days
    if rows >= limit:
        return Cut(day=window.first) if span == 0 else Halved(windows=_halves(window, span))
    if span == 0 and rows == 0:
        return Empty(day=window.first)
    return Whole(days=window.counted)


def _halves(window: Window, span: int) -> tuple[Window, ...]:
    if span == 1:
        return (Window(first=window.first, last=window.first),)
    middle = window.first + span // 2 * _DAY
    return Window(first=window.first, last=middle), Window(first=middle, last=window.last)


def plan_windows(messages: Mapping[date, int], *, window_days: int, rows_limit: int) -> list[Window]:
    """Return windows, oldest first, that hold each of these days and its neighbours, each counted once.

    A window ends early where our own messages alone would fill half an answer, since a cut-off answer is a
    request for nothing.
    """
    wanted = sorted({day + step * _DAY for day in messages for step in (-1, 0, 1)})
    windows: list[Window] = []
    for run in _runs(wanted):
        windows += _filled(run, messages, window_days=window_days, most=rows_limit // 2)
    return windows


def _filled(
    run: list[date], messages: Mapping[date, int], *, window_days: int, most: int
) -> Iterator[Window]:
    first, held = run[0], 0
    for day in run:
        count = messages.get(day, 0)
        if day > first and ((day - first).days >= window_days or held + count > most):
            yield Window(first=first, last=day)
            first, held = day, 0
        held += count
    yield Window(first=first, last=run[-1] + _DAY)


def covered_seconds(whole: Collection[date]) -> list[tuple[int, int]]:
    """Return the Unix seconds [begin, end) of the days that are whole together with both neighbours."""
    inner = sorted(day for day in whole if day - _DAY in whole and day + _DAY in whole)
    return [(begin_seconds(run[0]), begin_seconds(run[-1]) + DAY_SECONDS) for run in _runs(inner)]


def days_between(first: date, last: date) -> set[date]:
    """Return the days from `first` to `last`, both included."""
    return {first + number * _DAY for number in range((last - first).days + 1)}


def begin_seconds(day: date) -> int:
    """Return the Unix second in which a day begins in UTC."""
    return (day - _EPOCH).days * DAY_SECONDS


def day_of(seconds: int) -> date:
    """Return the UTC day of a Unix second."""
    return datetime.fromtimestamp(seconds, UTC).date()


def _runs(days: list[date]) -> list[list[date]]:
    """Return sorted days as runs without a gap."""
    if not days:
        return []
    breaks = [place for place, (one, two) in enumerate(pairwise(days), start=1) if two - one > _DAY]
    return [days[start:end] for start, end in pairwise([0, *breaks, len(days)])]
