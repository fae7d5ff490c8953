"""The report's side of a comparison, from files or the endpoint, and where its silence means something."""

import asyncio
from collections.abc import Callable
from datetime import date
from random import SystemRandom

from etl.api.reports import ReportClient
from etl.clock import SYSTEM
from etl.config.verify import Verify
from etl.model.events import Event
from etl.pipeline.verify.fetching import Fetcher
from etl.pipeline.verify.files import FileRead, read_files
from etl.pipeline.verify.result import Reading
from etl.pipeline.verify.spool import Spool
from etl.pipeline.verify.timing import read_times
from etl.pipeline.verify.wish import VerifyWish
from etl.verify.comparison import Comparison
from etl.verify.findings import Level
from etl.verify.windows import Window, covered_seconds, days_between, plan_windows


class Reader:
    """Reads the report into a comparison whose own side is complete."""

    def __init__(self, comparison: Comparison, settings: Verify, wish: VerifyWish, *, now_us: int) -> None:
        self._comparison = comparison
        self._settings = settings
        self._wish = wish
        self._now_us = now_us

    def read_files(self) -> Reading:
        """Read the report files.

        Raises:
            InputError: a file can't be read, or the times have no one format.
        """
        files = read_files(self._wish.files, self._comparison.theirs, self._settings.columns)
        rows, unread = self._timed()
        return Reading(
            rows=rows,
            of_our_users=self._cover(self._covered_by(files)),
            unreadable_times=unread,
            requests=0,
            reused=0,
            days=0,
            cut_days=(),
            files=tuple(files),
            by_import_day=False,
        )

    def fetch(self, client: ReportClient, spool: Spool, observe: Callable[[Event], None]) -> Reading:
        """Ask the endpoint for the days of the messages; without our users there, for those of the import.

        Raises:
            RefusedError: the platform refuses.
            LaterError: it does not answer now.
            UsageError: the report lacks a column that the job names.
            InputError: its times have no one format.
        """
        ours, theirs = self._comparison.ours, self._comparison.theirs
        fetcher = Fetcher(
            client, self._settings, theirs, spool, clock=SYSTEM, random=SystemRandom(), observe=observe
        )
        sampled = self._wish.level is Level.SAMPLE
        asyncio.run(fetcher.read(self._windows(ours.days(only_picked=sampled))))
        coverage = fetcher.coverage
        by_import_day = not theirs.of_our_users()
        cut_before = set(coverage.cut)
        if by_import_day:
            asyncio.run(fetcher.read(self._windows(ours.import_days())))
        rows, unread = self._timed()
        coverage.resolve()
        unsure = by_import_day and bool(coverage.cut - cut_before)
        return Reading(
            rows=rows,
            of_our_users=self._cover([] if unsure else covered_seconds(coverage.whole)),
            unreadable_times=unread,
            requests=coverage.requests,
            reused=coverage.reused,
            days=len(coverage.whole),
            cut_days=tuple(sorted(coverage.cut)),
            files=(),
            by_import_day=by_import_day,
        )

    def _cover(self, seconds: list[tuple[int, int]]) -> int:
        """Say where absence means something; return how many rows are of our users."""
        seen = self._comparison.theirs.of_our_users()
        # A report without any of our users is probably of another bot, or leaves standby messages out.
        self._comparison.verdicts.cover(seconds if seen else [])
        return seen

    def _covered_by(self, files: list[FileRead]) -> list[tuple[int, int]]:
        since, until = self._wish.since, self._wish.until
        if any(file.damaged for file in files):
            return []
        if since is not None and until is not None:
            return covered_seconds(days_between(since, until))
        # Where a file begins and ends, rows of the same second may be in another one.
        return [(first + 1, last) for first, last in self._comparison.theirs.spans().values()]

    def _windows(self, days: dict[date, int]) -> list[Window]:
        return plan_windows(
            days, window_days=self._settings.window_days, rows_limit=self._settings.rows_limit
        )

    def _timed(self) -> tuple[int, int]:
        """Read the report's times; return how many rows it has, and how many without a readable time."""
        theirs, settings = self._comparison.theirs, self._settings
        rows = theirs.once()
        unread = read_times(theirs, settings.time, column=settings.columns.timestamp, now_us=self._now_us)
        theirs.place(
            ordered=settings.columns.order is not None, resolution_seconds=settings.resolution_seconds
        )
        return rows, unread
