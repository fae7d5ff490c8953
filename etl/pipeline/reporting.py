"""Run reports: made from plan and ledger alone, at a run's end and at any time later."""

import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc

from etl import __version__
from etl.clock import MICROSECONDS, SYSTEM
from etl.config.load import JobFile
from etl.config.workspace import Workspace
from etl.ledger.interface import Entry, Ledger, PlanRecord, RunRecord, Selection
from etl.model.plan import PlanFolder
from etl.model.states import State
from etl.pipeline.standings import plan_states
from etl.plan.forecast import forecast
from etl.replay.lane import blocking_states
from etl.report.approved import Approved, approved
from etl.report.instants import stamp
from etl.report.outcome import write_report
from etl.report.replayed import Answers, RunReport, Unsettled
from etl.report.replayed_page import write_run_page
from etl.report.steps import Standing, Step, next_steps
from etl.report.timeline import Timeline

LISTED: Final = 10
"""Messages of each unsettled state that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a report tells of."""

    job_file: JobFile
    job: str
    """The job file as a person types it."""
    space: Workspace
    ledger: Ledger
    plan: PlanFolder
    record: PlanRecord | None
    """The plan in the ledger; None when nothing of it was ever to be sent."""
    runs: tuple[RunRecord, ...]
    scope: str


def subject_of(
    job_file: JobFile,
    space: Workspace,
    ledger: Ledger,
    plan: PlanFolder,
    *,
    sandbox: bool,
    runs: Sequence[int] | None = None,
) -> Subject:
    """Return what a report of these runs tells of; without `runs` it is the whole plan."""
    record = next((one for one in reversed(ledger.plans()) if one.hash == plan.summary.hash), None)
    number = record.number if record else 0
    chosen = [run for run in ledger.runs() if (run.plan == number if runs is None else run.number in runs)]
    return Subject(
        job_file=job_file,
        job=shlex.join([str(job_file.path), *(["--sandbox"] if sandbox else [])]),
        space=space,
        ledger=ledger,
        plan=plan,
        record=record,
        runs=tuple(chosen),
        scope="plan" if runs is None else "run",
    )


def write_files(report: RunReport, path: Path) -> None:
    """Write a report as JSON and, beside it, as a page.

    Raises:
        UsageError: one can't be written; the run itself is safe in the ledger.
    """
    write_report(path, report.as_json())
    write_run_page(path.with_suffix(".html"), report, json_file=path)


def run_report(subject: Subject, *, command: Mapping[str, Any] | None = None) -> RunReport:
    """Return the report; `command` is what only the command that sent could know.

    Raises:
        LedgerError: the ledger can't be read.
    """
    ledger, job = subject.ledger, subject.job_file.job
    numbers = [run.number for run in subject.runs]
    start_us = min((run.started_us for run in subject.runs), default=0)
    timeline, answers = _outcomes(ledger, numbers, Timeline(start_us))
    pauses = tuple(ledger.pauses(numbers))
    states = _states(subject)
    unsettled = unsettled_of(subject.job_file, ledger)
    last_us = timeline.last_us
    return RunReport(
        made_at_us=SYSTEM.wall_us(),
        etl_version=__version__,
        job=subject.job,
        source=job.source,
        target=subject.space.target,
        scope=subject.scope,
        runs=subject.runs,
        summary=subject.plan.summary,
        states=states,
        answers=answers,
        pauses=pauses,
        allowed_per_second=_allowed(subject.runs, job.replay.rate.per_second),
        learned_per_second=ledger.learned_rate_per_second() if job.replay.adapt else None,
        latency=timeline.latency(),
        timeline=timeline.points(max((run.ended_us or last_us for run in subject.runs), default=0), pauses),
        active_seconds=sum(_seconds(run, last_us) for run in subject.runs),
        approved=_approved(subject),
        words=ledger.words(subject.record.number) if subject.record else {},
        unsettled=unsettled,
        steps=tuple(_steps(subject, states, unsettled)),
        seals=tuple(ledger.seals()),
        command=command,
    )


def unsettled_of(job_file: JobFile, ledger: Ledger) -> Unsettled:
    """Return what waits for a person, over all plans."""
    blocking = blocking_states(hold_rejected=job_file.job.replay.on_rejected == "hold")
    return Unsettled(
        uncertain_by_code=by_code(ledger, State.UNCERTAIN),
        rejected_by_code=by_code(ledger, State.REJECTED),
        held_lanes=len(ledger.blocked_lanes(blocking)),
        listed=listed(ledger),
    )


def listed(ledger: Ledger) -> tuple[Entry, ...]:
    """Return the first uncertain and the first rejected messages of all plans."""
    uncertain = ledger.entries(frozenset({State.UNCERTAIN}), limit=LISTED)
    rejected = ledger.entries(frozenset({State.REJECTED}), limit=LISTED)
    return (*uncertain, *rejected)


def by_code(ledger: Ledger, state: State) -> dict[str, int]:
    """Return messages of all plans in a state by code, most first."""
    found = ledger.count_chosen(Selection(states=frozenset({state})))
    return {code: count for (_, code), count in found.items()}


def report_path(space: Workspace, stem: str, at_us: int) -> Path:
    """Return where the JSON of a report goes; its page lies beside it."""
    return space.reports / f"{stem}-{stamp(at_us)}.json"


def _approved(subject: Subject) -> Approved:
    found = approved(
        subject.space.reports,
        subject.plan.summary,
        expected=tuple(run.expected_plan for run in subject.runs if run.expected_plan),
    )
    if found.check_file is None:
        return found
    return replace(found, check_file=subject.space.shown(Path(found.check_file)))


def _outcomes(
    ledger: Ledger, runs: Sequence[int], timeline: Timeline
) -> tuple[Timeline, tuple[Answers, ...]]:
    answers: Counter[tuple[str, str, int | None]] = Counter()
    for batch in ledger.acceptances(runs):
        timeline.accepted(batch["at_us"].to_numpy(), batch["took_us"].to_numpy())
        for found in pc.value_counts(batch["http_status"]).to_pylist():
            answers[State.ACCEPTED.value, "accepted", found["values"]] += found["counts"]
    for batch in ledger.attempts(runs):
        timeline.ended(batch["at_us"].to_numpy(), batch["state"].to_pylist())
        kinds = zip(*(batch[name].to_pylist() for name in ("state", "code", "http_status")), strict=True)
        answers.update(kinds)
    ranked = sorted(answers.items(), key=lambda one: (-one[1], one[0][:2], one[0][2] or 0))
    return timeline, tuple(
        Answers(outcome=state, code=code, http_status=status, attempts=count)
        for (state, code, status), count in ranked
    )


def _states(subject: Subject) -> dict[str, int]:
    if subject.record is None:
        return {}
    hold = subject.job_file.job.replay.on_rejected == "hold"
    blocking = blocking_states(hold_rejected=hold)
    return asdict(plan_states(subject.ledger, subject.record.number, subject.plan, blocking=blocking))


def _steps(subject: Subject, states: Mapping[str, int], unsettled: Unsettled) -> list[Step]:
    job, pending = subject.job_file.job, states.get("pending", 0)
    least = forecast(
        messages=pending,
        longest_lane=min(subject.plan.summary.longest_lane, pending),
        rate_per_second=job.replay.rate.per_second,
        latency_seconds=job.plan.latency_seconds,
    )
    standing = Standing(
        pending=pending,
        rejected=states.get("rejected", 0),
        uncertain=sum(unsettled.uncertain_by_code.values()),
        rejected_by_code=unsettled.rejected_by_code,
        forecast_seconds=least.seconds,
    )
    return next_steps(standing, subject.job)


def _allowed(runs: Sequence[RunRecord], now: float) -> float:
    return max((run.allowed_per_second for run in runs if run.allowed_per_second), default=now)


def _seconds(run: RunRecord, last_us: int) -> float:
    ended_us = run.ended_us if run.ended_us is not None else max(last_us, run.started_us)
    return (ended_us - run.started_us) / MICROSECONDS
