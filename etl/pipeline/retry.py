"""`etl retry`: rejected messages of the plan under way are put back; the next import sends them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from etl.clock import SYSTEM
from etl.config.load import JobFile
from etl.config.workspace import Workspace, workspace
from etl.errors import UsageError
from etl.ledger.interface import Decision, Entry, Ledger, PlanRecord
from etl.model.events import Event
from etl.model.states import State
from etl.pipeline.choosing import Choice, Chosen, chosen
from etl.pipeline.opening import opened, who
from etl.pipeline.plans import Plans
from etl.plan.lanes import PlanReader

_REJECTED = frozenset({State.REJECTED})


class Late(StrEnum):
    """What becomes of a message whose user's later ones were accepted meanwhile."""

    REFUSE = "refuse"
    LEAVE = "leave"
    SEND = "send"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryWish:
    """What the command line asks."""

    choice: Choice
    late: Late
    why: str
    sandbox: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryResult:
    """What was put back, or would be."""

    chosen: Chosen
    late: int
    """Of these, how many would arrive after later messages of their user."""
    put_back: int
    closed: int
    """Others that fit, of plans that are no longer under way; they can't be sent any more."""


def run_retry(job_file: JobFile, wish: RetryWish, observe: Callable[[Event], None]) -> RetryResult:
    """Put the chosen rejected messages back.

    Raises:
        UsageError: nothing fits, or the order would suffer and nobody said that it may.
        LaterError: a run is active.
        LedgerError: the ledger can't be used.
    """
    space = workspace(job_file.state, job_file.job.target, sandbox=wish.sandbox, ledger=job_file.job.ledger)
    with opened(space, create=False, observe=observe) as found:
        ledger = found.ledger
        under_way = ledger.open_plan()
        if under_way is None:
            raise UsageError("no plan is under way", hint="etl import JOB")
        everywhere = sum(ledger.count_chosen(wish.choice.selection(_REJECTED)).values())
        selection = wish.choice.selection(_REJECTED, plan=under_way.number)
        what = chosen(ledger, selection, wish.choice)
        entries = ledger.chosen(selection, limit=what.messages)
        late = _late(ledger, space, under_way, entries)
        back = _follow(entries, late, wish.late)
        put_back = 0 if wish.dry_run else _put_back(ledger, back, wish.why)
    return RetryResult(
        chosen=what,
        late=len(late),
        put_back=put_back,
        closed=everywhere - what.messages,
    )


def _late(ledger: Ledger, space: Workspace, under_way: PlanRecord, entries: list[Entry]) -> set[int]:
    """Return the ordinals behind which a later message of the same lane was accepted."""
    plans = Plans(space, ledger)
    plan = plans.load(under_way.hash)
    if plan is None:
        raise UsageError(
            f"the folder of plan {under_way.hash[:12]} is gone: {plans.place(under_way.hash)}",
            hint="etl import JOB makes it anew; the ledger is intact",
        )
    late: set[int] = set()
    by_lane: dict[str, list[int]] = {}
    for entry in entries:
        by_lane.setdefault(entry.lane, []).append(entry.ordinal)
    for lane in PlanReader(plan).named(by_lane):
        stored = zip(*ledger.progress(under_way.number, lane.first, lane.first + lane.length), strict=True)
        newest = max((ordinal for ordinal, state in stored if state is State.ACCEPTED), default=-1)
        late.update(ordinal for ordinal in by_lane[lane.name] if ordinal < newest)
    return late


def _follow(entries: list[Entry], late: set[int], rule: Late) -> list[Entry]:
    """Return what is put back by the rule about late ones. Pure."""
    if not late:
        return entries
    match rule:
        case Late.SEND:
            return entries
        case Late.LEAVE:
            return [entry for entry in entries if entry.ordinal not in late]
        case Late.REFUSE:
            raise UsageError(
                f"{len(late):,} of {len(entries):,} would arrive out of order: later messages of their users "
                "were accepted already",
                hint="--late leave retries only the others; --late send sends them all the same; "
                'with replay.on_rejected = "hold" a user waits behind a refusal',
            )
        case _:
            assert_never(rule)


def _put_back(ledger: Ledger, entries: Iterable[Entry], why: str) -> int:
    person, now_us = who(), SYSTEM.wall_us()
    decisions = [
        Decision(
            plan=entry.plan,
            ordinal=entry.ordinal,
            state=State.PENDING,
            who=person,
            why=why,
            now_us=now_us,
        )
        for entry in entries
    ]
    ledger.decide(decisions)
    return len(decisions)
