"""Text that was read and whose records are not accounted for yet: what lets two parsers take turns."""

from collections import deque
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from etl.errors import InputError
from etl.source.chunk import CR, LF, Chunk
from etl.source.text import Text


class Window:
    """The unread rest of a text, as far as it is in memory, and the line on which it begins.

    Attributes:
        line: the physical line, 1-based, on which the first retained byte stands.
        dropped: bytes forgotten so far, by `release` and `seek`.
        mark: the byte that ends a line: LF, or CR when the header ends in a lone CR.
    """

    def __init__(self, text: Text) -> None:
        self._text = text
        self._chunks: deque[Chunk] = deque()
        # pyarrow reads ahead in a thread of its own.
        self._lock = Lock()
        self.line = 1
        self.dropped = 0
        self.mark = LF

    @property
    def marks_passed(self) -> int:
        """Return how many line ends the text has had so far."""
        return self._text.line_feeds if self.mark == LF else self._text.carriage_returns

    def use_cr(self) -> None:
        """Count lines by CR from now on, and anew for what was already read."""
        self.mark = CR
        self.line = 1 + self.marks_passed - sum(chunk.carriage_returns for chunk in self._chunks)

    def take(self) -> bytes:
        """Return and forget the next chunk, empty only at the end. The caller moves `line`."""
        return (self._chunks.popleft() if self._chunks else self._text.read()).data

    def give_back(self, data: bytes, line: int) -> None:
        """Put text that begins on `line` before everything else."""
        self.line = line
        if data:
            self._chunks.appendleft(Chunk.of(data))

    def exhausted(self) -> bool:
        """Return whether nothing is left, neither here nor in the text."""
        if not self._chunks and (chunk := self._text.read()):
            self._chunks.append(chunk)
        return not self._chunks

    def retained(self) -> list[Chunk]:
        """Return the chunks in memory, oldest first."""
        with self._lock:
            return list(self._chunks)

    def extend(self) -> Chunk:
        """Return the next chunk of the text and retain it."""
        chunk = self._text.read()
        if chunk:
            with self._lock:
                self._chunks.append(chunk)
        return chunk

    def release(self, line: int) -> None:
        """Forget the chunks that end before `line` begins."""
        with self._lock:
            while self._chunks and (marks := self._chunks[0].marks(self.mark)) < line - self.line:
                self.dropped += len(self._chunks.popleft().data)
                self.line += marks

    def seek(self, line: int) -> None:
        """Forget everything before `line`.

        Raises:
            InputError: the retained text has no such line, which is a defect and must not pass silently.
        """
        self.release(line)
        if line == self.line:
            return
        chunk = self._chunks.popleft().data if self._chunks else b""
        ends = np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord(self.mark))
        wanted = line - self.line
        if not 0 < wanted <= len(ends):
            raise InputError(f"line {line} was counted but is not there: {len(ends)} of {wanted} line ends")
        cut = int(ends[wanted - 1]) + 1
        self.dropped += cut
        self.give_back(chunk[cut:], line)

    def blank(self, lines: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return for each retained line (ascending) whether nothing at all stands on it."""
        parts: list[bytes] = []
        marks = 0
        for chunk in self.retained():
            parts.append(chunk.data)
            marks += chunk.marks(self.mark)
            if marks > lines[-1] - self.line:
                break
        data = np.frombuffer(b"".join(parts), np.uint8)
        ends = np.append(np.flatnonzero(data == ord(self.mark)), len(data))
        nth = np.minimum(lines - self.line, len(ends) - 1)
        starts = np.where(nth > 0, ends[nth - 1] + 1, 0)
        lengths = ends[nth] - starts
        only_cr = (lengths == 1) & (data[np.minimum(starts, len(data) - 1)] == ord(CR))
        return np.asarray((lengths == 0) | only_cr, np.bool_)


class Feed:
    """The window as the file that pyarrow reads, up to the end or to the first stray line end.

    A stray line end is one that does not hold the window's mark (a lone CR where lines end in LF): if it
    ends a record, lines can't be counted from values, so the exact reader takes that chunk.

    Attributes:
        given: bytes handed over so far.
        error: what the text raised; kept, because it was raised in pyarrow's thread.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._waiting = deque(window.retained())
        self._chunk = b""
        self._offset = 0
        self._ended = False
        self._stopped = False
        self._busy = Lock()
        self.given = 0
        self.error: InputError | None = None

    @property
    def closed(self) -> bool:
        """Return whether `stop` was called; pyarrow asks."""
        return self._stopped

    def close(self) -> None:
        """Stop; pyarrow calls it."""
        self.stop()

    def read(self, size: int = -1, /) -> bytes:
        """Return at most `size` bytes that do not end on CR, empty at the end."""
        with self._busy:
            if self._offset >= len(self._chunk) and not self._ended:
                self._load()
            if self._ended:
                return b""
            end = len(self._chunk) if size < 0 else min(self._offset + size, len(self._chunk))
            if end < len(self._chunk) and self._chunk[end - 1 : end] == CR:
                end -= 1
            piece = self._chunk[self._offset : end]
            self._offset = end
            self.given += len(piece)
            return piece

    def stop(self) -> None:
        """Wait for a read in progress and let all later ones find the end."""
        with self._busy:
            self._ended = self._stopped = True

    def _load(self) -> None:
        try:
            chunk = self._waiting.popleft() if self._waiting else self._window.extend()
        except InputError as error:
            self.error = error
            chunk = Chunk.of(b"")
        if not chunk or chunk.has_stray(self._window.mark):
            self._ended = True
        else:
            self._chunk, self._offset = chunk.data, 0
