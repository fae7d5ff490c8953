"""What a report proves is settled; what it does not show is left to a person."""

from collections.abc import Sequence

from etl.clock import SYSTEM
from etl.config.workspace import Workspace
from etl.ledger.interface import Decision
from etl.model.events import Event
from etl.model.states import State
from etl.pipeline.opening import opened
from etl.verify.verdicts import Proof

WHO = "etl verify"


def _unheard(_: Event) -> None:
    """Say nothing: the verification reports what it settled itself."""


def recover(space: Workspace) -> None:
    """Turn what a dead run left in flight into uncertain, so that it can be settled.

    Raises:
        LaterError: a run is active.
        LedgerError: the ledger can't be used.
    """
    with opened(space, create=False, observe=_unheard):
        pass


def settle(space: Workspace, proofs: Sequence[Proof], *, evidence: str) -> int:
    """Record as accepted what is proven and still uncertain; return how many that were.

    Raises:
        LaterError: a run is active.
        LedgerError: the ledger can't be used.
    """
    if not proofs:
        return 0
    with opened(space, create=False, observe=_unheard) as found:
        ledger = found.ledger
        everything = ledger.counts().get(State.UNCERTAIN, 0)
        uncertain = ledger.entries(frozenset({State.UNCERTAIN}), limit=everything)
        still = {(entry.plan, entry.ordinal) for entry in uncertain}
        decisions = [
            Decision(
                plan=proof.plan,
                ordinal=proof.ordinal,
                state=State.ACCEPTED,
                who=WHO,
                why=f"{evidence}, {'by its id' if proof.by_id else 'by user, text and time, counted'}",
                now_us=SYSTEM.wall_us(),
            )
            for proof in proofs
            if (proof.plan, proof.ordinal) in still
        ]
        ledger.decide(decisions)
    return len(decisions)
