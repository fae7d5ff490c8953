"""`etl settle`: a person's word on messages whose fate is unknown, recorded with who, when and why."""

import getpass
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass

from etl.clock import SYSTEM
from etl.config.load import JobFile
from etl.config.workspace import workspace
from etl.errors import UsageError
from etl.ledger.interface import Decision, Entry, Ledger
from etl.ledger.lock import TargetLock
from etl.ledger.sqlite import open_ledger
from etl.model.states import State

MOST = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleResult:
    """What was decided."""

    settled: int
    state: State
    left_uncertain: int


def run_settle(
    job_file: JobFile,
    *,
    sandbox: bool,
    state: State,
    keys: Collection[str],
    why: str,
) -> SettleResult:
    """Move the uncertain messages with those keys (none: all) to `state`.

    A message of a plan that is no longer under way can't be sent again from it: `PENDING` is refused there.

    Raises:
        UsageError: a key is not uncertain, or can't be sent again.
        LaterError: a run is active.
        LedgerError: the ledger can't be used.
    """
    space = workspace(job_file.state, job_file.job.target, sandbox=sandbox)
    if not space.ledger.exists():
        raise UsageError(f"there is no ledger {space.ledger}")
    with (
        TargetLock(space.folder),
        closing(open_ledger(space.ledger, target=space.target, create=False)) as ledger,
    ):
        ledger.recover(now_us=SYSTEM.wall_us())
        uncertain = ledger.entries(frozenset({State.UNCERTAIN}), limit=MOST)
        chosen = _chosen(uncertain, keys)
        if state is State.PENDING:
            _refuse_closed(ledger, chosen)
        who = getpass.getuser()
        now_us = SYSTEM.wall_us()
        ledger.decide(
            [
                Decision(
                    plan=entry.plan,
                    ordinal=entry.ordinal,
                    state=state,
                    who=who,
                    why=why,
                    now_us=now_us,
                )
                for entry in chosen
            ],
        )
    return SettleResult(settled=len(chosen), state=state, left_uncertain=len(uncertain) - len(chosen))


def _chosen(uncertain: list[Entry], keys: Collection[str]) -> list[Entry]:
    if not keys:
        return uncertain
    by_key = {entry.key.hex(): entry for entry in uncertain}
    unknown = [key for key in keys if key not in by_key]
    if unknown:
        raise UsageError(
            f"not uncertain, or not in this ledger: {', '.join(unknown)}",
            hint="etl status JOB lists what is uncertain",
        )
    return [by_key[key] for key in dict.fromkeys(keys)]


def _refuse_closed(ledger: Ledger, chosen: list[Entry]) -> None:
    under_way = ledger.open_plan()
    closed = [entry for entry in chosen if under_way is None or entry.plan != under_way.number]
    if closed:
        raise UsageError(
            f"{closed[0].key.hex()} belongs to a plan that is no longer under way and can't be sent from it",
            hint="settle it as --accepted or --skip",
        )
