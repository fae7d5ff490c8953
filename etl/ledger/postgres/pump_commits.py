"""A worker's commits: each is applied exactly once, and only for shards that are its own.

A commit without an answer was applied or not: the worker's own count of commits tells.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

import psycopg

from etl.clock import SYSTEM
from etl.errors import LedgerError
from etl.ledger.interface import Intent, Outcome
from etl.ledger.leases import Leases
from etl.ledger.postgres import pump_statements as statements
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import Connection
from etl.ledger.postgres.failures import FENCED
from etl.ledger.postgres.patient import PatientConnection
from etl.ledger.postgres.pump_columns import intent_columns, late_columns, outcome_columns
from etl.ledger.sharing import LOST, Claim, Heard

_LATE_WHO: Final = "etl"


class PumpCommits:
    """Makes intents and outcomes durable, renews the leases with them, and hears how the run stands.

    Args:
        writer: this worker's connection for it, whose commits are durable.
        address: the ledger's, for what people are told.
        run: the run's number.
        owner: this worker's name, which has a row of its own in `pump`.
        leases: on the shards of this worker.
    """

    def __init__(
        self, writer: PatientConnection, address: Address, *, run: int, owner: str, leases: Leases
    ) -> None:
        self._writer = writer
        self._address = address
        self._run = run
        self._owner = owner
        self._leases = leases
        self._committing = threading.Lock()
        self._commits = 0
        self.heard: Heard | None = None
        """What the last answer told of the run; another thread may have set it."""

    def commit(self, entries: Sequence[Intent | Outcome]) -> None:
        """Renew all leases, and apply in the same durable transaction what belongs to shards that are ours.

        What belongs to others is left out: an intent then goes nowhere, because its lease is gone; a known
        outcome is told afterwards.

        Raises:
            LedgerError: the database can't be reached, or refuses an entry.
        """
        outcomes = [entry for entry in entries if isinstance(entry, Outcome)]
        intents = [entry for entry in entries if isinstance(entry, Intent)]
        with self._committing:
            claims = self._leases.claims()
            asked_at = SYSTEM.monotonic()
            transact = partial(self._transact, claims=claims, outcomes=outcomes, intents=intents)
            kept = self._writer.run(transact, again=partial(self._transact_again, transact))
            self._commits += 1
            self._leases.renewed(claims, kept, asked_at=asked_at)
            late = [one for one in outcomes if not self._leases.holds(self._leases.claim_of(one.ordinal))]
            if late:
                columns = late_columns(late, self._leases.claim_of)
                self._writer.rows(statements.LATE, (*columns, _LATE_WHO, SYSTEM.wall_us()))

    def leave(self, claim: Claim, *, done: bool) -> None:
        """Give a shard back: `done`, or for somebody else to go on with."""
        self._leases.left(claim)
        state = "done" if done else "waiting"
        with self._committing:
            self._writer.rows(statements.LEAVE, (state, self._run, claim.number, claim.epoch, self._owner))

    def _transact_again(self, transact: Callable[[Connection], set[int]], connection: Connection) -> set[int]:
        """Apply what was not applied; return the shards that are ours."""
        if self._is_applied(connection):
            return self._held(connection)
        try:
            return transact(connection)
        except psycopg.Error as error:
            # The server may have begun with the lost transaction only after it was asked for.
            if error.sqlstate == FENCED and self._is_applied(connection):
                return self._held(connection)
            raise

    def _transact(
        self, connection: Connection, *, claims: list[Claim], outcomes: list[Outcome], intents: list[Intent]
    ) -> set[int]:
        numbers, epochs = [claim.number for claim in claims], [claim.epoch for claim in claims]
        lease, claim_of = timedelta(seconds=self._leases.seconds), self._leases.claim_of
        with connection.pipeline():
            with connection.transaction():
                kept = connection.execute(
                    statements.KEEP,
                    (self._run, self._owner, self._commits, numbers, epochs, lease, bool(intents)),
                )
                if outcomes:
                    columns = outcome_columns(outcomes, claim_of)
                    connection.execute(statements.OUTCOMES, (*columns, self._owner))
                if intents:
                    columns = intent_columns(intents, claim_of)
                    connection.execute(statements.INTENTS, (*columns, self._owner))
                heard = connection.execute(statements.HEARD, (self._run,))
            self._hear(heard.fetchone())
            return {number for (number,) in kept.fetchall()}

    def _is_applied(self, connection: Connection) -> bool:
        """Return whether the last transaction is in the ledger; wait for it if it is under way."""
        row = connection.execute(statements.COMMITS, (self._run, self._owner)).fetchone()
        if row is None or row[0] < self._commits:
            # Before anybody takes the shard over, and sends again what is forgotten.
            connection.execute(statements.STOP, ("aborted", LOST, self._run))
            raise LedgerError(
                f"the ledger {self._address} came back without commits that it had confirmed",
                hint="say `etl import JOB --restored` once: what it does not know is uncertain then",
            )
        return bool(row[0] > self._commits)

    def _held(self, connection: Connection) -> set[int]:
        """Return the shards that are ours, and hear how the run stands."""
        self._hear(connection.execute(statements.HEARD, (self._run,)).fetchone())
        return {number for number, _ in connection.execute(statements.MINE, (self._run, self._owner))}

    def _hear(self, row: tuple[Any, ...] | None) -> None:
        if row is not None:
            self.heard = Heard(*row)
