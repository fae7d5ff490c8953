"""A worker's entries as the columns of its statements, each with the claim that it is made under."""

from collections.abc import Callable, Sequence
from typing import Any

from etl.ledger.interface import Intent, Outcome
from etl.ledger.postgres.words import storable
from etl.ledger.sharing import Claim
from etl.model.states import State

Columns = tuple[list[Any], ...]
ClaimOf = Callable[[int], Claim]
"""Tells the claim of a message by its ordinal."""


def intent_columns(intents: Sequence[Intent], claim_of: ClaimOf) -> Columns:
    """Return the parameters of `INTENTS` but the last; there is one intent at least."""
    claims = [claim_of(intent.ordinal) for intent in intents]
    rows = [(*intent, claim.number, claim.epoch) for intent, claim in zip(intents, claims, strict=True)]
    return tuple(map(list, zip(*rows, strict=True)))


def outcome_columns(outcomes: Sequence[Outcome], claim_of: ClaimOf) -> Columns:
    """Return the parameters of `OUTCOMES` but the last; there is one outcome at least."""
    rows = [_row(outcome, claim_of(outcome.ordinal), state=outcome.state) for outcome in outcomes]
    return tuple(map(list, zip(*rows, strict=True)))


def late_columns(outcomes: Sequence[Outcome], claim_of: ClaimOf) -> Columns:
    """Return the parameters of `LATE` but the last two; there is one outcome at least."""
    rows = [_row(outcome, claim_of(outcome.ordinal), state=_late(outcome.state)) for outcome in outcomes]
    return tuple(map(list, zip(*rows, strict=True)))


def _late(state: State) -> State:
    # It was surely not taken; what is uncertain can't become rejected.
    return State.PENDING if state is State.REJECTED else state


def _row(outcome: Outcome, claim: Claim, *, state: State) -> tuple[Any, ...]:
    told = state is not State.ACCEPTED or outcome.phase != "answered"
    return (
        state.value, outcome.http_status, storable(outcome.reason), storable(outcome.platform_id),
        storable(outcome.conversation_id), None if state is State.PENDING else outcome.now_us,
        outcome.plan, outcome.ordinal, outcome.run, claim.number, claim.epoch, outcome.phase,
        outcome.now_us if told else None,
    )  # fmt: skip
