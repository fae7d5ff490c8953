"""The report's times: one format for all of it, read as strictly as those of an export."""

import numpy as np
import pyarrow as pa

from etl.clock import MICROSECONDS
from etl.config.reading import Time
from etl.errors import InputError
from etl.normalize.detect import detect, tells
from etl.normalize.times import TimeReader
from etl.verify.theirs import Theirs


def read_times(theirs: Theirs, settings: Time, *, column: str, now_us: int) -> int:
    """Read the times of all rows of the report; return how many could not be read.

    Raises:
        InputError: no format fits nearly all of them, or more than one does.
    """
    reader: TimeReader | None = None
    unread = 0
    for numbers, cells in theirs.times():
        if reader is None and tells(cells):
            reader = TimeReader(
                settings, column, now_us=now_us, fmt=_format(cells, settings, column=column, now_us=now_us)
            )
        bad = np.ones(len(cells), dtype=np.bool_)
        at_us = np.zeros(len(cells), dtype=np.int64)
        if reader is not None:
            read = reader(cells)
            bad = np.logical_or.reduce([fault.hit for fault in read.faults])
            at_us = read.at_us
        theirs.set_times(numbers, pa.array(at_us // MICROSECONDS, pa.int64(), mask=bad))
        unread += int(np.count_nonzero(bad))
    return unread


def _format(cells: pa.Array, settings: Time, *, column: str, now_us: int) -> str:
    try:
        return detect(cells, settings, column=column, now_us=now_us)
    except InputError as error:
        hint = error.hint.replace("[time]", "[verify.time]")
        raise InputError(f"the report's times: {error.message}", hint=hint) from error
