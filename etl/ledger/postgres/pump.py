"""A worker's side of a run by many: it commits only for shards that are its own, and hears of the others.

Two connections: on one, intents and outcomes become durable; on the other, slots and shards are asked for
meanwhile. What is asked for there may be lost with the server without harm: a claim is older than any intent
under it, whose commit makes both durable, and after an outage a whole window passes without a slot.
"""

import secrets
import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from datetime import timedelta
from functools import partial
from typing import Any, Final

from etl.clock import MICROSECONDS, SYSTEM
from etl.ledger.evidence import Pause
from etl.ledger.interface import Intent, Outcome
from etl.ledger.leases import Leases
from etl.ledger.postgres import pump_statements as statements
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import Connection, application, tune_for_commits
from etl.ledger.postgres.patient import PatientConnection
from etl.ledger.postgres.pump_commits import PumpCommits
from etl.ledger.postgres.waiting import PATIENCE_SECONDS
from etl.ledger.postgres.words import storable
from etl.ledger.sharing import Beginning, Claim, Heard
from etl.model.states import State

_ROLE: Final = "worker"


class PumpLedger:
    """The ledger of one run as one of its workers writes it."""

    def __init__(
        self,
        address: Address,
        *,
        run: int,
        leases: Leases,
        rest_seconds: float,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Connect; after an outage of the database nobody has a slot for `rest_seconds`.

        Raises:
            LedgerError: the database can't be reached.
        """
        self.owner: Final = f"{application(_ROLE)} {secrets.token_hex(4)}"
        self._run = run
        self._leases = leases
        self._rest_seconds = rest_seconds
        self._hurried = threading.Event()
        connected = partial(
            PatientConnection,
            address,
            role=_ROLE,
            patience_seconds=patience_seconds,
            hurried=self._hurried,
            resume=self._rest,
        )
        with ExitStack() as stack:
            self._writer = stack.enter_context(closing(connected(tune=tune_for_commits)))
            self._asker = stack.enter_context(closing(connected(tune=_risk_what_is_asked_for)))
            self._writer.rows(statements.ENTER, (run, self.owner))
            stack.pop_all()
        self._commits = PumpCommits(self._writer, address, run=run, owner=self.owner, leases=leases)

    @property
    def heard(self) -> Heard | None:
        """Return what the last commit's answer told of the run; another thread may have made it."""
        return self._commits.heard

    def hurry(self) -> None:
        """Wait no longer for a database that is away, now and later."""
        self._hurried.set()

    def close(self) -> None:
        """Release both connections; may be called twice."""
        self._writer.close()
        self._asker.close()

    def commit(self, entries: Sequence[Intent | Outcome]) -> None:
        """Renew all leases, and apply in the same durable transaction what belongs to shards that are ours.

        Raises:
            LedgerError: the database can't be reached, or refuses an entry.
        """
        self._commits.commit(entries)

    def renew(self) -> None:
        """Renew all leases, and hear how the run stands."""
        self._commits.commit([])

    def claim(self) -> Claim | None:
        """Return a shard that is ours from now on; None when none is free."""
        lease = timedelta(seconds=self._leases.seconds)
        asked_at = SYSTEM.monotonic()
        row = self._ask(statements.CLAIM, (self._run, self.owner, lease, SYSTEM.wall_us()))
        if row is None:
            return None
        number, epoch, part, first, end, doubted = row
        claim = Claim(number=number, epoch=epoch, part=part, first_lane=first, end_lane=end, doubted=doubted)
        self._leases.claimed(claim, asked_at=asked_at)
        return claim

    def leave(self, claim: Claim, *, done: bool) -> None:
        """Give a shard back: `done`, or for somebody else to go on with."""
        self._commits.leave(claim, done=done)

    def progress(self, plan: int, ranges: Sequence[tuple[int, int]]) -> tuple[list[int], list[State]]:
        """Return the stored ordinals within ranges [first, end) of a plan, ascending, and their states."""
        firsts, ends = [list(column) for column in zip(*ranges, strict=True)]
        rows = self._asker.rows(statements.PROGRESS, (firsts, ends, plan))
        return [ordinal for ordinal, _ in rows], [State(state) for _, state in rows]

    def book(self, *, fresh: int, again: int, ready_seconds: float = 0.0) -> tuple[Any, ...]:
        """Return what the function of that name gives: slots, none of them before `ready_seconds`."""
        row = self._ask(statements.BOOK, (self._run, fresh, again, ready_seconds))
        return row or ()

    def beginning(self) -> Beginning | None:
        """Return how the run stands; None: it has ended."""
        row = self._ask(statements.BEGINNING, (self._run, self._run))
        if row is None:
            return None
        return Beginning(heard=Heard(*row[:4]), seconds_left=row[4], counted=row[5], full=row[6])

    def shards_left(self) -> int:
        """Return how many shards are not done."""
        row = self._ask(statements.LEFT, (self._run,))
        return int(row[0]) if row else 0

    def set_hold_off(self, until_us: int, *, pause: Pause | None = None) -> None:
        """Let everybody wait, and remember it for the next run.

        The time is told as seconds from now, because the server's clock is the one that counts.
        """
        seconds = max((until_us - SYSTEM.wall_us()) / MICROSECONDS, 0.0)
        self._ask(statements.HOLD_OFF, {"seconds": seconds, "run": self._run})
        self._ask(statements.REMEMBER_HOLD_OFF, (seconds,))
        if pause is not None:
            words = (self._run, pause.at_us, pause.until_us, storable(pause.reason))
            self._ask(statements.PAUSE, words)

    def set_share(self, share: float, *, before: float) -> bool:
        """Let everybody go at another share of the rate; False: it is not what it was any more."""
        return self._ask(statements.SHARE, (share, self._run, before)) is not None

    def remember_learned_rate(self, rate_per_second: float | None) -> None:
        """Keep the rate that this target bears for the next run."""
        self._ask(statements.REMEMBER_RATE, (rate_per_second,))

    def stop(self, kind: str, message: str) -> None:
        """End the run for everybody; the first word stays."""
        self._ask(statements.STOP, (kind, storable(message), self._run))

    def _ask(self, sql: str, parameters: Any) -> tuple[Any, ...] | None:  # noqa: ANN401  as the driver takes them
        rows = self._asker.rows(sql, parameters)
        return rows[0] if rows else None

    def _rest(self, connection: Connection) -> None:
        """After an outage: what was booked last may be forgotten, so a whole window passes."""
        connection.execute(statements.REST, (self._rest_seconds, self._run))


def _risk_what_is_asked_for(connection: Connection) -> None:
    connection.execute("SET synchronous_commit = off")
