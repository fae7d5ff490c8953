"""The ledger of several machines: a schema in PostgreSQL."""

import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

import psycopg
import pyarrow as pa

from etl.clock import SYSTEM
from etl.errors import LedgerError
from etl.ledger import seals
from etl.ledger.evidence import Aim, Pause
from etl.ledger.interface import Decision, Intent, Outcome, PlanRecord, Selection, Word
from etl.ledger.marks import Marks
from etl.ledger.postgres import entries, seal_script, statements, words
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.failures import translated
from etl.ledger.postgres.history import PostgresHistory
from etl.ledger.postgres.session import Cursor, ReadOnly, Session
from etl.ledger.postgres.words import storable
from etl.ledger.refusals import DEFECT

_INTERRUPTED: Final = "interrupted"
"""The reason of an attempt whose run died before its outcome was known."""


class PostgresLedger(PostgresHistory):
    """A `Ledger` in a schema of a PostgreSQL database, which only this process writes."""

    def __init__(
        self, address: Address, session: Session | ReadOnly, *, marks: Marks | None, patience_seconds: float
    ) -> None:
        super().__init__(address, patience_seconds=patience_seconds)
        self._session = session
        self._marks = marks
        self._distrusted = False

    def hurry(self) -> None:
        """Wait no longer for a database that is away: somebody wants to leave."""
        self._hurried.set()
        self._session.hurry()

    def close(self) -> None:
        """Give the lock back; may be called twice."""
        super().close()
        self._session.close()

    def start_plan(self, record: PlanRecord, *, now_us: int) -> PlanRecord:
        """Open `record` under a new number and close the plan that was open."""

        def body(cursor: Cursor) -> int:
            opened = cursor.execute("SELECT number, hash FROM plan WHERE is_open").fetchone()
            if opened is not None and opened[1] == record.hash:
                raise LedgerError(
                    f"plan {opened[0]} ({record.hash[:12]}) is open already",
                    hint="go on with it instead of starting it again",
                )
            cursor.execute("UPDATE plan SET is_open = false WHERE is_open")
            number = _number(
                cursor,
                statements.START_PLAN,
                (
                    record.hash, record.fingerprint, record.identity, record.source,
                    record.messages, record.lanes, now_us,
                ),
            )  # fmt: skip
            cursor.execute(statements.ADVANCE)
            return number

        with translated(self._address):
            number = self._session.write(body)
        self._remember_if_possible()
        return replace(record, number=number, open=True)

    def start_run(
        self, plan: int, *, host: str, pid: int, version: str, now_us: int, aim: Aim | None = None
    ) -> int:
        """Record that a replay of the open plan begins and return its number."""
        aims: tuple[object, ...] = (None,) * 4
        if aim is not None:
            aims = (aim.allowed_per_second, aim.expected, aim.forecast_seconds, aim.expected_plan)

        def body(cursor: Cursor) -> int:
            number = _number(cursor, statements.START_RUN, (plan, host, pid, version, now_us, *aims))
            cursor.execute(statements.ADVANCE)
            return number

        with translated(self._address):
            number = self._session.write(body, changes=False)
        # Before the run's first byte, or a copy that misses it would not be recognised.
        self._remember()
        return number

    def end_run(self, run: int, *, exit_code: int, now_us: int, stop: str | None = None) -> None:
        """Record how it ended; after that it can send nothing."""

        def body(cursor: Cursor) -> None:
            cursor.execute(statements.END_RUN, (now_us, int(exit_code), storable(stop), run))
            if cursor.rowcount != 1:
                raise LedgerError(f"the ledger {self._address} has no run {run}", hint=DEFECT)
            cursor.execute(statements.ADVANCE)

        with translated(self._address):
            self._session.write(body, changes=False)
        self._remember_if_possible()

    def seal(self, *, now_us: int) -> None:
        """Seal every run that can record nothing more."""
        due = self._of_book(partial(seals.due, now_us=now_us))
        if due:
            rows = list(map(seals.row, due))
            with translated(self._address):
                self._session.write(
                    lambda cursor: cursor.executemany(seal_script.INSERT, rows), changes=False
                )

    def recover(self, *, now_us: int) -> int:
        """Turn what a dead run left in flight into `uncertain`; return how many."""

        def body(cursor: Cursor) -> int:
            cursor.execute(statements.RECOVERED_ATTEMPTS, (_INTERRUPTED, now_us))
            cursor.execute(statements.RECOVER, (_INTERRUPTED, now_us))
            return _changed(cursor, cursor.rowcount)

        with translated(self._address):
            return self._session.write(body, changes=False)

    def commit(self, entries_: Sequence[Intent | Outcome]) -> None:
        """Apply all in order in one durable transaction, or none; with one question to the server."""
        if not entries_:
            return
        sends = any(isinstance(entry, Intent) for entry in entries_)
        with translated(self._address):
            try:
                self._session.write(
                    lambda cursor: entries.apply_all(cursor, entries_), sends=sends, pipelined=True
                )
            except psycopg.Error:
                # One after the other, which tells the one to blame.
                self._session.write(lambda cursor: _apply_each(cursor, entries_), sends=sends)

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Apply people's words in one durable transaction, each recorded."""
        if not decisions:
            return

        def body(cursor: Cursor) -> None:
            for decision in decisions:
                entries.decide(cursor, decision)
            cursor.execute(statements.ADVANCE)

        with translated(self._address):
            self._session.write(body)
        self._remember_if_possible()

    def settle(self, selection: Selection, word: Word) -> int:
        """Follow one word on all that is selected, in one durable transaction; return how many."""

        def body(cursor: Cursor) -> int:
            count = words.settle(cursor, selection, word)
            if count:
                cursor.execute(statements.ADVANCE)
            return _changed(cursor, count)

        with translated(self._address):
            count = self._session.write(body, changes=False)
        self._remember_if_possible()
        return count

    def restore(self, *, generation: int, who: str, why: str, now_us: int) -> None:
        """Take this ledger for a copy that was put back, and go on beyond a remembered generation."""

        def body(cursor: Cursor) -> None:
            cursor.execute(statements.RESTORE, (storable(who), storable(why), now_us))
            cursor.execute(statements.ADVANCE_BEYOND, (generation,))

        with translated(self._address):
            self._session.write(body)
        self._remember()

    def doubt(self, plan: int, run: int, messages: Iterable[pa.RecordBatch], *, now_us: int) -> int:
        """Put messages in doubt, a batch a transaction; only the last one says that it is done."""
        count = 0
        with translated(self._address):
            for batch in messages:
                doubt = partial(words.doubt, plan=plan, run=run, batch=batch, now_us=now_us)
                count += self._session.write(doubt, changes=False)
            self._session.write(lambda cursor: cursor.execute(statements.DOUBTED, (now_us, plan)))
        return count

    def apply_late(self, outcomes: Sequence[Outcome]) -> int:
        """Apply outcomes that a dead run could not store, each only if its message is still in flight."""

        def body(cursor: Cursor) -> int:
            return _changed(cursor, sum(entries.record_late(cursor, outcome) for outcome in outcomes))

        with translated(self._address):
            return self._session.write(body, changes=False)

    def advance(self) -> None:
        """Let the generation grow, so that any copy made before is recognised as older."""
        with translated(self._address):
            self._session.write(lambda cursor: cursor.execute(statements.ADVANCE), changes=False)
        self._remember()

    def set_hold_off(self, until_us: int, *, pause: Pause | None = None) -> None:
        """Remember that across runs; the mark stays, because no message changes."""

        def body(cursor: Cursor) -> None:
            cursor.execute(statements.HOLD_OFF, (until_us - SYSTEM.wall_us(),))
            if pause is not None:
                cursor.execute(statements.PAUSE, (pause.at_us, pause.until_us, storable(pause.reason)))

        with translated(self._address):
            self._session.write(body, changes=False)

    def remember_learned_rate(self, rate_per_second: float | None) -> None:
        """Keep the rate that this target bears for the next run; the mark stays."""
        sql = "UPDATE meta SET learned_rate_per_second = %s"
        with translated(self._address):
            self._session.write(lambda cursor: cursor.execute(sql, (rate_per_second,)), changes=False)

    def distrust(self) -> None:
        """Remember a newer generation than there is, now and later: the ledger has lost commits.

        So the next command takes it for an older copy, until somebody says `--restored`.
        """
        self._distrusted = True
        self._remember_if_possible()

    def _remember(self) -> None:
        if self._marks is None:
            return
        name = self.name()
        if self._distrusted:
            known = max((mark.generation for mark in self._marks.read()), default=0)
            name = replace(name, generation=max(known, name.generation + 1))
        self._marks.write(name)

    def _remember_if_possible(self) -> None:
        # What is in the ledger stands; a mark that lags behind only warns later than it could.
        with suppress(LedgerError):
            self._remember()


def _apply_each(cursor: Cursor, entries_: Sequence[Intent | Outcome]) -> None:
    for entry in entries_:
        entries.apply_one(cursor, entry)


def _changed(cursor: Cursor, count: int) -> int:
    """Draw a new mark if something changed; return how much."""
    if count:
        cursor.execute(statements.CHANGED, (secrets.token_hex(8),))
    return count


def _number(cursor: Cursor, sql: str, parameters: tuple[Any, ...]) -> int:
    row = cursor.execute(sql.encode(), parameters).fetchone()
    return int(row[0]) if row else 0
