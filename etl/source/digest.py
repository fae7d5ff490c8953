"""The digest of a file's bytes, on two cores: it is needed before anything else is known of the file."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from hashlib import sha256
from types import TracebackType
from typing import BinaryIO, Final, Self

_PIECE_BYTES: Final = 1 << 20
_STRIPES: Final = 2


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """Yield all bytes in pieces of 1 MiB, the last one shorter, however little a read returns."""
    while piece := stream.read(_PIECE_BYTES):
        while len(piece) < _PIECE_BYTES and (more := stream.read(_PIECE_BYTES - len(piece))):
            piece += more
        yield piece


class FileDigest:
    """SHA-256 of the SHA-256 of every even and of every odd one of `pieces`. A context manager."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=_STRIPES)
        self._stripes = [sha256() for _ in range(_STRIPES)]
        self._busy: list[Future[None] | None] = [None] * _STRIPES
        self._next = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown()

    def update(self, piece: bytes) -> None:
        """Add the next piece; waits while its stripe is busy with the one before."""
        stripe = self._next
        self._next = (stripe + 1) % _STRIPES
        self._wait(stripe)
        self._busy[stripe] = self._pool.submit(self._stripes[stripe].update, piece)

    def hexdigest(self, extra: bytes = b"") -> str:
        """Return the digest, in hex, of all pieces and of what else tells the file from others."""
        for stripe in range(_STRIPES):
            self._wait(stripe)
        return sha256(b"".join(stripe.digest() for stripe in self._stripes) + extra).hexdigest()

    def _wait(self, stripe: int) -> None:
        running = self._busy[stripe]
        if running is not None:
            running.result()
