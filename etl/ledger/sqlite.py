"""The ledger of one machine: a SQLite file.

One connection writes, under a lock, so the writer's thread and the main thread may both use it; a second
one reads, so that a question never waits for a commit nor sees half of one.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Final

import pyarrow as pa

from etl.errors import LedgerError
from etl.ledger import seal_script, seals, statements, words
from etl.ledger.entries import apply, apply_all, recorded
from etl.ledger.evidence import Aim, Pause
from etl.ledger.history import SqliteHistory
from etl.ledger.interface import Decision, Intent, Outcome, PlanRecord, Selection, Word
from etl.ledger.marks import Marks
from etl.ledger.migrations import (
    connect,
    transaction,
    translated,
)
from etl.ledger.refusals import DEFECT
from etl.ledger.seal_script import SqliteBook
from etl.ledger.words import storable

UNDO_IN_MEMORY: Final = "PRAGMA temp_store = MEMORY"
"""Each statement first saves the pages that it changes, in case that it fails: in a file this was nine tenths
of all that a replay wrote, and a third of what a message cost."""

_INTERRUPTED: Final = "interrupted"
"""The reason of an attempt whose run died before its outcome was known."""


class SqliteLedger(SqliteHistory):
    """A `Ledger` in one SQLite file. Threads may share it; see `ledger.opening`."""

    def __init__(
        self,
        path: Path,
        writer: sqlite3.Connection,
        reader: sqlite3.Connection,
        marks: Marks | None,
    ) -> None:
        super().__init__(path, reader)
        self._writer = writer
        self._marks = marks
        self._writing = threading.Lock()
        self._broken = False

    def hurry(self) -> None:
        """Do nothing: a file is not waited for."""

    def close(self) -> None:
        """Release the file; may be called twice."""
        with translated(self._path), self._writing, self._reading:
            self._reader.close()
            self._writer.close()

    def start_plan(self, record: PlanRecord, *, now_us: int) -> PlanRecord:
        """Open `record` under a new number and close the plan that was open."""
        with self._write() as cursor:
            opened = cursor.execute("SELECT number, hash FROM plan WHERE is_open = 1").fetchone()
            if opened is not None and opened[1] == record.hash:
                raise LedgerError(
                    f"plan {opened[0]} ({record.hash[:12]}) is open already",
                    hint="go on with it instead of starting it again",
                )
            cursor.execute("UPDATE plan SET is_open = 0 WHERE is_open = 1")
            cursor.execute(
                statements.START_PLAN,
                (
                    record.hash, record.fingerprint, record.identity, record.source,
                    record.messages, record.lanes, now_us,
                ),
            )  # fmt: skip
            number = int(cursor.lastrowid or 0)
            cursor.execute(statements.CHANGED, (None,))
            cursor.execute(statements.ADVANCE)
        self._remember_if_possible()
        return replace(record, number=number, open=True)

    def start_run(
        self, plan: int, *, host: str, pid: int, version: str, now_us: int, aim: Aim | None = None
    ) -> int:
        """Record that a replay of the open plan begins and return its number."""
        aims: tuple[object, ...] = (None,) * 4
        if aim is not None:
            aims = (aim.allowed_per_second, aim.expected, aim.forecast_seconds, aim.expected_plan)
        with self._write() as cursor:
            cursor.execute(statements.START_RUN, (plan, host, pid, version, now_us, *aims))
            number = int(cursor.lastrowid or 0)
            cursor.execute(statements.ADVANCE)
        # Before the run's first byte, or a copy that misses it would not be recognised.
        self._remember()
        return number

    def end_run(self, run: int, *, exit_code: int, now_us: int, stop: str | None = None) -> None:
        """Record how it ended; after that it can send nothing."""
        with self._write() as cursor:
            cursor.execute(
                "UPDATE run SET ended_us = ?, exit_code = ?, stop = ? WHERE number = ?",
                (now_us, int(exit_code), storable(stop), run),
            )
            if cursor.rowcount != 1:
                raise LedgerError(f"the ledger {self._path} has no run {run}", hint=DEFECT)
            cursor.execute(statements.ADVANCE)
        self._remember_if_possible()

    def seal(self, *, now_us: int) -> None:
        """Seal every run that can record nothing more."""
        with translated(self._path), closing(connect(self._path, "ro")) as connection:
            due = seals.due(SqliteBook(connection), now_us=now_us)
        if due:
            with self._write() as cursor:
                cursor.executemany(seal_script.INSERT, map(seals.row, due))

    def recover(self, *, now_us: int) -> int:
        """Turn what a dead run left in flight into `uncertain`; return how many."""
        with self._write() as cursor:
            cursor.execute(statements.RECOVERED_ATTEMPTS, (_INTERRUPTED, now_us))
            cursor.execute(statements.RECOVER, (_INTERRUPTED, now_us))
            count = cursor.rowcount
            if count:
                cursor.execute(statements.CHANGED, (None,))
        return count

    def commit(self, entries: Sequence[Intent | Outcome]) -> None:
        """Apply all in order in one durable transaction, or none."""
        if not entries:
            return
        with self._write() as cursor:
            for kind, run in groupby(entries, type):
                apply_all(cursor, kind, list(run))
            last_send_us = next(
                (entry.now_us for entry in reversed(entries) if isinstance(entry, Intent)), None
            )
            cursor.execute(statements.CHANGED, (last_send_us,))

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Apply people's words in one durable transaction, each recorded."""
        if not decisions:
            return
        with self._write() as cursor:
            for decision in decisions:
                apply(cursor, decision)
            cursor.execute(statements.CHANGED, (None,))
            cursor.execute(statements.ADVANCE)
        self._remember_if_possible()

    def settle(self, selection: Selection, word: Word) -> int:
        """Follow one word on all that is selected, in one durable transaction; return how many."""
        with self._undoing_on_disk(), self._write() as cursor:
            count = words.settle(cursor, selection, word)
            if count:
                cursor.execute(statements.CHANGED, (None,))
                cursor.execute(statements.ADVANCE)
        self._remember_if_possible()
        return count

    def restore(self, *, generation: int, who: str, why: str, now_us: int) -> None:
        """Take this file for a copy that was put back, and go on beyond a remembered generation."""
        with self._write() as cursor:
            cursor.execute(statements.RESTORE, (storable(who), storable(why), now_us))
            cursor.execute(statements.ADVANCE_BEYOND, (generation,))
            cursor.execute(statements.CHANGED, (None,))
        self._remember()

    def doubt(self, plan: int, run: int, messages: Iterable[pa.RecordBatch], *, now_us: int) -> int:
        """Put messages in doubt, a batch a transaction; only the last one says that it is done."""
        count = 0
        for batch in messages:
            with self._write() as cursor:
                count += words.doubt(cursor, plan, run, batch, now_us=now_us)
        with self._write() as cursor:
            cursor.execute(statements.DOUBTED, (now_us, plan))
            cursor.execute(statements.CHANGED, (None,))
        return count

    def apply_late(self, outcomes: Sequence[Outcome]) -> int:
        """Apply outcomes that a dead run could not store, each only if its message is still in flight."""
        count = 0
        with self._write() as cursor:
            for outcome in outcomes:
                count += recorded(cursor, outcome)
            if count:
                cursor.execute(statements.CHANGED, (None,))
        return count

    def advance(self) -> None:
        """Let the generation grow, so that any copy made before is recognised as older."""
        with self._write() as cursor:
            cursor.execute(statements.ADVANCE)
        self._remember()

    def _remember(self) -> None:
        if self._marks is not None:
            self._marks.write(self.name())

    def _remember_if_possible(self) -> None:
        # What is in the ledger stands; a mark that lags behind only warns later than it could.
        with suppress(LedgerError):
            self._remember()

    def set_hold_off(self, until_us: int, *, pause: Pause | None = None) -> None:
        """Remember that across runs; the mark stays, because no message changes."""
        with self._write() as cursor:
            cursor.execute("UPDATE meta SET hold_off_us = ?", (until_us,))
            if pause is not None:
                cursor.execute(statements.PAUSE, (pause.at_us, pause.until_us, storable(pause.reason)))

    def remember_learned_rate(self, rate_per_second: float | None) -> None:
        """Keep the rate that this target bears for the next run; the mark stays."""
        with self._write() as cursor:
            cursor.execute("UPDATE meta SET learned_rate_per_second = ?", (rate_per_second,))

    @contextmanager
    def _undoing_on_disk(self) -> Iterator[None]:
        """Let one statement be about millions of rows: what it needs to undo itself grows with them."""
        with self._writing, translated(self._path):
            self._writer.execute("PRAGMA temp_store = FILE")
        try:
            yield
        finally:
            with self._writing, translated(self._path):
                self._writer.execute(UNDO_IN_MEMORY)

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Cursor]:
        with self._writing, translated(self._path):
            if self._broken:
                raise LedgerError(
                    f"the ledger {self._path} met an error of its disk and takes nothing more",
                    hint="look at the disk; the same command resumes",
                )
            try:
                with transaction(self._writer) as cursor:
                    yield cursor
            except sqlite3.OperationalError as error:
                # After a failed fsync the next one may succeed although pages are gone.
                code = error.sqlite_errorcode
                self._broken = code & 0xFF == sqlite3.SQLITE_IOERR and code != sqlite3.SQLITE_IOERR_SHMSIZE
                raise
