"""Questions about a whole column of texts at memory speed: nearly no batch holds what is looked for."""

from functools import partial
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.normalize.octets import Octets, counts_in, octets_of, places
from etl.normalize.verdict import Mask, mask, matches

_FREQUENT: Final = " etaoinsrhldcumfpgwybvkxjqz"
"""The characters that texts are full of, the most frequent first."""


def rows_with(texts: pa.Array, characters: str, *, times: int = 1) -> Mask:
    """Return which texts hold one of some ASCII characters so many times or more; no text is null."""
    octets, ends = octets_of(texts)
    hit = np.zeros(len(texts), dtype=np.bool_)
    for character in characters.encode():
        found = places(octets, partial(np.equal, character))
        if len(found):
            hit |= counts_in(found, ends) >= times
    return hit


def holds(texts: pa.Array, needle: str) -> bool:
    """Return whether any text may hold the ASCII needle; also true when two neighbours make it together."""
    octets, _ = octets_of(texts)
    one, other = _rarest(needle)
    apart = other - one

    def both(piece: Octets) -> Mask:
        found: Mask = piece[: len(piece) - apart] == ord(needle[one])
        if found.any():
            found &= piece[apart:] == ord(needle[other])
        return found

    likely = len(places(octets, both, beyond=apart)) > 0
    return likely and octets.tobytes().find(needle.encode()) >= 0


def rows_from(texts: pa.Array, octet: int) -> Mask:
    """Return which texts hold a byte of this value or a higher one."""
    octets, ends = octets_of(texts)
    hit: Mask = counts_in(places(octets, lambda piece: piece >= octet), ends) > 0
    return hit


def longer(texts: pa.Array, limit: int) -> Mask:
    """Return which texts have more characters; most have not even so many bytes."""
    _, ends = octets_of(texts)
    longer: Mask = np.diff(ends) > limit
    rows = np.flatnonzero(longer)
    if len(rows):
        longer[rows] = mask(pc.greater(pc.utf8_length(texts.take(pa.array(rows))), limit))
    return longer


def matches_among(texts: pa.Array, candidates: Mask, pattern: str) -> Mask:
    """Return which of the candidates a regular expression is found in; the others are not looked at."""
    hit = np.zeros(len(texts), dtype=np.bool_)
    rows = np.flatnonzero(candidates)
    if len(rows):
        hit[rows] = matches(texts.take(pa.array(rows)), pattern)
    return hit


def _rarest(needle: str) -> tuple[int, int]:
    """Return where the two characters stand that texts hold least, in their order."""

    def frequency(place: int) -> int:
        rank = _FREQUENT.find(needle[place])
        return -rank if rank >= 0 else -len(_FREQUENT)

    one, other = sorted(range(len(needle)), key=frequency)[:2]
    return min(one, other), max(one, other)
