"""Questions about a whole column of texts at memory speed: nearly no batch holds what is looked for."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.normalize.verdict import Mask, mask, matches

Octets = npt.NDArray[np.uint8]


def octets_of(texts: pa.Array) -> tuple[Octets, npt.NDArray[np.int64]]:
    """Return the UTF-8 of all texts in a row, and where each begins; one more: where the last ends."""
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return np.zeros(0, np.uint8), np.zeros(len(texts) + 1, np.int64)
    ends = np.frombuffer(offsets, np.int32, texts.offset + len(texts) + 1)[texts.offset :].astype(np.int64)
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]], ends - ends[0]


def rows_with(texts: pa.Array, characters: str, *, times: int = 1) -> Mask:
    """Return which texts hold one of some ASCII characters so many times or more; no text is null."""
    octets, ends = octets_of(texts)
    hit = np.zeros(len(texts), dtype=np.bool_)
    for character in characters:
        found = np.flatnonzero(octets == ord(character))
        row = np.searchsorted(ends, found, side="right") - 1
        hit |= np.bincount(row, minlength=len(texts)) >= times
    return hit


def holds(texts: pa.Array, needle: str) -> bool:
    """Return whether any text may hold the needle; also true when two neighbours make it together."""
    octets, _ = octets_of(texts)
    return octets.tobytes().find(needle.encode()) >= 0


def beyond_ascii(texts: pa.Array) -> Mask:
    """Return which texts hold more than ASCII."""
    return ~mask(pc.string_is_ascii(texts))


def matches_among(texts: pa.Array, candidates: Mask, pattern: str) -> Mask:
    """Return which of the candidates a regular expression is found in; the others are not looked at."""
    hit = np.zeros(len(texts), dtype=np.bool_)
    rows = np.flatnonzero(candidates)
    if len(rows):
        hit[rows] = matches(texts.take(pa.array(rows)), pattern)
    return hit
