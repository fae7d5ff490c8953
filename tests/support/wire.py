"""A wire to a PostgreSQL server that can be cut: before a question arrives, or before its answer does."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_NAME = ".s.PGSQL.5432"


class Side(Enum):
    """Whose words are lost."""

    QUESTION = "question"
    ANSWER = "answer"


class Wire:
    """Passes on what clients and server say, chunk by chunk, until the chunk at which it is to be cut."""

    def __init__(self, folder: Path, server: str) -> None:
        self.folder = folder
        self._server = str(Path(parse_qs(urlsplit(server).query)["host"][0]) / _NAME)
        self._lock = threading.Lock()
        self._cut: tuple[Side, int] | None = None
        self._saying = b""
        self.passed = {Side.QUESTION: 0, Side.ANSWER: 0}
        """Chunks with those words since `arm`."""
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / _NAME))
        self._listening.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Return the database's URL by way of this wire."""
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def arm(self, side: Side | None = None, at: int = 0, *, saying: bytes = b"") -> None:
        """Count anew, and cut at the `at`-th chunk of a side that has these words, from 1; once."""
        with self._lock:
            self._saying = saying
            self.passed = {Side.QUESTION: 0, Side.ANSWER: 0}
            self._cut = None if side is None else (side, at)

    def close(self) -> None:
        """Take no more connections."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server)
                threading.Thread(target=self._serve, args=(client, server), daemon=True).start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        with client, server:
            asking = threading.Thread(target=self._pass, args=(Side.QUESTION, client, server), daemon=True)
            asking.start()
            self._pass(Side.ANSWER, server, client)
            asking.join()

    def _pass(self, side: Side, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while (chunk := source.recv(1 << 20)) and not self._is_cut(side, chunk):
                sink.sendall(chunk)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _is_cut(self, side: Side, chunk: bytes) -> bool:
        with self._lock:
            if self._saying not in chunk:
                return False
            self.passed[side] += 1
            if self._cut != (side, self.passed[side]):
                return False
            self._cut = None
            return True


@contextmanager
def wire(folder: Path, server: str) -> Iterator[Wire]:
    """Lay a wire to the server of a URL."""
    laid = Wire(folder, server)
    try:
        yield laid
    finally:
        laid.close()
