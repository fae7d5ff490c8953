"""Whether a plan may be sent, in one word, and the three things to do next. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from etl.model.insight import Insight
from etl.model.plan import PlanSummary
from etl.model.rejects import RejectCode
from etl.report.alerts import warnings
from etl.report.thresholds import Refusal

_NEXT: Final = 3
_HARMLESS: Final = frozenset({RejectCode.EMPTY_TEXT, RejectCode.LATE})
"""Nothing to do about them."""


class Readiness(StrEnum):
    """What a dry run comes to."""

    READY = "ready"
    WARNINGS = "ready with warnings"
    NOTHING = "nothing to send"
    NOT_READY = "not ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Something to do."""

    text: str
    command: str = ""
    """To type; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The dry run's answer."""

    readiness: Readiness
    sentence: str
    refusals: tuple[Refusal, ...]
    """Why nothing is sent."""
    warnings: tuple[str, ...]
    """What to look at before sending, the gravest first."""
    steps: tuple[Step, ...]
    """At most three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The commands that a person would type for this job, without `--expect-plan`."""

    check: str = "etl check JOB"
    send: str = "etl import JOB"


def judge(
    summary: PlanSummary,
    insight: Insight,
    broken: list[Refusal],
    unknown_roles: Mapping[str, int],
    *,
    settled: int,
    typed: Typed,
) -> Verdict:
    """Return the verdict; `unknown_roles` are those that would stop an import, with their rows.

    `settled` is how many messages of the plan earlier runs have settled.
    """
    refused = [*broken, *_unnamed(unknown_roles)]
    seen = tuple(warnings(summary, insight))
    counts = summary.conservation
    if refused:
        readiness = Readiness.NOT_READY
        sentence = f"An import would send nothing, for {_many(len(refused), 'reason')}."
    elif not counts.planned:
        readiness = Readiness.NOTHING
        sentence = "The input holds no message that the ledger does not know."
    elif settled == counts.planned:
        readiness = Readiness.NOTHING
        sentence = f"All {_many(settled, 'message')} of this plan are settled already."
    else:
        readiness = Readiness.WARNINGS if seen or counts.rejects else Readiness.READY
        sentence = (
            f"{_many(counts.planned, 'message')} of {_many(summary.lanes, 'user')} can be sent"
            f"{f', {settled:,} of which are settled already' if settled else ''}"
            f"{_doubts(counts.rejects, len(seen))}."
        )
    again = Step(text="Then check again; nothing was sent yet.", command=typed.check)
    fixes = [Step(text=_sentence(f"{one.fault}: {one.remedy}")) for one in refused]
    if readiness is Readiness.NOT_READY:
        steps = [*fixes[: _NEXT - 1], *([] if len(fixes) >= _NEXT - 1 else _look(summary, ())[:1]), again]
    elif readiness is Readiness.NOTHING:
        steps = [Step(text="Nothing to do: run the same command when there is a new export.")]
    else:
        steps = [*_look(summary, seen)[: _NEXT - 1], *_send(summary, typed.send)]
    return Verdict(
        readiness=readiness,
        sentence=sentence,
        refusals=tuple(refused),
        warnings=seen,
        steps=tuple(steps[:_NEXT]),
    )


def _unnamed(unknown_roles: Mapping[str, int]) -> Iterator[Refusal]:
    if unknown_roles:
        listed = ", ".join(
            f"{value} ({_many(count, 'row')})" for value, count in list(unknown_roles.items())[:20]
        )
        yield Refusal(
            fault=f"roles that the job does not name: {listed}",
            remedy="name each under `[roles]`, if only under skip",
        )


def _look(summary: PlanSummary, seen: tuple[str, ...]) -> list[Step]:
    """Return what to correct or look at, rejects by number and then warnings, if it is worth a look."""
    codes = sorted(summary.rejects_by_code.items(), key=lambda item: -item[1])
    worth = [(RejectCode(code), count) for code, count in codes if RejectCode(code) not in _HARMLESS]
    steps = []
    if worth:
        total = sum(count for _, count in worth)
        text = f"Look at the {_many(total, 'reject')} in rejects.csv"
        if len(worth) == 1:
            code = worth[0][0]
            text += f": {code.meaning} ({code}). To mend it, {code.remedy}."
        else:
            most = ", ".join(f"{code} {count:,}" for code, count in worth[:_NEXT])
            more = " …" if len(worth) > _NEXT else ""
            text += f" ({len(worth)} kinds: {most}{more}): the list of rejects says how to mend each."
        steps.append(Step(text=text))
    return [*steps, *(Step(text=f"Look into this: {_sentence(line)}") for line in seen)]


def _send(summary: PlanSummary, command: str) -> Iterator[Step]:
    approved = f"{command} --expect-plan {summary.hash[:12]}"
    yield Step(
        text="Send one user first; look at the conversation in the Inbox, then say yes to the rest.",
        command=f"{approved} --canary",
    )
    yield Step(text="Or send all of exactly this plan at once.", command=approved)


def _doubts(rejects: int, seen: int) -> str:
    left = (
        f"; {_many(rejects, 'row')} {'is' if rejects == 1 else 'are'} left out as rejects" if rejects else ""
    )
    read = f"; read the {_many(seen, 'warning')} first" if seen else ""
    return left + read or ", and nothing looks odd"


def _many(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
