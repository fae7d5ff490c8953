"""Reads the report by ranges of days: politely, halving what was cut off, again after a failure."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import assert_never

import pyarrow as pa

from etl.api.reports import Again, Page, ReportClient
from etl.clock import Clock
from etl.config.verify import Verify
from etl.errors import LaterError
from etl.model.events import Event, RangeRead, Warned
from etl.pipeline.verify.spool import Spool
from etl.replay.patience import Patience
from etl.verify.cells import heard
from etl.verify.theirs import Theirs
from etl.verify.windows import Cut, Empty, Halved, Whole, Window, judge


@dataclass(slots=True, kw_only=True)
class Coverage:
    """What was read."""

    whole: set[date] = field(default_factory=set)
    """Days, as the platform counts them, that an answer surely held."""
    cut: set[date] = field(default_factory=set)
    """Days with more rows than an answer can hold."""
    empty: set[date] = field(default_factory=set)
    """Days that were asked for alone and came back empty."""
    includes_last: bool = False
    """A range of one day had rows: so the last day of a range is in its answer."""
    requests: int = 0
    reused: int = 0
    """Answers that an interrupted reading had left."""

    def resolve(self) -> None:
        """Count empty days as whole if answers hold their last day, else as cut; whole ones are not cut."""
        (self.whole if self.includes_last else self.cut).update(self.empty)
        self.cut -= self.whole


class Fetcher:
    """Reads windows one after another, with a pause between requests."""

    def __init__(  # noqa: PLR0913  the effects of a reading, each named
        self,
        client: ReportClient,
        settings: Verify,
        theirs: Theirs,
        spool: Spool,
        *,
        clock: Clock,
        random: Random,
        observe: Callable[[Event], None],
    ) -> None:
        self._client = client
        self._settings = settings
        self._theirs = theirs
        self._spool = spool
        self._clock = clock
        self._random = random
        self._observe = observe
        self._source = 0
        self.coverage = Coverage()

    async def read(self, windows: Iterable[Window]) -> None:
        """Read windows, which are in the order of time, into `theirs`.

        Raises:
            RefusedError: the platform refuses the request.
            LaterError: it did not answer in time; the same command goes on where it was.
            UsageError: the report lacks a column that the job names.
        """
        waiting = list(windows)[::-1]
        done = 0
        while waiting:
            window = waiting.pop()
            rows = await self._rows(window)
            verdict = judge(window, rows=rows.num_rows, limit=self._settings.rows_limit)
            match verdict:
                case Whole():
                    self.coverage.whole.update(verdict.days)
                case Halved():
                    waiting += reversed(verdict.windows)
                case Cut():
                    self.coverage.cut.add(verdict.day)
                case Empty():
                    self.coverage.empty.add(verdict.day)
                case _:
                    assert_never(verdict)
            if window.first == window.last and rows.num_rows:
                self.coverage.includes_last = True
            if not isinstance(verdict, Halved):
                self._theirs.add_kept(self._source, rows)
            self._source += 1
            done += 1
            self._observe(RangeRead(done=done, known=done + len(waiting)))

    async def _rows(self, window: Window) -> pa.Table:
        kept = self._spool.load(window)
        if kept is not None:
            self.coverage.reused += 1
            return kept
        page = await self._page(window)
        rows = self._theirs.digested(heard(page.rows, self._settings.columns))
        self._spool.save(window, rows)
        return rows

    async def _page(self, window: Window) -> Page:
        # Pages are waited for by time alone; refusals are not counted.
        patience = Patience(
            max_wait_seconds=self._settings.max_wait_seconds,
            max_throttles=1,
            random=self._random,
        )
        patience.answered()
        while True:
            if self.coverage.requests:
                await self._clock.sleep(self._settings.pause_seconds)
            self.coverage.requests += 1
            answer = await self._client.fetch(window.first, window.last)
            if isinstance(answer, Page):
                return answer
            await self._wait(answer, patience)

    async def _wait(self, answer: Again, patience: Patience) -> None:
        seconds = max(patience.backoff_seconds(), answer.retry_after_seconds or 0.0)
        if patience.exhausted(self._clock.monotonic(), seconds):
            raise LaterError(
                f"the report can't be read now ({answer.reason})",
                hint="the same command goes on where it was, within an hour without asking twice",
            )
        self._observe(Warned(message=f"the report answers {answer.reason}; asking again in {seconds:.0f} s"))
        await self._clock.sleep(seconds)
