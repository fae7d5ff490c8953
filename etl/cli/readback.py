"""What `etl verify` tells people. No text of a message is in it, and users are shortened."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from etl.errors import ExitCode
from etl.pipeline.verify.files import FileRead
from etl.pipeline.verify.result import Reading, Sample, VerifyResult
from etl.report.summary import duration
from etl.verify.findings import ACCEPTED, UNCERTAIN, Finding, Level

_BESIDES: Final = (Finding.DOUBLED, Finding.SWAPPED, Finding.UNEXPECTED, Finding.BY_HAND, Finding.FOREIGN)
_DAYS: Final = 10
_HALF_HOUR: Final = 1_800
_LONGEST_ZONE: Final = 14 * 3_600


def lines(result: VerifyResult, job: str, *, report: str) -> Iterator[str]:
    """Yield the lines; `job` and `report` are how the job and the report are typed, with their flags."""
    yield f"target   {result.target}"
    yield from _reading(result)
    if result.level is Level.TOTALS:
        yield from _totals(result)
    else:
        yield from _findings(result)
    if result.listing:
        yield f"list     {result.listing}   (all of them)"
    yield f"report   {result.report}"
    yield f"result   {_verdict(result)}"
    yield from _next(result, job, f"{job} {report}".strip())


def _reading(result: VerifyResult) -> Iterator[str]:
    reading = result.reading
    yield from _files(reading.files) if reading.files else _requests(reading)
    if not reading.of_our_users:
        yield "nothing  the report has no row of our users, so absence proves nothing: is it the right bot"
        yield "         and report, is verify.columns.user right, and does it show standby messages at all?"
    if reading.unreadable_times:
        yield f"times    {reading.unreadable_times:,} rows have no readable time: see [verify.time]"
    if result.unsent:
        yield f"not sent {result.unsent:,} messages of the plan under way: nothing is expected of them"
    if result.textless:
        yield f"no text  {result.textless:,} messages are of plans that are gone: only an id could find them"


def _files(files: tuple[FileRead, ...]) -> Iterator[str]:
    for file in files:
        damaged = f", {file.damaged:,} records can't be read" if file.damaged else ""
        yield f"read     {file.rows:,} rows of {file.label}{damaged}"
    if any(file.damaged for file in files):
        yield "         with damaged records, absence proves nothing: what is not there is unknown"


def _requests(reading: Reading) -> Iterator[str]:
    kept = f", {reading.reused:,} answers kept from an interrupted reading" if reading.reused else ""
    yield f"read     {reading.rows:,} rows of {reading.days:,} days in {reading.requests:,} requests{kept}"
    if reading.by_import_day:
        yield "days     the report has nothing of our users on the days of their messages, so the days of the"
        yield "         import were read too"
    if reading.cut_days:
        shown = ", ".join(day.isoformat() for day in reading.cut_days[:_DAYS])
        more = f" and {len(reading.cut_days) - _DAYS:,} more" if len(reading.cut_days) > _DAYS else ""
        yield f"cut off  {len(reading.cut_days):,} days have more rows than an answer holds: {shown}{more}"
        yield "         ask for the e-mailed report of these days and read it with --from-file"


def _findings(result: VerifyResult) -> Iterator[str]:
    counts = result.counts
    sampled = f"   sampled of {result.accepted:,}" if result.sample else ""
    yield from _group(f"accepted {_sum(counts, ACCEPTED):>12,}{sampled}", counts, ACCEPTED)
    yield from _group(f"uncertain{_sum(counts, UNCERTAIN):>12,}", counts, UNCERTAIN)
    yield from _group("besides", counts, _BESIDES)
    if result.common_shift:
        seconds, messages = result.common_shift
        yield f"shift    {messages:,} of {counts[Finding.SHIFTED]:,} by {shift(seconds)}{_zone(seconds)}"
    if result.sample:
        yield from _sample(result.sample)
    for finding, rows in result.first.items():
        yield from (f"{finding.value:<13} {row['key']}  {_place(row)}" for row in rows)
        if counts[finding] > len(rows):
            yield f"{'':<13} and {counts[finding] - len(rows):,} more"
    if result.settled is not None:
        yield f"settled  {result.settled:,} as accepted, on the report's evidence"


def _sum(counts: dict[Finding, int], findings: Iterable[Finding]) -> int:
    return sum(counts[finding] for finding in findings)


def _group(title: str, counts: dict[Finding, int], findings: Iterable[Finding]) -> Iterator[str]:
    made = [finding for finding in findings if counts[finding]]
    if made:
        yield title
        yield from (_count(finding, counts[finding]) for finding in made)


def _count(finding: Finding, count: int) -> str:
    return f"  {finding.value:<13} {count:>8,}   {finding.meaning}"


def _sample(sample: Sample) -> Iterator[str]:
    wrong = f"{sample.wrong:,} of {sample.judged:,} wrong"
    yield f"sample   {sample.size:,} of {sample.of:,}, seed {sample.seed}: {wrong}"
    if sample.judged < sample.size:
        unseen = sample.size - sample.judged
        yield f"         the other {unseen:,} can't be judged: the bound says nothing of their like"
    most = f"{100 * sample.bound:.2f} %"
    yield f"         so with 95 % confidence at most {most} of what can be judged is wrong"
    yield "         (one-sided Clopper-Pearson bound)"


def _totals(result: VerifyResult) -> Iterator[str]:
    wrong = [day for day in result.totals if day.covered and not day.even]
    unknown = [day for day in result.totals if not day.covered]
    even = len(result.totals) - len(wrong) - len(unknown)
    yield f"days     {even:,} even, {len(wrong):,} not even, {len(unknown):,} not covered or cut off"
    for day in wrong[:_DAYS]:
        doubt = f" and {day.uncertain:,} uncertain" if day.uncertain else ""
        yield f"  {day.day}  {day.accepted:,} accepted{doubt}, {day.found:,} in the report"
    if len(wrong) > _DAYS:
        yield f"  and {len(wrong) - _DAYS:,} more: all are in the report below"


def shift(seconds: int) -> str:
    """Return a shift in words, as `+1 h`."""
    sign, size = ("-" if seconds < 0 else "+"), abs(seconds)
    hours, rest = divmod(size, 3_600)
    if not rest and hours:
        return f"{sign}{hours:,} h"
    return f"{sign}{duration(size)}" if hours else f"{sign}{size:,} s"


def _zone(seconds: int) -> str:
    if seconds and seconds % _HALF_HOUR == 0 and abs(seconds) <= _LONGEST_ZONE:
        return ": this looks like a time zone, see [verify.time] zone"
    return ""


def _place(row: dict[str, Any]) -> str:
    found = f", found at {_iso(row['found_at'])}" if row["shift_seconds"] is not None else ""
    resent = ", was resent by your word" if row["resent"] else ""
    return f"plan {row['plan']} no. {row['ordinal']:,}, user {row['user']}, {_iso(row['at'])}{found}{resent}"


def _iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _verdict(result: VerifyResult) -> str:
    if result.exit_code is ExitCode.OK:
        what = "what was sampled" if result.sample else "everything accepted"
        return f"{what} is there, once and in order" if result.counts else "the numbers of all days are even"
    return f"not everything is surely there, once and in order (exit code {result.exit_code.value})"


def _next(result: VerifyResult, job: str, again: str) -> Iterator[str]:
    counts = result.counts
    if counts.get(Finding.PROVEN) and result.settled is None:
        yield f"next     etl verify {again} --settle   (records the proven ones as accepted)"
    elif result.settled:
        yield f"next     etl import {job}   (users that waited behind them go on)"
    if counts.get(Finding.ABSENT):
        yield "next     absence is no proof: wait as long as the report may lag, look in the Inbox too, then"
        if result.absent_here:
            yield f"         etl settle {job} --resend {' '.join(result.absent_here)}"
            yield "         (if the platform has them after all they are doubled)"
        if counts[Finding.ABSENT] > len(result.absent_here):
            yield f"         for the others, see the list: etl settle {job} --resend|--skip KEY…"
