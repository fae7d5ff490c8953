"""What reading back found, and how the command ends."""

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from etl.errors import ExitCode
from etl.pipeline.verify.files import FileRead
from etl.verify.bound import wrong_share_at_most
from etl.verify.findings import SOUND, Finding, Level
from etl.verify.verdicts import DayTotal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of the report."""

    rows: int
    """Each once, whatever ranges overlap."""
    of_our_users: int
    """Copies and all; with none of them, absence proves nothing."""
    unreadable_times: int
    requests: int
    reused: int
    """Answers that an interrupted reading had left."""
    days: int
    """Days that an answer surely held whole."""
    cut_days: tuple[date, ...]
    """Days with more rows than an answer can hold."""
    files: tuple[FileRead, ...]
    by_import_day: bool
    """The report had nothing on the days of the messages, so the days of the import were read as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How much the sample says of all accepted messages."""

    seed: str
    size: int
    of: int
    """Accepted messages."""
    judged: int
    """Of the sample, those that the report could tell of."""
    wrong: int
    """Missing, shifted, doubled or swapped."""

    @property
    def bound(self) -> float:
        """Return the share of wrong ones that is not exceeded with 95 % confidence."""
        return wrong_share_at_most(wrong=self.wrong, looked_at=self.judged)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyResult:
    """What reading back found."""

    target: str
    level: Level
    accepted: int
    uncertain: int
    unsent: int
    """Messages of the plan under way that were not sent yet: nothing is expected of them."""
    textless: int
    """Messages whose plan is gone: they can only be found by id."""
    reading: Reading
    counts: dict[Finding, int]
    """Empty at level `totals`."""
    common_shift: tuple[int, int] | None
    """Seconds (report minus ledger), and how many messages have it."""
    first: dict[Finding, list[dict[str, Any]]]
    """The first of each finding that asks for something."""
    absent_here: tuple[str, ...]
    """Keys of absent uncertain messages that the plan under way could send again."""
    sample: Sample | None
    totals: tuple[DayTotal, ...]
    """Only at level `totals`."""
    settled: int | None
    """Uncertain messages settled as accepted; None without --settle."""
    listing: str | None
    report: str
    exit_code: ExitCode

    def as_json(self) -> dict[str, Any]:
        """Return the result for machines: the report, and what --json prints."""
        return {
            "target": self.target,
            "level": self.level.value,
            "accepted": self.accepted,
            "uncertain": self.uncertain,
            "unsent": self.unsent,
            "textless": self.textless,
            "reading": {
                **asdict(self.reading),
                "cut_days": [day.isoformat() for day in self.reading.cut_days],
            },
            "findings": {finding.value: count for finding, count in self.counts.items()},
            "common_shift": self.common_shift
            and dict(zip(("seconds", "messages"), self.common_shift, strict=True)),
            "sample": self.sample and {**asdict(self.sample), "wrong_share_at_most_95": self.sample.bound},
            "totals": [{**asdict(day), "day": day.day.isoformat(), "even": day.even} for day in self.totals],
            "settled": self.settled,
            "listing": self.listing,
            "report": self.report,
            "exit_code": int(self.exit_code),
        }


def exit_code(counts: dict[Finding, int], totals: tuple[DayTotal, ...], *, settled: int) -> ExitCode:
    """Return how reading back ends: 0 only when all that was accepted is surely there, once, in order."""
    open_ends = sum(count for finding, count in counts.items() if finding not in SOUND) - settled
    uneven = any(not (day.even and day.covered and not day.uncertain) for day in totals)
    return ExitCode.INCOMPLETE if open_ends or uneven else ExitCode.OK
