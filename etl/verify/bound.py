"""How much may be wrong when a sample shows so much. Pure."""

from math import exp, inf, lgamma, log, log1p
from typing import Final

CONFIDENCE: Final = 0.95

_HALVINGS: Final = 60
"""Of the unit interval: beyond the precision of a float."""


def wrong_share_at_most(*, wrong: int, looked_at: int, confidence: float = CONFIDENCE) -> float:
    """Return the one-sided upper Clopper-Pearson bound: the true share is at most that, with `confidence`.

    It is exact for draws with replacement and only larger for a sample without. With nothing wrong in n it is
    about 3 / n. With nothing looked at nothing is known: 1.
    """
    if not 0 <= wrong <= looked_at:
        raise ValueError("wrong is a part of looked_at")
    if wrong == looked_at:
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_most(wrong, looked_at, middle) > 1 - confidence:
            low = middle
        else:
            high = middle
    return high


def _at_most(most: int, draws: int, share: float) -> float:
    """Return the probability of at most so many hits."""
    return sum(exp(_log_probability(hits, draws, share)) for hits in range(most + 1))


def _log_probability(hits: int, draws: int, share: float) -> float:
    if not 0 < share < 1:
        return 0.0 if hits == draws * share else -inf
    ways = lgamma(draws + 1) - lgamma(hits + 1) - lgamma(draws - hits + 1)
    return ways + hits * log(share) + (draws - hits) * log1p(-share)
