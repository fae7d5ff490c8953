"""The validation report's content: what a person approves before anything is sent."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from etl.model.insight import Insight
from etl.model.plan import PlanSummary
from etl.model.profile import Example, Profile
from etl.model.rejects import RejectCode
from etl.report.summary import plan_json
from etl.report.validation import RejectLine
from etl.report.verdict import Verdict

VERSION: Final = 1
"""Of the JSON's form; a key that is renamed, removed or means something else needs a new number."""

KEYS: Final = {
    "report": 'always "validation"',
    "version": "the form of this file: 1",
    "made_at": "when, ISO 8601 UTC",
    "etl_version": "by which version of etl",
    "verdict": "readiness (ready, ready with warnings, nothing to send, not ready), sentence, refusals, "
    "warnings and up to three steps",
    "job": "the job file, its source, and how messages will look",
    "target": "the address that messages would be posted to",
    "plan": "everything that plan.json says, hash, conservation of rows, roles …, and the insight",
    "forecast": "seconds at least and at most, both bounds, rate, and nights of the window",
    "profile": "histograms of time, hours, lanes, silences and lengths; macros, echoes, utterances",
    "languages": "language code to share of the sampled customers' texts; null without the extra `languages`",
    "examples": "masked messages, with --examples",
    "rejects": "by code: rows, meaning, remedy and the first places",
    "unknown_roles": "role values that would stop an import, and their rows",
}
"""Each key of the JSON and what it holds; the README has the same table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the messages will look."""

    job: str
    """The job file as it was named."""
    source: str
    lane: str
    speaker: str
    agent_prefix: str
    bot_prefix: str
    masked: tuple[str, ...]
    """Kinds of personal data that are replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How long an import takes."""

    least_seconds: float
    most_seconds: float
    """If answers take three times as long as assumed and the longest lane ends last."""
    rate_bound_seconds: float
    lane_bound_seconds: float
    rate_per_second: float
    latency_seconds: float
    """Assumed."""
    lanes_at_once: int
    window: str | None
    """The hours in which may be sent."""
    nights: tuple[int, int] | None
    """How many openings of that window, at least and at most."""
    earliest_end: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """Everything that the report says."""

    made_at: str
    etl_version: str
    verdict: Verdict
    manner: Manner
    target: str
    summary: PlanSummary
    insight: Insight
    outlook: Outlook
    profile: Profile
    languages: Mapping[str, float] | None
    examples: tuple[Example, ...]
    first_rejects: tuple[RejectLine, ...]
    unknown_roles: Mapping[str, int]

    @property
    def example_rows(self) -> list[tuple[str, str]]:
        """Return the examples as rows."""
        return [(example.role, example.shape) for example in self.examples]

    @property
    def reject_codes(self) -> list[tuple[RejectCode, int, tuple[RejectLine, ...]]]:
        """Return each code that occurs with its rows and first places, in the order of the closed list."""
        return [
            (code, count, tuple(line for line in self.first_rejects if line.code is code))
            for code in RejectCode
            if (count := self.summary.rejects_by_code.get(code.value, 0))
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the report for machines, by `KEYS`."""
        return {
            "report": "validation",
            "version": VERSION,
            "made_at": self.made_at,
            "etl_version": self.etl_version,
            "verdict": asdict(self.verdict),
            "job": asdict(self.manner),
            "target": self.target,
            "plan": plan_json(self.summary, self.insight),
            "forecast": asdict(self.outlook),
            "profile": asdict(self.profile),
            "languages": None if self.languages is None else dict(self.languages),
            "examples": [asdict(example) for example in self.examples],
            "rejects": [
                {
                    "code": code.value,
                    "rows": count,
                    "meaning": code.meaning,
                    "remedy": code.remedy,
                    "first": [asdict(line) for line in lines],
                }
                for code, count, lines in self.reject_codes
            ],
            "unknown_roles": dict(self.unknown_roles),
        }
