"""`etl settle`: a person's word on messages, recorded with who, when and why."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from etl.clock import SYSTEM
from etl.config.load import JobFile
from etl.config.workspace import workspace
from etl.errors import UsageError
from etl.ledger.interface import Ledger, Selection, Word
from etl.model.events import Event
from etl.model.states import State
from etl.pipeline.choosing import Choice, Chosen, chosen
from etl.pipeline.opening import opened, who


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleResult:
    """What was decided, or would be."""

    chosen: Chosen
    state: State
    settled: int
    left_uncertain: int
    left_rejected: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleWish:
    """What the command line asks."""

    choice: Choice
    state: State
    """`accepted`, `pending` (send again) or `skipped`."""
    why: str
    sandbox: bool = False
    dry_run: bool = False


def run_settle(job_file: JobFile, wish: SettleWish, observe: Callable[[Event], None]) -> SettleResult:
    """Follow a word on uncertain messages; `skipped` may be said of rejected ones, too.

    A message of a plan that is no longer under way can't be sent again from it: `PENDING` is refused there.

    Raises:
        UsageError: the choice fits nothing, or something that can't be sent again.
        LaterError: a run is active.
        LedgerError: the ledger can't be used.
    """
    space = workspace(job_file.state, job_file.job.target, sandbox=wish.sandbox, ledger=job_file.job.ledger)
    with opened(space, create=False, observe=observe) as found:
        ledger = found.ledger
        selection = wish.choice.selection(_states(wish))
        what = chosen(ledger, selection, wish.choice)
        if wish.state is State.PENDING:
            _refuse_closed(ledger, selection, what)
        settled = 0
        if not wish.dry_run:
            word = Word(state=wish.state, who=who(), why=wish.why, now_us=SYSTEM.wall_us())
            settled = ledger.settle(selection, word)
        counts = ledger.counts()
    return SettleResult(
        chosen=what,
        state=wish.state,
        settled=settled,
        left_uncertain=counts.get(State.UNCERTAIN, 0),
        left_rejected=counts.get(State.REJECTED, 0),
    )


def _states(wish: SettleWish) -> frozenset[State]:
    """Return what can be meant: --all speaks of what is uncertain, a refusal has to be named."""
    if wish.state is State.SKIPPED and not wish.choice.everything:
        return frozenset({State.UNCERTAIN, State.REJECTED})
    return frozenset({State.UNCERTAIN})


def _refuse_closed(ledger: Ledger, selection: Selection, what: Chosen) -> None:
    under_way = ledger.open_plan()
    inside = 0
    if under_way is not None:
        inside = sum(ledger.count_chosen(replace(selection, plan=under_way.number)).values())
    if inside < what.messages:
        raise UsageError(
            f"{what.messages - inside:,} of them belong to a plan that is no longer under way and can't be "
            "sent from it",
            hint="settle those as --accepted or --skip",
        )
