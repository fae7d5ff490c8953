"""What a parser finds in one cell: entries in their order, or the flaw that makes the cell unreadable."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Speaker(StrEnum):
    """Who an entry is from; the values of the role column, for `[roles]` to map."""

    CUSTOMER = "customer"
    AGENT = "agent"
    BOT = "bot"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One message or event of a conversation."""

    at: datetime
    """When, with a fixed offset."""
    speaker: Speaker
    text: str
    """May be empty, as that of an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """Why a cell can't be read."""

    detail: str
    """In words, without any of the cell's text."""


Parse = Callable[[str, datetime | None], list[Entry] | Flaw]
"""A parser: the cell and when the conversation began by its row (with a fixed offset), if the row says so.

It never raises. A cell is taken whole or not at all: half a conversation would be a distorted one.
"""
