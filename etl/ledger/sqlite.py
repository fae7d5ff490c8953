"""The ledger of one machine: a SQLite file.

One connection writes, under a lock, so the writer's thread and the main thread may both use it; a second
one reads, so that a question never waits for a commit nor sees half of one.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal, assert_never

from etl.errors import LedgerError
from etl.ledger.export import SqliteReader
from etl.ledger.interface import Decision, Intent, Outcome, PlanRecord
from etl.ledger.lock import private_folder
from etl.ledger.migrations import (
    connect,
    ensure_private_file,
    is_missing,
    prepare,
    require_sqlite,
    transaction,
    translated,
)
from etl.model.states import State

_TEXT_LIMIT: Final = 500
"""Characters kept of a reason."""

_INTERRUPTED: Final = "interrupted"
"""The reason of an attempt whose run died before its outcome was known."""

_CHANGED = "UPDATE meta SET mark = lower(hex(randomblob(8))), last_send_us = coalesce(?, last_send_us)"

_ADVANCE = "UPDATE meta SET generation = generation + 1"

_INTENT = """
    INSERT INTO message (plan, ordinal, run, key, content, lane, at_us, intent_us, state, attempts)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'in_flight', 1)
    ON CONFLICT (plan, ordinal) DO UPDATE
    SET state = 'in_flight', attempts = attempts + 1, run = excluded.run, intent_us = excluded.intent_us,
        http_status = NULL, reason = NULL, platform_id = NULL, conversation_id = NULL
    WHERE state = 'pending' AND key = excluded.key AND content = excluded.content
      AND lane = excluded.lane AND at_us = excluded.at_us
"""

_OUTCOME = """
    UPDATE message
    SET state = ?, http_status = ?, reason = ?, platform_id = ?, conversation_id = ?, settled_us = ?
    WHERE plan = ? AND ordinal = ? AND run = ? AND state = 'in_flight'
"""

_ATTEMPT = """
    INSERT INTO attempt (plan, ordinal, n, run, phase, state, reason, http_status, at_us)
    SELECT plan, ordinal, attempts, run, ?, state, reason, http_status, ?
    FROM message WHERE plan = ? AND ordinal = ?
"""

_RECOVERED_ATTEMPTS = """
    INSERT INTO attempt (plan, ordinal, n, run, phase, state, reason, at_us)
    SELECT plan, ordinal, attempts, run, 'sent', 'uncertain', ?, ? FROM message WHERE state = 'in_flight'
"""

_RECOVER = "UPDATE message SET state = 'uncertain', reason = ?, settled_us = ? WHERE state = 'in_flight'"

_DECISION = """
    INSERT INTO decision (plan, ordinal, from_state, to_state, who, why, at_us)
    SELECT plan, ordinal, state, ?, ?, ?, ? FROM message WHERE plan = ? AND ordinal = ?
"""

_DECIDE = "UPDATE message SET state = ?, settled_us = ? WHERE plan = ? AND ordinal = ?"

_START_PLAN = """
    INSERT INTO plan (hash, fingerprint, identity, source, messages, lanes, is_open, started_us)
    VALUES (?, ?, ?, ?, ?, ?, 1, ?)
"""

_DEFECT: Final = "this is a defect of etl unless somebody edited the ledger; nothing was changed"


class SqliteLedger(SqliteReader):
    """A `Ledger` in one SQLite file. Threads may share it; see `open_ledger` and `open_readonly`."""

    def __init__(self, path: Path, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        super().__init__(path, reader)
        self._writer = writer
        self._writing = threading.Lock()
        self._broken = False

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
                _START_PLAN,
                (
                    record.hash, record.fingerprint, record.identity, record.source,
                    record.messages, record.lanes, now_us,
                ),
            )  # fmt: skip
            number = int(cursor.lastrowid or 0)
            cursor.execute(_CHANGED, (None,))
            cursor.execute(_ADVANCE)
        return replace(record, number=number, open=True)

    def start_run(self, plan: int, *, host: str, pid: int, version: str, now_us: int) -> int:
        """Record that a replay of the open plan begins and return its number."""
        with self._write() as cursor:
            cursor.execute(
                "INSERT INTO run (plan, host, pid, version, started_us) VALUES (?, ?, ?, ?, ?)",
                (plan, host, pid, version, now_us),
            )
            number = int(cursor.lastrowid or 0)
            cursor.execute(_ADVANCE)
        return number

    def end_run(self, run: int, *, exit_code: int, now_us: int) -> None:
        """Record how it ended; after that it can send nothing."""
        with self._write() as cursor:
            cursor.execute(
                "UPDATE run SET ended_us = ?, exit_code = ? WHERE number = ?",
                (now_us, int(exit_code), run),
            )
            if cursor.rowcount != 1:
                raise LedgerError(f"the ledger {self._path} has no run {run}", hint=_DEFECT)
            cursor.execute(_ADVANCE)

    def recover(self, *, now_us: int) -> int:
        """Turn what a dead run left in flight into `uncertain`; return how many."""
        with self._write() as cursor:
            cursor.execute(_RECOVERED_ATTEMPTS, (_INTERRUPTED, now_us))
            cursor.execute(_RECOVER, (_INTERRUPTED, now_us))
            count = cursor.rowcount
            if count:
                cursor.execute(_CHANGED, (None,))
        return count

    def commit(self, entries: Sequence[Intent | Outcome]) -> None:
        """Apply all in order in one durable transaction, or none."""
        if not entries:
            return
        with self._write() as cursor:
            last_send_us = None
            for entry in entries:
                _apply(cursor, entry)
                if isinstance(entry, Intent):
                    last_send_us = entry.now_us
            cursor.execute(_CHANGED, (last_send_us,))

    def decide(self, decisions: Sequence[Decision]) -> None:
        """Apply people's words in one durable transaction, each recorded."""
        if not decisions:
            return
        with self._write() as cursor:
            for decision in decisions:
                _apply(cursor, decision)
            cursor.execute(_CHANGED, (None,))
            cursor.execute(_ADVANCE)

    def advance(self) -> None:
        """Let the generation grow, so that any copy made before is recognised as older."""
        with self._write() as cursor:
            cursor.execute(_ADVANCE)

    def set_hold_off(self, until_us: int) -> None:
        """Remember that across runs; the mark stays, because no message changes."""
        with self._write() as cursor:
            cursor.execute("UPDATE meta SET hold_off_us = ?", (until_us,))

    def remember_learned_rate(self, rate_per_second: float | None) -> None:
        """Keep the rate that this target bears for the next run; the mark stays."""
        with self._write() as cursor:
            cursor.execute("UPDATE meta SET learned_rate_per_second = ?", (rate_per_second,))

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
                self._broken = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR
                raise


def open_ledger(path: Path, *, target: str, create: bool) -> SqliteLedger:
    """Open the ledger of `target` for writing, bring its schema up to date, and close it to others.

    Args:
        path: the file; with `create` it and its folder are made when absent.
        target: API base and deployment id; a ledger made for another target is refused.
        create: whether a missing ledger is made, rather than refused.

    Raises:
        LedgerError: it is missing, unusable, no ledger, or of another target or a newer version.
    """
    require_sqlite()
    if create:
        private_folder(path.parent)
    with translated(path):
        ensure_private_file(path, create=create)
        return _opened(path, mode="rw", target=target, create=create)


def open_readonly(path: Path, *, target: str) -> SqliteLedger | None:
    """Open the ledger of `target` for questions, beside a running import too; None when there is none.

    Raises:
        LedgerError: it is unusable, no ledger, or of another target or another version.
    """
    require_sqlite()
    if is_missing(path):
        return None
    with translated(path):
        return _opened(path, mode="ro", target=target, create=False)


def _opened(path: Path, *, mode: Literal["rw", "ro"], target: str, create: bool) -> SqliteLedger:
    with ExitStack() as stack:
        writer = stack.enter_context(closing(connect(path, mode)))
        prepare(writer, path, target=target, mode=mode, create=create)
        reader = stack.enter_context(closing(connect(path, "ro")))
        stack.pop_all()
    return SqliteLedger(path, writer, reader)


def _apply(cursor: sqlite3.Cursor, entry: Intent | Outcome | Decision) -> None:
    try:
        match entry:
            case Intent():
                _intend(cursor, entry)
            case Outcome():
                _record(cursor, entry)
            case Decision():
                _decide(cursor, entry)
            case _:
                assert_never(entry)
    except sqlite3.IntegrityError as error:
        fault = str(error)
        if fault == "UNIQUE constraint failed: message.lane":
            fault = "another message of its user is in flight"
        raise _refused(entry, fault) from error


def _intend(cursor: sqlite3.Cursor, intent: Intent) -> None:
    cursor.execute(
        _INTENT,
        (
            intent.plan, intent.ordinal, intent.run, intent.key, intent.content,
            intent.lane, intent.at_us, intent.now_us,
        ),
    )  # fmt: skip
    if cursor.rowcount != 1:
        raise _refused(intent, "it is not pending, or it is another message than before")


def _record(cursor: sqlite3.Cursor, outcome: Outcome) -> None:
    state = outcome.state
    cursor.execute(
        _OUTCOME,
        (
            state.value, outcome.http_status, _storable(outcome.reason), _storable(outcome.platform_id),
            _storable(outcome.conversation_id), None if state is State.PENDING else outcome.now_us,
            outcome.plan, outcome.ordinal, outcome.run,
        ),
    )  # fmt: skip
    if cursor.rowcount != 1:
        raise _refused(outcome, "it is not in flight under this run")
    if state is not State.ACCEPTED or outcome.phase != "answered":
        cursor.execute(_ATTEMPT, (outcome.phase, outcome.now_us, outcome.plan, outcome.ordinal))


def _decide(cursor: sqlite3.Cursor, decision: Decision) -> None:
    address = (decision.plan, decision.ordinal)
    words = (_storable(decision.who), _storable(decision.why))
    cursor.execute(_DECISION, (decision.state.value, *words, decision.now_us, *address))
    if cursor.rowcount != 1:
        raise _refused(decision, "the ledger does not know it")
    settled_us = None if decision.state is State.PENDING else decision.now_us
    cursor.execute(_DECIDE, (decision.state.value, settled_us, *address))


def _refused(entry: Intent | Outcome | Decision, fault: str) -> LedgerError:
    where = f"message {entry.ordinal} of plan {entry.plan}"
    return LedgerError(f"the ledger refuses {where}: {fault}", hint=_DEFECT)


def _storable(text: str | None) -> str | None:
    # An answer's JSON may hold half a surrogate pair, which must not cost us the outcome.
    return None if text is None else text[:_TEXT_LIMIT].encode("utf-8", "replace").decode("utf-8")
