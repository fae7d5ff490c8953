"""A chain of digests over what runs have recorded, so that a later change is noticed.

A run's seal covers the seal before it, the run and its plan as recorded, every acceptance and every other
attempt of the run in order of (plan, ordinal), and every person's word since the seal before. All of that
is final once the run can record nothing more: nothing leaves `accepted`, attempts and words are never
changed. What it can't prove: somebody who rewrites the ledger, its seals and every report stays unseen.
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from itertools import compress
from typing import Any, Final

from etl.ledger.evidence import Seal, Verification

_ROWS: Final = 65_536


def _line(numbers: str, texts: str) -> str:
    """Return the expression of one row's line: numbers as they are, then texts and blobs in hex."""
    # hex() reads a text the same in every version of SQLite; `-` is a value that is not there.
    parts = [f"coalesce({column}, '-')" for column in numbers.split()]
    parts += [f"coalesce('+' || hex({column}), '-')" for column in texts.split()]
    return " || ' ' || ".join(parts) + " || char(10)"


# By a word accepted ones belong to the word, not to the run; both parts are final.
_ACCEPTED: Final = f"""
    SELECT run, {
    _line(
        "plan ordinal at_us attempts maybe_doubled http_status intent_us settled_us",
        "key content lane reason platform_id conversation_id",
    )
}
    FROM message
    WHERE plan IN (SELECT plan FROM run WHERE number IN (SELECT value FROM json_each(?1)))
      AND run IN (SELECT value FROM json_each(?1)) AND state = 'accepted'
      AND (plan, ordinal) NOT IN (SELECT plan, ordinal FROM decision WHERE to_state = 'accepted')
    ORDER BY plan, ordinal
"""  # noqa: S608  constants of this module

_ATTEMPTS: Final = f"""
    SELECT run, {_line("plan ordinal n http_status at_us", "phase state reason")}
    FROM attempt WHERE run IN (SELECT value FROM json_each(?1)) ORDER BY plan, ordinal, n
"""  # noqa: S608  constants of this module

_WORDS: Final = f"""
    SELECT 0, {_line("number plan ordinal at_us", "from_state to_state who why")}
    FROM decision WHERE number > ?1 AND number <= ?2 ORDER BY number
"""  # noqa: S608  constants of this module

_PAUSES: Final = f"""
    SELECT run, {_line("number at_us until_us", "reason")}
    FROM pause WHERE run IN (SELECT value FROM json_each(?1)) ORDER BY number
"""  # noqa: S608  constants of this module

# Without its REALs: how SQLite prints one has changed over its versions.
_RUN: Final = f"""
    SELECT {
    _line(
        "run.number run.pid run.started_us run.ended_us run.exit_code run.expected plan.number "
        "plan.messages plan.lanes",
        "run.host run.version run.expected_plan run.stop plan.hash",
    )
}
    FROM run JOIN plan ON plan.number = run.plan WHERE run.number = ?
"""  # noqa: S608  constants of this module

_SEALS: Final = "SELECT run, accepted, attempts, last_word, digest, at_us FROM seal ORDER BY run"

# Under the target's lock a run without anything in flight records nothing more.
_DUE: Final = """
    SELECT number FROM run WHERE number > (SELECT coalesce(max(run), 0) FROM seal) ORDER BY number
"""
_BUSY: Final = "SELECT min(run) FROM message WHERE state = 'in_flight'"

# Each part repeats the condition of the partial index that answers it.
_UNEXPLAINED: Final = """
    SELECT count(*) FROM (
        SELECT plan, ordinal, state, attempts FROM message INDEXED BY message_unsettled
        WHERE state IN ('uncertain', 'rejected')
        UNION ALL
        SELECT plan, ordinal, state, attempts FROM message INDEXED BY message_waiting
        WHERE state IN ('pending', 'skipped')
    ) AS m
    WHERE state NOT IN (SELECT state FROM attempt AS a
                        WHERE a.plan = m.plan AND a.ordinal = m.ordinal AND a.n = m.attempts)
      AND (plan, ordinal, state) NOT IN (SELECT plan, ordinal, to_state FROM decision)
      AND NOT (state = 'uncertain' AND EXISTS (SELECT 1 FROM restore))
"""

INSERT: Final = (
    "INSERT INTO seal (run, accepted, attempts, last_word, digest, at_us) VALUES (?, ?, ?, ?, ?, ?)"
)


def seals(connection: sqlite3.Connection) -> list[Seal]:
    """Return all seals, oldest first."""
    return [
        Seal(run=run, accepted=accepted, attempts=attempts, last_word=word, digest=digest, at_us=at_us)
        for run, accepted, attempts, word, digest, at_us in connection.execute(_SEALS)
    ]


def due(connection: sqlite3.Connection, *, now_us: int) -> list[Seal]:
    """Return the seals that are still to be written, oldest first; call it when no run sends."""
    (busy,) = connection.execute(_BUSY).fetchone()
    runs = [run for (run,) in connection.execute(_DUE) if busy is None or run < busy]
    stored = seals(connection)
    before = stored[-1] if stored else None
    (last_word,) = connection.execute("SELECT coalesce(max(number), 0) FROM decision").fetchone()
    found = []
    for run, streams in _Streams.of(connection, runs):
        before = streams.seal(connection, run, before=before, last_word=last_word, now_us=now_us)
        found.append(before)
    return found


def verify(connection: sqlite3.Connection) -> Verification:
    """Compute every seal anew in one pass; call it within one read transaction."""
    stored = seals(connection)
    differing = []
    before: Seal | None = None
    for (run, streams), seal in zip(
        _Streams.of(connection, [seal.run for seal in stored]), stored, strict=True
    ):
        again = streams.seal(connection, run, before=before, last_word=seal.last_word, now_us=seal.at_us)
        if again != seal:
            differing.append(run)
        before = seal
    words = stored[-1].last_word if stored else 0
    (unsealed_words,) = connection.execute(
        "SELECT count(*) FROM decision WHERE number > ?", (words,)
    ).fetchone()
    (unexplained,) = connection.execute(_UNEXPLAINED).fetchone()
    return Verification(
        sealed=tuple(stored),
        differing=tuple(differing),
        unsealed=tuple(run for (run,) in connection.execute(_DUE)),
        unsealed_words=unsealed_words,
        unexplained=unexplained,
    )


def row(seal: Seal) -> tuple[int, int, int, int, str, int]:
    """Return a seal as `INSERT` takes it."""
    return seal.run, seal.accepted, seal.attempts, seal.last_word, seal.digest, seal.at_us


class _Streams:
    """The digests of one run's rows, one for each kind."""

    def __init__(self) -> None:
        self.accepted = _Stream()
        self.attempts = _Stream()
        self.pauses = _Stream()

    @classmethod
    def of(cls, connection: sqlite3.Connection, runs: list[int]) -> Iterable[tuple[int, "_Streams"]]:
        """Return them by run, in that order, from one pass over the rows."""
        found = {run: cls() for run in runs}
        if runs:
            chosen = (json.dumps(runs),)
            for run, lines in _batches(connection.execute(_ACCEPTED, chosen)):
                found[run].accepted.add(lines)
            for run, lines in _batches(connection.execute(_ATTEMPTS, chosen)):
                found[run].attempts.add(lines)
            for run, lines in _batches(connection.execute(_PAUSES, chosen)):
                found[run].pauses.add(lines)
        return found.items()

    def seal(
        self,
        connection: sqlite3.Connection,
        run: int,
        *,
        before: Seal | None,
        last_word: int,
        now_us: int,
    ) -> Seal:
        """Return the seal of the run, chained to the one before."""
        words = _Stream()
        since = before.last_word if before else 0
        for _, lines in _batches(connection.execute(_WORDS, (since, last_word))):
            words.add(lines)
        name = connection.execute("SELECT target || ' ' || identity FROM meta").fetchone()[0]
        record = connection.execute(_RUN, (run,)).fetchone()
        parts = (
            "etl seal 1", name, before.digest if before else "",
            record[0] if record else "", self.accepted.digest, self.attempts.digest,
            self.pauses.digest, words.digest,
        )  # fmt: skip
        return Seal(
            run=run,
            accepted=self.accepted.rows,
            attempts=self.attempts.rows,
            last_word=last_word,
            digest=hashlib.sha256("\n".join(parts).encode()).hexdigest(),
            at_us=now_us,
        )


class _Stream:
    """A running digest over lines."""

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()
        self.rows = 0

    def add(self, lines: list[str]) -> None:
        self.rows += len(lines)
        self._hasher.update("".join(lines).encode())

    @property
    def digest(self) -> str:
        return self._hasher.hexdigest()


def _batches(cursor: sqlite3.Cursor) -> Iterator[tuple[int, list[str]]]:
    """Yield (run, lines) for rows (run, line), each run's lines in order."""
    while rows := cursor.fetchmany(_ROWS):
        columns: tuple[tuple[Any, ...], ...] = tuple(zip(*rows, strict=True))
        runs, lines = columns
        for run in sorted(set(runs)):
            yield run, list(compress(lines, map(run.__eq__, runs)))
