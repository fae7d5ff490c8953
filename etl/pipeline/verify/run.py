"""`etl verify`: the ledger and its plans on one side, the report on the other. Sends nothing."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa

from etl.clock import MICROSECONDS, SYSTEM
from etl.config.load import JobFile
from etl.config.verify import Verify
from etl.config.workspace import Workspace, workspace
from etl.errors import UsageError
from etl.ledger import byhand
from etl.ledger.interface import Ledger
from etl.ledger.lock import TargetLock
from etl.model.events import Event, Warned
from etl.pipeline.depots import make_ready, publish, records_by_hand
from etl.pipeline.opening import place_of
from etl.pipeline.plans import Plans
from etl.pipeline.verify.endpoint import OF_SANDBOX, client_of, client_of_sandbox
from etl.pipeline.verify.reading import Reader
from etl.pipeline.verify.result import Reading, Sample, VerifyResult, exit_code
from etl.pipeline.verify.settling import recover, settle
from etl.pipeline.verify.spool import Spool
from etl.pipeline.verify.wish import VerifyWish
from etl.plan.lanes import PlanReader
from etl.plan.parts import numbered_sql
from etl.report.export import TableFormat, write_file
from etl.report.outcome import write_report
from etl.verify.comparison import Comparison
from etl.verify.findings import SOUND, Finding, Level
from etl.verify.ours import PlanTexts, Tally
from etl.verify.verdicts import LISTED

FIRST: Final = 10
"""Messages of a finding that are shown."""


def run_verify(job_file: JobFile, wish: VerifyWish, observe: Callable[[Event], None]) -> VerifyResult:
    """Read the report and compare it with the ledger; with `wish.settle` settle what it proves.

    Raises:
        UsageError: nothing was sent yet, or the job doesn't say how the report is read.
        InputError: a report file or a plan can't be read.
        RefusedError: the platform refuses to give the report.
        LaterError: the report can't be read now; or, with `settle`, a run is active.
        LedgerError: the ledger can't be used.
    """
    space = workspace(job_file.state, job_file.job.target, sandbox=wish.sandbox, ledger=job_file.job.ledger)
    where = place_of(space)
    if where.is_missing():
        raise UsageError(
            f"nothing was imported to {space.target} yet: there is no ledger {where}",
            hint="" if wish.sandbox else "for the sandbox's ledger say --sandbox",
        )
    make_ready(space)
    if wish.settle:
        recover(space)
    ledger = where.read()
    assert ledger is not None  # noqa: S101  it was there a moment ago, and nothing removes it
    folder = space.folder / "verify"
    settings = OF_SANDBOX if wish.sandbox and not wish.files else job_file.job.verify
    with (
        closing(ledger),
        TargetLock(folder),
        _swept(folder),
        tempfile.TemporaryDirectory(dir=folder, prefix="spill-") as spill,
        Comparison(
            Path(spill), memory_limit_mb=job_file.job.plan.memory_limit_mb, text=settings.text
        ) as comparison,
    ):
        return _Verification(job_file, space, ledger, wish, settings, comparison, observe).run()


@contextmanager
def _swept(folder: Path) -> Iterator[None]:
    """Remove what a killed command has left there; only under the folder's lock."""
    for left in folder.glob("spill-*"):
        shutil.rmtree(left, ignore_errors=True)
    yield


class _Verification:
    """One reading, once the ledger is open."""

    def __init__(  # noqa: PLR0913, PLR0917  what a reading stands on
        self,
        job_file: JobFile,
        space: Workspace,
        ledger: Ledger,
        wish: VerifyWish,
        settings: Verify,
        comparison: Comparison,
        observe: Callable[[Event], None],
    ) -> None:
        self._job_file = job_file
        self._space = space
        self._ledger = ledger
        self._wish = wish
        self._settings = settings
        self._comparison = comparison
        self._observe = observe
        self._now_us = SYSTEM.wall_us()
        self._sampled = wish.level is Level.SAMPLE

    def run(self) -> VerifyResult:
        """Load both sides, compare, settle, report."""
        tally = self._load_ours()
        picked = (
            self._comparison.ours.pick(self._wish.sample_size, seed=self._wish.seed) if self._sampled else 0
        )
        spool = Spool(self._space.folder / "verify", self._settings, ledger_mark=self._ledger.mark())
        reading = self._read(spool)
        verdicts = self._comparison.verdicts
        counts: dict[Finding, int] = {}
        settled = None
        if self._wish.level is not Level.TOTALS:
            self._comparison.match()
            sent_before = self._now_us // MICROSECONDS - 60 * self._settings.delay_minutes
            verdicts.judge(only_picked=self._sampled, sent_before=sent_before)
            counts = verdicts.counts()
            if self._wish.settle:
                settled = settle(self._space, verdicts.proven(), evidence=self._evidence())
        totals = tuple(verdicts.totals()) if self._wish.level is Level.TOTALS else ()
        listing, report = self._list(counts), self._report_path(".json")
        result = VerifyResult(
            target=self._space.target,
            level=self._wish.level,
            accepted=tally.accepted,
            uncertain=tally.uncertain,
            unsent=tally.unsent,
            textless=tally.textless,
            reading=reading,
            counts=counts,
            common_shift=verdicts.common_shift() if counts else None,
            first={finding: verdicts.first(finding, limit=FIRST) for finding in _listed(counts)},
            absent_here=self._absent_here() if counts.get(Finding.ABSENT) else (),
            sample=self._sample(counts, picked=picked, of=tally.accepted) if self._sampled else None,
            totals=totals,
            settled=settled,
            listing=self._space.shown(listing) if listing else None,
            report=self._space.shown(report),
            exit_code=exit_code(counts, totals, settled=settled or 0),
        )
        write_report(report, result.as_json())
        publish(self._space, report, *([listing] if listing else []))
        spool.clear()
        return result

    def _read(self, spool: Spool) -> Reading:
        reader = Reader(self._comparison, self._settings, self._wish, now_us=self._now_us)
        if self._wish.files:
            return reader.read_files()
        if not self._wish.sandbox:
            return reader.fetch(client_of(self._job_file), spool, self._observe)
        with client_of_sandbox(self._job_file, self._space) as client:
            return reader.fetch(client, spool, self._observe)

    def _load_ours(self) -> Tally:
        ours = self._comparison.ours
        ours.add_ledger(self._ledger.export())
        ours.add_by_hand(_by_hand(self._space), resolution_seconds=self._settings.resolution_seconds)
        plans = Plans(self._space, self._ledger)
        for record in self._ledger.plans():
            # Days are counted without texts; of the open plan also what was never sent is counted.
            passed_over = self._wish.level is Level.TOTALS and not record.open
            plan = None if passed_over else plans.load(record.hash)
            if plan is not None:
                PlanReader(plan)  # refuses a damaged one
            elif not passed_over:
                self._observe(
                    Warned(message=f"plan {record.hash[:12]} is gone: its messages have no texts here")
                )
            texts = PlanTexts(
                number=record.number,
                hash=record.hash,
                open=record.open,
                messages=None if plan is None else numbered_sql(plan.messages, plan.lanes),
                passed_over=passed_over,
            )
            ours.add_plan(
                texts, self._job_file.job.message, resolution_seconds=self._settings.resolution_seconds
            )
        tally = ours.tally()
        if not (tally.accepted or tally.uncertain):
            raise UsageError(f"nothing was accepted by {self._space.target} yet", hint="etl status JOB")
        return tally

    def _sample(self, counts: dict[Finding, int], *, picked: int, of: int) -> Sample:
        judged = picked - counts[Finding.UNKNOWN]
        wrong = self._comparison.verdicts.wrong()
        return Sample(seed=self._wish.seed, size=picked, of=of, judged=judged, wrong=min(wrong, judged))

    def _evidence(self) -> str:
        what = ", ".join(file.name for file in self._wish.files) or "the message report"
        return (
            f"in {what}, read {datetime.fromtimestamp(self._now_us // MICROSECONDS, UTC):%Y-%m-%dT%H:%M:%SZ}"
        )

    def _absent_here(self) -> tuple[str, ...]:
        record = self._ledger.open_plan()
        rows = self._comparison.verdicts.first(Finding.ABSENT, limit=FIRST)
        return tuple(row["key"] for row in rows if record is not None and row["plan"] == record.number)

    def _list(self, counts: dict[Finding, int]) -> Path | None:
        findings = _listed(counts)
        if not findings:
            return None
        path = self._report_path(".csv")
        batches = self._comparison.verdicts.listed(findings)
        write_file(batches, LISTED, path, table_format=TableFormat.CSV)
        return path

    def _report_path(self, suffix: str) -> Path:
        stamp = datetime.fromtimestamp(self._now_us / MICROSECONDS, UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        return self._space.reports / f"verify-{stamp}{suffix}"


def _by_hand(space: Workspace) -> pa.Table:
    sent = [one for path in records_by_hand(space) for one in byhand.read(path)]
    return pa.table(
        {
            "key": pa.array((one.key for one in sent), pa.string()),
            "lane": pa.array((one.user for one in sent), pa.string()),
            "sec": pa.array((one.at_seconds for one in sent), pa.int64()),
        }
    )


def _listed(counts: dict[Finding, int]) -> list[Finding]:
    return [finding for finding, count in counts.items() if count and finding not in SOUND]
