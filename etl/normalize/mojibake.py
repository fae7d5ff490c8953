"""Texts that somebody read in the wrong encoding; they are told, not repaired."""

from typing import Final

import pyarrow as pa

from etl.normalize.octets import LEAD, Octets, counts_in, octets_of, places, table
from etl.normalize.scan import matches_among
from etl.normalize.verdict import Mask

_LATIN: Final = r"[\x{80}-\x{BF}ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œžŸ€‚Ž]"  # noqa: RUF001  these very signs
MOJIBAKE: Final = rf"Ã{_LATIN}|Â[\x{{A0}}-\x{{BF}}]|â€[\x{{80}}-\x{{BF}}™œžš“”˜¦¢]|ðŸ{_LATIN}"  # noqa: RUF001  the same
"""What UTF-8 looks like that somebody read as Latin-1 or cp1252: `Ã¦`, `â€™`."""

_FIRST: Final = "Ã".encode()[0]
_SECOND: Final = table("ÃÂâð".encode()[1::2])
"""The bytes of the characters with which all of it begins."""


def mojibake(texts: pa.Array) -> Mask:
    """Return which texts hold any; no text is null."""
    octets, ends = octets_of(texts)
    found = places(octets, _begins, beyond=2)
    likely = counts_in(found[_SECOND[octets[found + 1]]], ends) > 0
    return matches_among(texts, likely, MOJIBAKE)


def _begins(piece: Octets) -> Mask:
    """Return where two characters beyond ASCII stand as they do in a garbled text, and rarely in others."""
    hit: Mask = piece[:-2] == _FIRST
    if hit.any():
        hit &= piece[2:] >= LEAD
        hit &= piece[2:] != _FIRST
    return hit
