"""The shape of a plan's messages for a report: histograms and counts, bounded in size, no text."""

from dataclasses import dataclass
from typing import Literal

Granularity = Literal["day", "week", "month", "quarter", "year"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts by class, for one or more series."""

    labels: tuple[str, ...]
    """The classes in order, without gaps; those of lengths and silences are named by their upper edge."""
    series: dict[str, tuple[int, ...]]
    """By name: one count for each label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Macro:
    """An agents' text that occurs again and again, but for its greeting and numbers."""

    messages: int
    users: int
    """About how many users got it."""
    characters: int
    """Its mean length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Macros:
    """Agents' longer texts that occur three times or more."""

    compared: int
    """Agents' texts that are long enough to compare."""
    messages: int
    """Those that repeat another."""
    top: tuple[Macro, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterances:
    """What customers wrote, as material for example sentences. Each message is counted once."""

    messages: int
    usable: int
    """With words, and neither short nor long."""
    distinct: int
    """Different ones among the usable, whatever their case."""
    wordless: int
    """No two letters in a row: numbers, emoji, punctuation."""
    short: int
    """Fewer than 10 characters."""
    long: int
    """More than 500 characters: a mail rather than a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything of it. Counts by repetition are estimates when `sampled_every` is above 1."""

    granularity: Granularity
    over_time: Histogram
    """Messages by role; classes are UTC."""
    hours: Histogram
    """Messages by role and hour of the day, UTC."""
    lanes: Histogram
    """`lanes` and their `messages` by the lanes' length."""
    gaps: Histogram
    """Silences between neighbours of a lane."""
    expiration_edge: int
    """So many classes of `gaps` are within the session expiration."""
    lengths: Histogram
    """Messages by role and characters."""
    midnights: int
    """Messages at 00:00:00 UTC."""
    fractions: int
    """Messages with a part of a second, which the API can't take."""
    echoes: int
    """Messages that repeat the one before them, which another role wrote."""
    macros: Macros
    utterances: Utterances
    sampled_every: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """What a message looks like: every letter is x or X, every digit 9."""

    role: str
    shape: str


def minutes_name(minutes: int) -> str:
    """Return a setting in minutes in its largest whole unit, such as `10 h`, `7 d` or `90 min`."""
    for unit, name in ((1_440, "d"), (60, "h")):
        if minutes % unit == 0:
            return f"{minutes // unit:,} {name}"
    return f"{minutes:,} min"
