"""A piece of text that knows its line ends: they are asked for again and again, and counted once."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from etl.source.marks import masks

LF: Final = b"\n"
CR: Final = b"\r"


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of text and its line ends."""

    data: bytes
    line_feeds: int
    carriage_returns: int
    """Alone or before LF."""
    pairs: int
    """CR with LF behind it."""

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Return `data` with its line ends counted."""
        values = np.frombuffer(data, np.uint8)
        if CR not in data:
            (feeds,) = masks(values, LF)
            return cls(data, int(np.count_nonzero(feeds)), 0, 0)
        feeds, returns = masks(values, LF, CR)
        counts = int(np.count_nonzero(feeds)), int(np.count_nonzero(returns))
        pairs = np.logical_and(returns[:-1], feeds[1:], out=returns[:-1])
        return cls(data, *counts, int(np.count_nonzero(pairs)))

    def __bool__(self) -> bool:
        return bool(self.data)

    def marks(self, mark: bytes) -> int:
        """Return how many line ends of this kind it has."""
        return self.line_feeds if mark == LF else self.carriage_returns

    def has_stray(self, mark: bytes) -> bool:
        """Return whether there is a line end without `mark` in it, as a lone CR where lines end in LF."""
        return self.line_feeds > 0 if mark == CR else self.pairs != self.carriage_returns
