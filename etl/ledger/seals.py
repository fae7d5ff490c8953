"""A chain of digests over what runs have recorded, so that a later change is noticed.

A run's seal covers the seal before it, the run and its plan as recorded, every acceptance and every other
attempt of the run in order of (plan, ordinal), and every person's word since the seal before. All of that
is final once the run can record nothing more: nothing leaves `accepted`, attempts and words are never
changed. What it can't prove: somebody who rewrites the ledger, its seals and every report stays unseen.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Protocol

from etl.ledger.evidence import Seal, Verification


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The questions in one kind of SQL. Lines must come out the same, byte for byte, in every kind."""

    accepted: str
    """Of a list of runs: (run, line) in order of (plan, ordinal)."""
    attempts: str
    """Of a list of runs: (run, line) in order of (plan, ordinal, n)."""
    pauses: str
    """Of a list of runs: (run, line) in order of number."""
    words: str
    """With numbers after the first and up to the second parameter: (0, line) in order of number."""
    run: str
    """One run and its plan: (line)."""
    unexplained: str


class Book(Protocol):
    """A snapshot of a ledger's records."""

    @property
    def script(self) -> Script:
        """Return the questions as this ledger understands them."""

    def batches(self, sql: str, *parameters: int | Sequence[int]) -> Iterator[list[tuple[Any, ...]]]:
        """Yield the rows of a question, at most 65,536 at once."""


def line(hexed: str, numbers: str, texts: str) -> str:
    """Return the expression of one row's line: numbers as they are, then texts and blobs in hex.

    Args:
        hexed: how a text or blob becomes hex, with `{}` for its name; nothing, where there is none.
        numbers: names of columns, parted by spaces; `-` is a number that is not there.
        texts: names of columns, parted by spaces.
    """
    parts = [f"coalesce(CAST({column} AS TEXT), '-')" for column in numbers.split()]
    parts += [f"'+' || {hexed.format(column)}" for column in texts.split()]
    return " || ' ' || ".join(parts)


_SEALS = "SELECT run, accepted, attempts, last_word, digest, at_us FROM seal ORDER BY run"

# Under the target's lock a run without anything in flight records nothing more.
_DUE = "SELECT number FROM run WHERE number > (SELECT coalesce(max(run), 0) FROM seal) ORDER BY number"
_BUSY = "SELECT min(run) FROM message WHERE state = 'in_flight'"
_LAST_WORD = "SELECT coalesce(max(number), 0) FROM decision"
_ALL = 2**62
"""Beyond the number of any word."""
_NAME = "SELECT target || ' ' || identity FROM meta"


def seals(book: Book) -> list[Seal]:
    """Return all seals, oldest first."""
    return [
        Seal(run=run, accepted=accepted, attempts=attempts, last_word=word, digest=digest, at_us=at_us)
        for rows in book.batches(_SEALS)
        for run, accepted, attempts, word, digest, at_us in rows
    ]


def due(book: Book, *, now_us: int) -> list[Seal]:
    """Return the seals that are still to be written, oldest first; call it when no run sends."""
    busy = _value(book, _BUSY)
    runs = [run for run in _unsealed(book) if busy is None or run < busy]
    stored = seals(book)
    before = stored[-1] if stored else None
    last_word = _value(book, _LAST_WORD)
    found = []
    for run, streams in _Streams.of(book, runs):
        before = streams.seal(book, run, before=before, last_word=last_word, now_us=now_us)
        found.append(before)
    return found


def verify(book: Book) -> Verification:
    """Compute every seal anew in one pass over a snapshot."""
    stored = seals(book)
    differing = []
    before: Seal | None = None
    for (run, streams), seal in zip(_Streams.of(book, [seal.run for seal in stored]), stored, strict=True):
        again = streams.seal(book, run, before=before, last_word=seal.last_word, now_us=seal.at_us)
        if again != seal:
            differing.append(run)
        before = seal
    words = stored[-1].last_word if stored else 0
    return Verification(
        sealed=tuple(stored),
        differing=tuple(differing),
        unsealed=tuple(_unsealed(book)),
        unsealed_words=sum(map(len, book.batches(book.script.words, words, _ALL))),
        unexplained=_value(book, book.script.unexplained),
    )


def row(seal: Seal) -> tuple[int, int, int, int, str, int]:
    """Return a seal as a row of its table."""
    return seal.run, seal.accepted, seal.attempts, seal.last_word, seal.digest, seal.at_us


class _Streams:
    """The digests of one run's rows, one for each kind."""

    def __init__(self) -> None:
        self.accepted = _Stream()
        self.attempts = _Stream()
        self.pauses = _Stream()

    @classmethod
    def of(cls, book: Book, runs: list[int]) -> Iterable[tuple[int, "_Streams"]]:
        """Return them by run, in that order, from one pass over the rows."""
        found = {run: cls() for run in runs}
        if runs:
            for run, lines in _lines(book.batches(book.script.accepted, runs)):
                found[run].accepted.add(lines)
            for run, lines in _lines(book.batches(book.script.attempts, runs)):
                found[run].attempts.add(lines)
            for run, lines in _lines(book.batches(book.script.pauses, runs)):
                found[run].pauses.add(lines)
        return found.items()

    def seal(self, book: Book, run: int, *, before: Seal | None, last_word: int, now_us: int) -> Seal:
        """Return the seal of the run, chained to the one before."""
        words = _Stream()
        since = before.last_word if before else 0
        for _, lines in _lines(book.batches(book.script.words, since, last_word)):
            words.add(lines)
        record = _value(book, book.script.run, run)
        parts = (
            "etl seal 1", str(_value(book, _NAME)), before.digest if before else "",
            f"{record}\n" if record is not None else "", self.accepted.digest, self.attempts.digest,
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
    """A running digest over lines, each with its end."""

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()
        self.rows = 0

    def add(self, lines: list[str]) -> None:
        self.rows += len(lines)
        self._hasher.update("\n".join([*lines, ""]).encode())

    @property
    def digest(self) -> str:
        return self._hasher.hexdigest()


def _lines(batches: Iterable[list[tuple[Any, ...]]]) -> Iterator[tuple[int, list[str]]]:
    """Yield (run, lines) for rows (run, line), each run's lines in order."""
    for rows in batches:
        columns: tuple[tuple[Any, ...], ...] = tuple(zip(*rows, strict=True))
        runs, lines = columns
        several = sorted(set(runs))
        if len(several) == 1:
            yield several[0], list(lines)
            continue
        for run in several:
            yield run, list(compress(lines, map(run.__eq__, runs)))


def _unsealed(book: Book) -> list[int]:
    return [run for rows in book.batches(_DUE) for (run,) in rows]


def _value(book: Book, sql: str, *parameters: int) -> Any:  # noqa: ANN401  whatever the question is about
    return next((row[0] for rows in book.batches(sql, *parameters) for row in rows), None)
