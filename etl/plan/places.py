"""Where a message of a plan in several parts lies. Bounded in memory: only some lanes are held at a time."""

from bisect import bisect_right
from collections import OrderedDict
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

_CACHED_GROUPS: Final = 16

Table = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]
"""Of consecutive lanes: ordinal of the first message, length, part, row of the first message there."""


class LanePlaces:
    """Finds part and row by ordinal, in a plan's lanes."""

    def __init__(self, lanes: pq.ParquetFile) -> None:
        self._lanes = lanes
        self._groups: OrderedDict[int, Table] = OrderedDict()
        metadata = lanes.metadata
        column = lanes.schema_arrow.get_field_index("first")
        self._starts = [
            metadata.row_group(group).column(column).statistics.min
            for group in range(metadata.num_row_groups)
        ]

    def of(self, ordinal: int) -> tuple[int, int, int]:
        """Return part and row of a message, and how many messages its lane has from it on.

        Raises:
            OSError: the lanes can't be read.
            pyarrow.ArrowException: they are damaged.
        """
        first, length, part, row = self._decoded(bisect_right(self._starts, ordinal) - 1)
        lane = int(np.searchsorted(first, ordinal, side="right")) - 1
        into = ordinal - int(first[lane])
        return int(part[lane]), int(row[lane]) + into, int(length[lane]) - into

    def _decoded(self, group: int) -> Table:
        found = self._groups.get(group)
        if found is None:
            table = self._lanes.read_row_group(group, columns=["first", "length", "part", "row"])
            first, length, part, row = (column.to_numpy().astype(np.int64) for column in table.columns)
            found = self._groups[group] = (first, length, part, row)
            if len(self._groups) > _CACHED_GROUPS:
                self._groups.popitem(last=False)
        self._groups.move_to_end(group)
        return found
