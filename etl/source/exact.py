"""The stdlib csv module over a window: slow, exact, and able to pass over one bad record.

The rule for a record that does not end (a quote that is still open at the end of the file, or after
`max_record_bytes`): it is one reject, and reading goes on at the line after the one on which it starts.
So an unclosed quote costs its own line, and the rows after it are read.
"""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from etl.config.reading import Input
from etl.source.chunk import CR, LF
from etl.source.window import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record as found; a blank line has no fields."""

    line: int
    fields: list[str]
    raw_bytes: int
    ending: bytes
    """LF, CRLF, CR or nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A record that does not end within the limit or the file."""

    line: int
    raw_bytes: int
    detail: str


class _EndlessError(Exception):
    """The record that is being read has no end."""


class ExactReader:
    """Reads records from where the window stands. `finish` gives back to it what was not read."""

    def __init__(self, window: Window, settings: Input) -> None:
        self._window = window
        self._limit = settings.max_record_bytes
        self._dialect = {"delimiter": settings.delimiter, "quotechar": settings.quote}
        self._line = window.line
        self._lines: deque[bytes] = deque()
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        self._record: list[bytes] = []
        self._record_bytes = 0
        self._skipping = False
        self._at_end = False
        self._clean = False
        # Process-wide, so it is only ever raised; the own limit below is what rejects.
        csv.field_size_limit(max(csv.field_size_limit(), self._limit))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """Return the next line of the record that csv is reading."""
        while not self._lines and not self._at_end:
            self._load()
            if not self._lines and self._record_bytes + self._partial_bytes > self._limit:
                raise _EndlessError
        if not self._lines:
            if self._record:
                raise _EndlessError
            raise StopIteration
        line = self._lines.popleft()
        self._record.append(line)
        self._record_bytes += len(line)
        if self._record_bytes > self._limit:
            raise _EndlessError
        return line.decode("utf-8")

    def records(self) -> Iterator[Record | Unfinished]:
        """Yield records up to the end of the text."""
        while True:
            try:
                for fields in csv.reader(self, **self._dialect):  # type: ignore[arg-type]
                    yield self._accept(fields)
            except _EndlessError:
                yield self._reject()
            else:
                return

    def rests(self) -> bool:
        """Return whether all complete lines in memory are read and the next byte begins a line."""
        return not self._lines and not self._skipping and self._clean

    def finish(self) -> None:
        """Give the unread text back to the window."""
        unread = [*self._lines, *self._partial]
        self._window.give_back(b"".join(unread), self._line)

    def _accept(self, fields: list[str]) -> Record:
        last = self._record[-1]
        ending = last[len(last.rstrip(b"\r\n")) :]
        record = Record(line=self._line, fields=fields, raw_bytes=self._record_bytes, ending=ending)
        self._line += sum(line.count(self._window.mark) for line in self._record)
        self._clean = last.endswith(self._window.mark)
        self._clear()
        return record

    def _reject(self) -> Unfinished:
        """Reject the record, and put all its lines but the first back."""
        start, size = self._line, self._record_bytes
        detail = self._why()
        if self._record:
            first = self._record[0]
            self._lines.extendleft(reversed(self._record[1:]))
            self._line += first.count(self._window.mark)
            self._clean = first.endswith(self._window.mark)
        else:
            size = self._skip_line()
        self._clear()
        return Unfinished(line=start, raw_bytes=size, detail=detail)

    def _why(self) -> str:
        ended = self._at_end and self._record_bytes <= self._limit
        # Only whole lines below the limit: the last one may be larger than csv takes.
        whole = self._record if ended else self._record[:-1]
        large = f"larger than {self._limit} bytes"
        if not whole:
            return large
        parsed = list(csv.reader((line.decode("utf-8") for line in whole), **self._dialect))  # type: ignore[arg-type]
        inside = parsed[-1][-1].encode("utf-8").count(self._window.mark)
        passed = sum(line.count(self._window.mark) for line in whole)
        opened = f"the quote that opens on line {self._line + passed - inside} is never closed"
        return opened if ended else f"{large}: {opened} within them"

    def _skip_line(self) -> int:
        """Pass over a single line that is larger than the limit, without keeping it."""
        size = self._partial_bytes
        self._partial, self._partial_bytes = [], 0
        self._skipping = True
        while self._skipping and not self._at_end:
            size += self._load()
        self._skipping = False
        return size

    def _load(self) -> int:
        """Take one more chunk apart; return how many bytes belonged to a line that is skipped."""
        chunk = self._window.take()
        self._at_end = not chunk
        lines = chunk.splitlines(keepends=True)
        skipped = 0
        if self._skipping and lines:
            first = lines.pop(0)
            skipped = len(first)
            if first.endswith((LF, CR)):
                self._skipping = False
                self._line += first.count(self._window.mark)
                self._clean = first.endswith(self._window.mark)
        if lines and self._partial and (lines[0].endswith((LF, CR))):
            lines[0] = b"".join([*self._partial, lines[0]])
            self._partial, self._partial_bytes = [], 0
        if lines and not lines[-1].endswith((LF, CR)):
            self._partial.append(lines.pop())
            self._partial_bytes += len(self._partial[-1])
        if self._at_end and self._partial:
            lines.append(b"".join(self._partial))
            self._partial, self._partial_bytes = [], 0
        self._lines.extend(lines)
        return skipped

    def _clear(self) -> None:
        self._record, self._record_bytes = [], 0


def read_header(window: Window, settings: Input) -> tuple[Record | Unfinished | None, int]:
    """Return the first record that is no blank line, and how many blank lines stand before it.

    How the header ends decides what a line is: CR, if it ends in a lone one.
    """
    reader = ExactReader(window, settings)
    header: Record | Unfinished | None = None
    blank = 0
    for header in reader.records():
        if isinstance(header, Unfinished) or header.fields:
            break
        blank += 1
    else:
        header = None
    reader.finish()
    if isinstance(header, Record) and header.ending == CR:
        window.use_cr()
    return header, blank
