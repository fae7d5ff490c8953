"""What to type next, most pressing first. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from etl.report.summary import duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command to type, and what it means."""

    command: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How things stand, as far as it decides what to do."""

    pending: int
    rejected: int
    """Of the plan under way."""
    uncertain: int
    """Of all plans."""
    rejected_by_code: Mapping[str, int]
    forecast_seconds: float
    concern: str | None = None
    """Why an import would refuse the ledger."""


def next_steps(standing: Standing, job: str) -> list[Step]:
    """Return the commands for a job file, as it is typed; empty when nothing is left to do."""
    if standing.concern:
        return [Step(command=f"etl import {job} --restored", meaning="or put the newest ledger back")]
    steps = []
    if standing.pending:
        meaning = f"at least {duration(standing.forecast_seconds)}"
        steps.append(Step(command=f"etl import {job}", meaning=meaning))
    if standing.uncertain:
        steps += [
            Step(command=f"etl verify {job} --settle", meaning="settles by the platform's own report; or"),
            Step(command=f"etl settle {job} --accepted KEY…", meaning="it is in the Inbox"),
            Step(command=f"etl settle {job} --resend KEY…", meaning="it is not; if it is, it is doubled"),
            Step(command=f"etl settle {job} --skip KEY…", meaning="leave it out"),
        ]
    if standing.rejected:
        code = next(iter(standing.rejected_by_code), "CODE")
        meaning = "when the cause is removed; or settle --skip"
        steps.append(Step(command=f"etl retry {job} --code {code}", meaning=meaning))
    return steps
