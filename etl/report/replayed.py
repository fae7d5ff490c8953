"""The run report's content: what one run, or all runs of a plan, did, and how the plan stands now."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from etl.ledger.evidence import Pause, Seal
from etl.ledger.interface import Entry, RunRecord
from etl.model.plan import PlanSummary
from etl.report.approved import Approved
from etl.report.entries import entry_json
from etl.report.instants import iso
from etl.report.steps import Step
from etl.report.summary import plan_json
from etl.report.timeline import Latency, Point, union

VERSION: Final = 1
"""Of the JSON's form; a key that is renamed, removed or means something else needs a new number."""

LISTED_PAUSES: Final = 20

KEYS: Final = {
    "report": 'always "run"',
    "version": "the form of this file: 1",
    "made_at": "when, ISO 8601 UTC",
    "etl_version": "by which version of etl",
    "job": "the job file and its source",
    "target": "where the messages went",
    "scope": '"run", or "plan": all runs of the plan together',
    "runs": "the runs it tells of: number, host, pid, version, started_at, ended_at (null: killed, or it "
    "runs), exit_code, stop, allowed_per_second, expected, forecast_seconds, expected_plan",
    "plan": "everything that plan.json says: hash, conservation of rows, roles …",
    "states": "messages of the plan by where they stand now; their sum is `planned`",
    "planned": "messages of the plan",
    "balanced": "whether the sum is right",
    "sent": "messages that these runs settled, by what came of them",
    "answers": "attempts by outcome, code and HTTP status; `pending` ones were put back and tried again",
    "retries": "attempts that were put back",
    "pauses": "how often the API asked everybody to wait, for how long, and the longest of them",
    "pace": "allowed_per_second, learned_per_second (null: all of it) and reached_per_second",
    "latency_seconds": "p50, p95, p99 and most, from intent to recorded acceptance; up to 10 % high",
    "timeline": "at most 120 stretches of time with counts by outcome, attempts a second, pauses, latency",
    "forecast": "expected messages and seconds at least, as reckoned at the start, and what it took",
    "approved": "the plan that --expect-plan named, and the newest check with what differs from it",
    "words": "people's words on messages of the plan, by the state they led to",
    "unsettled": "uncertain and rejected messages by code, users held, and the first of them",
    "next": "the commands to type next, most pressing first",
    "seals": "of all runs so far: run, accepted, attempts, last_word, digest (SHA-256, chained), at",
    "command": "what the import itself knew: seconds, recovered, stop, canary, conversations, files, "
    "exit_code; null in a report that was made later",
}
"""Each key of the JSON and what it holds; the README has the same table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Attempts that ended alike."""

    outcome: str
    code: str
    http_status: int | None
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """What waits for a person."""

    uncertain_by_code: Mapping[str, int]
    rejected_by_code: Mapping[str, int]
    held_lanes: int
    listed: tuple[Entry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """Everything that the report says; all but `command` and `approved` comes from plan and ledger."""

    made_at_us: int
    etl_version: str
    job: str
    """The job file as a person types it, with --sandbox where it belongs."""
    source: str
    target: str
    scope: str
    runs: tuple[RunRecord, ...]
    summary: PlanSummary
    states: Mapping[str, int]
    answers: tuple[Answers, ...]
    pauses: tuple[Pause, ...]
    allowed_per_second: float
    learned_per_second: float | None
    latency: Latency | None
    timeline: tuple[Point, ...]
    active_seconds: float
    """From each run's start to its end, or to its last outcome where it has no end."""
    approved: Approved
    words: Mapping[str, int]
    unsettled: Unsettled
    steps: tuple[Step, ...]
    seals: tuple[Seal, ...]
    command: Mapping[str, Any] | None

    @property
    def balanced(self) -> bool:
        """Return whether the states add up to what was planned (promise P1)."""
        return sum(self.states.values()) == self.summary.conservation.planned

    @property
    def sent(self) -> dict[str, int]:
        """Return messages that these runs settled, by outcome."""
        found: dict[str, int] = {}
        for answers in self.answers:
            if answers.outcome != "pending":
                found[answers.outcome] = found.get(answers.outcome, 0) + answers.attempts
        return found

    @property
    def retries(self) -> int:
        """Return attempts that were put back to be made again."""
        return sum(answers.attempts for answers in self.answers if answers.outcome == "pending")

    @property
    def paused_seconds(self) -> float:
        """Return for how long at least one pause held, while the runs went on."""
        last_us = max((run.ended_us or 0 for run in self.runs), default=0)
        stretches = union(self.pauses)
        return sum(min(end, last_us or end) - begin for begin, end in stretches) / 1e6

    @property
    def reached_per_second(self) -> float | None:
        """Return attempts a second over all of the time."""
        attempts = sum(answers.attempts for answers in self.answers)
        return attempts / self.active_seconds if attempts and self.active_seconds else None

    @property
    def expected(self) -> int:
        """Return how many messages the runs set out to send."""
        return sum(run.expected or 0 for run in self.runs)

    @property
    def forecast_seconds(self) -> float | None:
        """Return how long these were reckoned to take at least; None where a run's aim is not known."""
        found = [run.forecast_seconds for run in self.runs if run.forecast_seconds is not None]
        return sum(found) if found else None

    def as_json(self) -> dict[str, Any]:
        """Return the report for machines, by `KEYS`."""
        return {
            "report": "run",
            "version": VERSION,
            "made_at": iso(self.made_at_us),
            "etl_version": self.etl_version,
            "job": {"file": self.job, "source": self.source},
            "target": self.target,
            "scope": self.scope,
            "runs": [run_json(run) for run in self.runs],
            "plan": plan_json(self.summary),
            "states": dict(self.states),
            "planned": self.summary.conservation.planned,
            "balanced": self.balanced,
            "sent": self.sent,
            "answers": [asdict(answers) for answers in self.answers],
            "retries": self.retries,
            "pauses": {
                "count": len(self.pauses),
                "seconds": self.paused_seconds,
                "longest": [_pause_json(pause) for pause in self.longest_pauses],
            },
            "pace": {
                "allowed_per_second": self.allowed_per_second,
                "learned_per_second": self.learned_per_second,
                "reached_per_second": self.reached_per_second,
            },
            "latency_seconds": asdict(self.latency) if self.latency else None,
            "timeline": [_dated(point) | {"per_second": point.per_second} for point in self.timeline],
            "forecast": {
                "expected": self.expected,
                "seconds": self.forecast_seconds,
                "took_seconds": self.active_seconds,
            },
            "approved": asdict(self.approved),
            "words": dict(self.words),
            "unsettled": {
                "uncertain_by_code": dict(self.unsettled.uncertain_by_code),
                "rejected_by_code": dict(self.unsettled.rejected_by_code),
                "held_lanes": self.unsettled.held_lanes,
                "listed": [entry_json(entry) for entry in self.unsettled.listed],
            },
            "next": [step.command for step in self.steps],
            "seals": [_dated(seal) for seal in self.seals],
            "command": dict(self.command) if self.command is not None else None,
        }

    @property
    def first_steps(self) -> list[Step]:
        """Return what to type next for all at once; what is typed for one message stands with the message."""
        return [step for step in self.steps if "KEY" not in step.command]

    @property
    def longest_pauses(self) -> list[Pause]:
        """Return the longest ones, so that a report stays small."""
        ranked = sorted(self.pauses, key=lambda pause: (pause.at_us - pause.until_us, pause.at_us))
        return ranked[:LISTED_PAUSES]


def run_json(run: RunRecord) -> dict[str, Any]:
    """Return a run for machines."""
    return {
        "number": run.number,
        "host": run.host,
        "pid": run.pid,
        "version": run.version,
        "started_at": iso(run.started_us),
        "ended_at": None if run.ended_us is None else iso(run.ended_us),
        "exit_code": run.exit_code,
        "stop": run.stop,
        "allowed_per_second": run.allowed_per_second,
        "expected": run.expected,
        "forecast_seconds": run.forecast_seconds,
        "expected_plan": run.expected_plan,
    }


def _dated(one: Point | Seal) -> dict[str, Any]:
    """Return a value for machines with its instant first."""
    values = asdict(one)
    return {"at": iso(values.pop("at_us")), **values}


def _pause_json(pause: Pause) -> dict[str, object]:
    seconds = (pause.until_us - pause.at_us) / 1e6
    return {"at": iso(pause.at_us), "seconds": seconds, "reason": pause.reason}
