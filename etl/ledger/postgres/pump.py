"""A worker's side of a run by many: it commits only for shards that are its own, and hears of the others.

Two connections: on one, intents and outcomes become durable; on the other, slots and shards are asked for
meanwhile. What is asked for there may be lost with the server without harm: a claim is older than any intent
under it, whose commit makes both durable, and after an outage a whole window passes without a slot.
"""

import secrets
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any, Final

import psycopg

from etl.clock import MICROSECONDS, SYSTEM
from etl.errors import LedgerError
from etl.ledger.evidence import Pause
from etl.ledger.interface import Intent, Outcome
from etl.ledger.leases import Leases
from etl.ledger.postgres import pump_statements as statements
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import Connection, application, connect, tune_for_commits
from etl.ledger.postgres.failures import FENCED, is_lost, translated
from etl.ledger.postgres.waiting import PATIENCE_SECONDS, patiently
from etl.ledger.postgres.words import storable
from etl.ledger.sharing import LOST, Beginning, Claim, Heard
from etl.model.states import State

_ROLE: Final = "worker"
_LATE_WHO: Final = "etl"


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
        self._address = address
        self._run = run
        self._leases = leases
        self._rest_seconds = rest_seconds
        self._patience_seconds = patience_seconds
        self._committing = threading.Lock()
        self._asking = threading.Lock()
        self._hurried = threading.Event()
        self._commits = 0
        self.heard: Heard | None = None
        """What the last answer told of the run; another thread may have set it."""
        with translated(address), ExitStack() as stack:
            self._writer = connect(address, role=_ROLE)
            tune_for_commits(self._writer)
            stack.callback(self._writer.close)
            self._asker = self._connect_asker()
            stack.callback(self._asker.close)
            self._writer.execute(statements.ENTER, (run, self.owner))
            stack.pop_all()

    def hurry(self) -> None:
        """Wait no longer for a database that is away, now and later."""
        self._hurried.set()

    def close(self) -> None:
        """Release both connections; may be called twice."""
        for connection in (self._writer, self._asker):
            with suppress(psycopg.Error):
                connection.close()

    def commit(self, entries: Sequence[Intent | Outcome]) -> None:
        """Renew all leases, and apply in the same durable transaction what belongs to shards that are ours.

        What belongs to others is left out: an intent then goes nowhere, because its lease is gone; a known
        outcome is told afterwards.

        Raises:
            LedgerError: the database can't be reached, or refuses an entry.
        """
        outcomes = [entry for entry in entries if isinstance(entry, Outcome)]
        intents = [entry for entry in entries if isinstance(entry, Intent)]
        with self._committing, translated(self._address):
            claims = self._leases.claims()
            asked_at = SYSTEM.monotonic()
            kept = self._committed(claims, outcomes, intents)
            self._leases.renewed(claims, kept, asked_at=asked_at)
            late = [entry for entry in outcomes if not self._leases.holds(self._claim(entry))]
            if late:
                words = (*self._columns(late, late=True), _LATE_WHO, SYSTEM.wall_us())
                self._patiently(lambda: self._writer.execute(statements.LATE, words))

    def renew(self) -> None:
        """Renew all leases, and hear how the run stands."""
        self.commit([])

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
        self._leases.left(claim)
        state = "done" if done else "waiting"
        with self._committing, translated(self._address):
            self._patiently(
                lambda: self._writer.execute(
                    statements.LEAVE, (state, self._run, claim.number, claim.epoch, self.owner)
                )
            )

    def progress(self, plan: int, ranges: Sequence[tuple[int, int]]) -> tuple[list[int], list[State]]:
        """Return the stored ordinals within ranges [first, end) of a plan, ascending, and their states."""
        firsts, ends = [list(column) for column in zip(*ranges, strict=True)]
        rows = self._ask_all(statements.PROGRESS, (firsts, ends, plan))
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

    def _committed(self, claims: list[Claim], outcomes: list[Outcome], intents: list[Intent]) -> set[int]:
        """Apply entries exactly once, whatever becomes of the connection; return the shards that are ours."""
        try:
            kept = self._transact(claims, outcomes, intents)
        except psycopg.Error as error:
            if not is_lost(error):
                raise
            kept = patiently(
                lambda: self._transact_again(claims, outcomes, intents),
                seconds=self._patience_seconds,
                hurried=self._hurried,
            )
        self._commits += 1
        return kept

    def _transact_again(
        self, claims: list[Claim], outcomes: list[Outcome], intents: list[Intent]
    ) -> set[int]:
        """Connect anew, and apply what was not applied."""
        self._reconnect()
        if self._is_applied():
            return self._held()
        try:
            return self._transact(claims, outcomes, intents)
        except psycopg.Error as error:
            # The server may have begun with the lost transaction only after it was asked for.
            if error.sqlstate == FENCED and self._is_applied():
                return self._held()
            raise

    def _transact(self, claims: list[Claim], outcomes: list[Outcome], intents: list[Intent]) -> set[int]:
        writer = self._writer
        numbers, epochs = [claim.number for claim in claims], [claim.epoch for claim in claims]
        lease = timedelta(seconds=self._leases.seconds)
        with writer.pipeline():
            with writer.transaction():
                kept = writer.execute(
                    statements.KEEP,
                    (self._run, self.owner, self._commits, numbers, epochs, lease, bool(intents)),
                )
                if outcomes:
                    writer.execute(statements.OUTCOMES, (*self._columns(outcomes), self.owner))
                if intents:
                    writer.execute(statements.INTENTS, (*self._intents(intents), self.owner))
                heard = writer.execute(statements.HEARD, (self._run,))
            self._hear(heard.fetchone())
            return {number for (number,) in kept.fetchall()}

    def _hear(self, row: tuple[Any, ...] | None) -> None:
        if row is not None:
            self.heard = Heard(*row)

    def _patiently(self, attempt: Callable[[], object]) -> None:
        """Make an attempt; after a lost connection again, which must do no harm."""
        try:
            attempt()
        except psycopg.Error as error:
            if not is_lost(error):
                raise

            def again() -> None:
                self._reconnect()
                attempt()

            patiently(again, seconds=self._patience_seconds, hurried=self._hurried)

    def _reconnect(self) -> None:
        with suppress(psycopg.Error):
            self._writer.close()
        self._writer = connect(self._address, role=_ROLE)
        tune_for_commits(self._writer)
        self._rest(self._writer)

    def _is_applied(self) -> bool:
        """Return whether the last transaction is in the ledger; wait for it if it is under way."""
        row = self._writer.execute(statements.COMMITS, (self._run, self.owner)).fetchone()
        if row is None or row[0] < self._commits:
            # Before anybody takes the shard over, and sends again what is forgotten.
            self._writer.execute(statements.STOP, ("aborted", LOST, self._run))
            raise LedgerError(
                f"the ledger {self._address} came back without commits that it had confirmed",
                hint="say `etl import JOB --restored` once: what it does not know is uncertain then",
            )
        return bool(row[0] > self._commits)

    def _held(self) -> set[int]:
        """Return the shards that are ours, and hear how the run stands."""
        self._hear(self._writer.execute(statements.HEARD, (self._run,)).fetchone())
        return {number for number, _ in self._writer.execute(statements.MINE, (self._run, self.owner))}

    def _ask(self, sql: str, parameters: Any) -> tuple[Any, ...] | None:  # noqa: ANN401  as the driver takes them
        rows = self._ask_all(sql, parameters)
        return rows[0] if rows else None

    def _ask_all(self, sql: str, parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
        with self._asking, translated(self._address):
            try:
                return self._asked(sql, parameters)
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
            return patiently(
                lambda: self._asked_again(sql, parameters),
                seconds=self._patience_seconds,
                hurried=self._hurried,
            )

    def _asked(self, sql: str, parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
        cursor = self._asker.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []

    def _asked_again(self, sql: str, parameters: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401
        with suppress(psycopg.Error):
            self._asker.close()
        self._asker = self._connect_asker()
        self._rest(self._asker)
        return self._asked(sql, parameters)

    def _connect_asker(self) -> Connection:
        with ExitStack() as stack:
            connection = connect(self._address, role=_ROLE)
            stack.callback(connection.close)
            connection.execute("SET synchronous_commit = off")
            stack.pop_all()
        return connection

    def _rest(self, connection: Connection) -> None:
        """After an outage: what was booked last may be forgotten, so a whole window passes."""
        connection.execute(statements.REST, (self._rest_seconds, self._run))

    def _claim(self, entry: Intent | Outcome) -> Claim:
        return self._leases.claim_of(entry.ordinal)

    def _intents(self, intents: list[Intent]) -> tuple[list[Any], ...]:
        claims = [self._claim(intent) for intent in intents]
        rows = [(*intent, claim.number, claim.epoch) for intent, claim in zip(intents, claims, strict=True)]
        return tuple(map(list, zip(*rows, strict=True)))

    def _columns(self, outcomes: list[Outcome], *, late: bool = False) -> tuple[list[Any], ...]:
        return tuple(map(list, zip(*(self._row(outcome, late=late) for outcome in outcomes), strict=True)))

    def _row(self, outcome: Outcome, *, late: bool) -> tuple[Any, ...]:
        state, claim = outcome.state, self._claim(outcome)
        if late and state is State.REJECTED:
            state = State.PENDING  # it was surely not taken; what is uncertain can't become rejected
        told = state is not State.ACCEPTED or outcome.phase != "answered"
        return (
            state.value, outcome.http_status, storable(outcome.reason), storable(outcome.platform_id),
            storable(outcome.conversation_id), None if state is State.PENDING else outcome.now_us,
            outcome.plan, outcome.ordinal, outcome.run, claim.number, claim.epoch, outcome.phase,
            outcome.now_us if told else None,
        )  # fmt: skip
