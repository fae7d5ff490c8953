"""Excel's serial days: days and a fraction since 1899-12-30, on the clock of whoever typed them.

A serial is a binary float, so a time of day that was typed comes back a hair off: the nearest millisecond
restores it, where cutting would make 09:59:59.999 of 10:00. Nothing coarser is done to it, for milliseconds
may be real. Decimals beyond the eleventh (a microsecond) are cut. A comma may stand for the point.

Only the 1900 system, which every Excel for Windows writes. Days of the 1904 system look the same and
would come out 1,462 days (four years and a day) early; nothing in a file tells them apart.
"""

from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.normalize.instants import FAR_US, Readings
from etl.normalize.verdict import mask, matches

_SERIAL: Final = r"^\+?\d{1,20}(?:[.,]\d{1,20})?$"
_POINT: Final = r"[.,]"
_LONGEST_DAY: Final = 7
"""9999-12-31, the last day that Excel knows, has seven digits."""
_PLACES: Final = 11
_DAY_MS: Final = 86_400_000
_UNIX_DAY: Final = 25_569
"""1970-01-01."""
_SCALE: Final = 10**_PLACES


def read_serials(cells: pa.Array) -> Readings:
    """Read serial days to the nearest millisecond, half up; they say nothing of an offset."""
    real = matches(cells, _SERIAL)
    numbers = pc.if_else(real, cells, "0")
    whole = pc.utf8_ltrim(pc.replace_substring_regex(numbers, _POINT + ".*$", ""), "+0")
    beyond = mask(pc.greater(pc.binary_length(whole), _LONGEST_DAY))
    days = pc.if_else(beyond, "0", pc.binary_join_element_wise("0", whole, "")).cast(pa.int64())
    behind = pc.replace_substring_regex(numbers, r"^[^.,]*[.,]?", "")
    parts = pc.utf8_slice_codeunits(pc.utf8_rpad(behind, _PLACES, "0"), 0, _PLACES).cast(pa.int64())
    # 10^11 x 86,400,000 is 8.64e18: the most places whose product a 64-bit integer holds.
    ms = (parts.to_numpy(zero_copy_only=False) * _DAY_MS + _SCALE // 2) // _SCALE
    us = ((days.to_numpy(zero_copy_only=False) - _UNIX_DAY) * _DAY_MS + ms) * 1_000
    us = np.where(beyond, FAR_US, us)
    return Readings(us=np.where(real, us, 0), real=real, naive=real.copy())
