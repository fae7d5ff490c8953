"""A job in the making: settings with their reasons, and what a person must still say."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """Whether a setting stands."""

    SET = "set"
    OPTION = "option"
    """Not in force; a person may want it."""
    NEEDED = "needed"
    """Not known; the job is not complete without it."""
    DECIDE = "decide"
    """Values that nobody has put in their place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of the job; `table` is "" for the top level."""

    table: str
    key: str
    value: Any = None
    status: Status = Status.SET
    why: tuple[str, ...] = ()
    """Where it comes from, for the person who reads the job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFile:
    """A `[[join]]` or `[[opening]]`; not in force while `files` is empty."""

    kind: str
    what: str
    needed: bool
    files: tuple[str, ...]
    table: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What `etl init` has found out."""

    preset: str | None
    title: str
    """What the export is, in words."""
    rows: int
    """Rows that were looked at."""
    settings: tuple[Setting, ...]
    seconds: tuple[SecondFile, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seen: dict[str, dict[str, int]] = field(default_factory=dict)
    """Columns of few values, with the count of each."""

    def job(self) -> dict[str, Any]:
        """Return the settings in force as the data of a job file."""
        data: dict[str, Any] = {}
        for setting in self.settings:
            if setting.status is Status.SET:
                place = data.setdefault(setting.table, {}) if setting.table else data
                place[setting.key] = setting.value
        for second in self.seconds:
            if second.files:
                data.setdefault(second.kind, []).append({"files": list(second.files), **second.table})
        return data

    def open_points(self, status: Status) -> tuple[str, ...]:
        """Return the settings of a status as `table.key`."""
        found = (setting for setting in self.settings if setting.status is status)
        return tuple(dict.fromkeys(".".join(filter(None, (item.table, item.key))) for item in found))
