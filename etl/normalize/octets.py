"""The bytes of a column of strings, at memory speed: a comparison of all of them is nearly free."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Octets = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Table = npt.NDArray[np.bool_]
"""For each of the 256 bytes whether it is one that is looked for."""

CONTINUED: Final = 0x80
"""From here on a byte is part of a character beyond ASCII."""
LEAD: Final = 0xC0
"""From here on it begins one."""
_PIECE: Final = 1 << 18
"""Bytes: what is made of so many stays in the processor's cache, and their memory is used again."""


def octets_of(texts: pa.Array) -> tuple[Octets, Places]:
    """Return the UTF-8 of all texts in a row, and where each begins; one more: where the last ends."""
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return np.zeros(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    ends = np.frombuffer(offsets, np.int32, texts.offset + len(texts) + 1)[texts.offset :].astype(np.int64)
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]], ends - ends[0]


def table(octets: bytes) -> Table:
    """Return a table in which the given bytes are true."""
    chosen = np.zeros(256, np.bool_)
    chosen[np.frombuffer(octets, np.uint8)] = True
    return chosen


def pieces(octets: Octets) -> Iterator[Octets]:
    """Yield all bytes, piece by piece."""
    for begin in range(0, len(octets), _PIECE):
        yield octets[begin : begin + _PIECE]


def places(octets: Octets, test: Callable[[Octets], Table], *, beyond: int = 0) -> Places:
    """Return where a test holds, piece by piece.

    Args:
        octets: all bytes.
        test: what is asked of a piece; its answer is shorter by `beyond`.
        beyond: how many bytes behind its own the test looks at.
    """
    parts = []
    for begin in range(0, len(octets) - beyond, _PIECE):
        hit = test(octets[begin : begin + _PIECE + beyond])
        if hit.any():
            parts.append(np.flatnonzero(hit) + begin)
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def counts_in(found: Places, ends: Places) -> Places:
    """Return how many of some places, which rise, lie in each text."""
    counts: Places = np.diff(np.searchsorted(found, ends))
    return counts


def edge_bytes(octets: Octets, ends: Places) -> tuple[Octets, Octets]:
    """Return the first and the last byte of each text; of an empty one any byte, or NUL."""
    if not len(octets):
        nothing = np.zeros(len(ends) - 1, np.uint8)
        return nothing, nothing
    return octets.take(ends[:-1], mode="clip"), octets.take(ends[1:] - 1, mode="clip")
