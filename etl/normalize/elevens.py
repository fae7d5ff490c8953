"""Numbers of eleven digits: which may be a person's, told for many at once by their check digits.

Two order numbers side by side have as many. What is let through is read again, so it may be too much.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from etl.normalize.verdict import Mask

DIGITS: Final = 11

Digits = npt.NDArray[np.int64]
"""A row per number, a column per digit."""

_NORWEGIAN: Final = np.array(
    [[3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0], [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]], dtype=np.int64
)
_TEN: Final = 10
_ELEVEN: Final = 11
_MOST_ALIKE: Final = 3


def may_be_person(digits: Digits) -> Mask:
    """Return which numbers pass the check digits of a Norwegian or a German person's."""
    return norwegian(digits) | german(digits)


def norwegian(digits: Digits) -> Mask:
    """Return which have the two check digits of a fødselsnummer; its date is not looked at."""
    checked: Mask = (digits @ _NORWEGIAN.T % _ELEVEN == 0).all(axis=1)
    return checked


def german(digits: Digits) -> Mask:
    """Return which are a Steuer-ID: one of ten digits two or three times, no other twice; mod 11, 10."""
    counts = np.sort((digits[:, :_TEN, None] == np.arange(_TEN)).sum(axis=1), axis=1)
    alike: Mask = (counts[:, -1] > 1) & (counts[:, -1] <= _MOST_ALIKE) & (counts[:, -2] == 1)
    product = np.full(len(digits), _TEN, dtype=np.int64)
    for digit in digits[:, :_TEN].T:
        total = (product + digit) % _TEN
        product = np.where(total == 0, _TEN, total) * 2 % _ELEVEN
    checked: Mask = alike & ((_ELEVEN - product) % _TEN == digits[:, _TEN])
    return checked
