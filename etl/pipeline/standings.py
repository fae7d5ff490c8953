"""How a plan stands against its ledger: promise P1 on the sending side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from etl.ledger.interface import Ledger
from etl.model.plan import PlanFolder
from etl.model.states import SETTLED, State
from etl.plan.lanes import PlanReader
from etl.replay.lane import standing


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStates:
    """Messages of a plan by where they stand; the sum is what was planned."""

    accepted: int
    rejected: int
    uncertain: int
    skipped: int
    held: int
    pending: int

    @property
    def complete(self) -> bool:
        """Return whether every message was accepted, or skipped by a person's word."""
        return not (self.rejected or self.uncertain or self.held or self.pending)


NOTHING: Final = PlanStates(accepted=0, rejected=0, uncertain=0, skipped=0, held=0, pending=0)
"""How a plan without messages stands."""


def plan_states(
    ledger: Ledger,
    number: int,
    plan: PlanFolder,
    *,
    blocking: frozenset[State],
) -> PlanStates:
    """Return the states of one plan's messages."""
    counts = ledger.counts(number)
    uncertain = counts.get(State.UNCERTAIN, 0) + counts.get(State.IN_FLIGHT, 0)
    held = _held(ledger, number, plan, blocking)
    return PlanStates(
        accepted=counts.get(State.ACCEPTED, 0),
        rejected=counts.get(State.REJECTED, 0),
        uncertain=uncertain,
        skipped=counts.get(State.SKIPPED, 0),
        held=held,
        pending=plan.summary.conservation.planned - settled(counts) - uncertain - held,
    )


def settled(counts: Mapping[State, int]) -> int:
    """Return how many of the messages that a ledger counted are settled."""
    return sum(counts.get(state, 0) for state in SETTLED)


def _held(ledger: Ledger, number: int, plan: PlanFolder, blocking: frozenset[State]) -> int:
    blocked = ledger.blocked_lanes(blocking)
    if not blocked:
        return 0
    held = 0
    for lane in PlanReader(plan).named(blocked):
        ordinals, states = ledger.progress(number, lane.first, lane.first + lane.length)
        held += standing(lane, ordinals, states, blocking=blocking).held
    return held
