"""Texts that somebody read in the wrong encoding; they are told, not repaired."""

from typing import Final

import numpy as np
import pyarrow as pa

from etl.normalize.octets import LEAD, counts_in, octets_of, table
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
    hit = octets[:-2] == _FIRST
    # What follows such a character is beyond ASCII too and no Latin letter, which in a sound text is rare.
    hit &= octets[2:] >= LEAD
    hit &= octets[2:] != _FIRST
    if not hit.any():
        return np.zeros(len(texts), dtype=np.bool_)
    places = np.flatnonzero(hit)
    likely = counts_in(places[_SECOND[octets[places + 1]]], ends) > 0
    return matches_among(texts, likely, MOJIBAKE)
