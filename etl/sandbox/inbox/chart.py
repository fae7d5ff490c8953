"""Counts over time as the bars of a small chart; pure.

Drawn by the template, not by a chart library: a library's SVG carries inline styles, which the pages' policy
forbids, and as an image it could not follow the page's theme.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

_MOST_BARS: Final = 60
_EPOCH: Final = date(1970, 1, 1)


class Unit(StrEnum):
    """What one bar covers."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One stretch of time, without gaps to its neighbours."""

    place: int
    """From 0 on, in order of time."""
    label: str
    count: int
    height: float
    """0 to 100, of the tallest; never so small that a count can't be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """All bars, oldest first, those without a count too."""

    unit: str
    bars: tuple[Bar, ...]

    @property
    def most(self) -> int:
        """Return the tallest bar's count."""
        return max((bar.count for bar in self.bars), default=0)

    @property
    def sentence(self) -> str:
        """Return what the chart shows, for those who don't see it."""
        total = sum(bar.count for bar in self.bars)
        tallest = max(self.bars, key=lambda bar: bar.count)
        return (
            f"{total:,} messages from {self.bars[0].label} to {self.bars[-1].label}, by {self.unit}; "
            f"the most, {tallest.count:,}, in {tallest.label}"
        )


def by_date(days: Iterable[tuple[int, int]]) -> Chart | None:
    """Return a chart of at most 60 bars or so; None without any days.

    Args:
        days: day since 1970 in UTC, and its count; any order, each day once.
    """
    counts = dict(days)
    if not counts:
        return None
    first, last = min(counts), max(counts)
    unit = _unit(last - first + 1)
    sums: dict[str, int] = {}
    for label in _labels(first, last, unit):
        sums.setdefault(label, 0)
    for day, count in counts.items():
        sums[_label(_EPOCH + timedelta(days=day), unit)] += count
    return Chart(unit=str(unit), bars=_bars(list(sums.items())[-4 * _MOST_BARS :]))


def by_slot(slots: Iterable[tuple[int, int]], *, labels: Iterable[tuple[int, str]], unit: str) -> Chart:
    """Return a chart of the slots that have a label, in their order."""
    counts = dict(slots)
    return Chart(unit=unit, bars=_bars([(label, counts.get(slot, 0)) for slot, label in labels]))


def _unit(days: int) -> Unit:
    for unit, length in ((Unit.DAY, 1), (Unit.WEEK, 7), (Unit.MONTH, 30)):
        if days <= _MOST_BARS * length:
            return unit
    return Unit.YEAR


def _labels(first: int, last: int, unit: Unit) -> Iterable[str]:
    if unit is Unit.YEAR:
        years = (_EPOCH + timedelta(days=first)).year, (_EPOCH + timedelta(days=last)).year
        return (str(year) for year in range(years[0], years[1] + 1))
    return (_label(_EPOCH + timedelta(days=day), unit) for day in range(first, last + 1))


def _label(day: date, unit: Unit) -> str:
    match unit:
        case Unit.DAY:
            return day.isoformat()
        case Unit.WEEK:
            return f"week of {(day - timedelta(days=day.weekday())).isoformat()}"
        case Unit.MONTH:
            return f"{day:%Y-%m}"
        case Unit.YEAR:
            return str(day.year)


def _bars(counts: list[tuple[str, int]]) -> tuple[Bar, ...]:
    most = max((count for _, count in counts), default=0) or 1
    return tuple(
        Bar(place=place, label=label, count=count, height=max(100 * count / most, 2) if count else 0)
        for place, (label, count) in enumerate(counts)
    )
