"""Reading a plan back: lanes in order, and each lane's messages in small pieces."""

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.errors import InputError
from etl.model.plan import Lane, PlanFolder, PlannedMessage
from etl.model.schemas import REJECT_SCHEMA, Role
from etl.plan.merge import in_order
from etl.plan.places import LanePlaces

LANES_PER_BATCH: Final = 4_096
"""How many lanes are looked at together."""

_PIECE_ROWS: Final = 64
"""Messages of a lane that become objects at once; a lane may be longer than memory."""

_CACHED_GROUPS: Final = 16
"""Row groups that stay decoded: neighbouring lanes share one. Of a plan in several parts at least one each,
which then are so much smaller."""

_COLUMNS: Final = (
    "key", "content", "lane", "at_us", "role", "text", "conversation", "profile", "variables",
)  # fmt: skip
_ROLES: Final = {role.value: role for role in Role}
_LANE_SCHEMA: Final = pa.schema([("lane", pa.string()), ("first", pa.int64()), ("length", pa.int64())])


class PlanReader:
    """Random access to a plan by ordinals. Memory is bounded by the caches, not by the plan.

    Raises:
        InputError: the plan's files are missing or damaged.
    """

    def __init__(self, plan: PlanFolder, *, fetch: Callable[[str], Path] | None = None) -> None:
        """`fetch` brings a file of messages by its name, when it is needed first; None: all are there."""
        self._plan = plan
        self._fetch = fetch
        self._files: dict[int, _MessageFile] = {}
        try:
            if fetch is None:
                self._files.update(enumerate(map(_MessageFile, plan.messages)))
            self._lanes = pq.ParquetFile(plan.lanes, pre_buffer=False)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(type(error).__name__) from error
        planned = plan.summary.conservation.planned
        rows = planned if fetch else sum(file.rows for file in self._files.values())
        expected = (planned, plan.summary.lanes)
        if (rows, self._lanes.metadata.num_rows) != expected:
            raise self._damaged("it holds other numbers of messages or lanes than its summary says")
        self._places = LanePlaces(self._lanes) if plan.summary.parts > 1 else None
        self._groups: OrderedDict[tuple[int, int], list[pa.Array]] = OrderedDict()
        self._most_groups = max(_CACHED_GROUPS, plan.summary.parts)

    def bring(self, part: int) -> None:
        """Have the messages of a part here, -1 those of all: bringing them may take long.

        Raises:
            EtlError: they can't be had.
        """
        try:
            for number in range(self._plan.summary.parts) if part < 0 else (part,):
                self._file(number)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(type(error).__name__) from error

    def lanes(self, *, first: int | None = None) -> Iterator[list[Lane]]:
        """Yield the lanes in order, up to `LANES_PER_BATCH` at a time.

        With `first` only so many of them, the first by name: a trial should not begin with the largest.
        """
        try:
            if first is not None:
                yield self._first_by_name(first)
                return
            for batch in self._lane_batches():
                yield _lanes(batch)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(type(error).__name__) from error

    def sizes(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return each lane's number of messages and the part that holds them, in order of the plan.

        A plan in one part has -1 for all.
        """
        try:
            table = self._lanes.read(columns=["length", *self._part_column()])
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(type(error).__name__) from error
        lengths = table.column("length").to_numpy()
        if not self._part_column():
            return lengths, np.full(len(lengths), -1, np.int64)
        return lengths, table.column("part").to_numpy().astype(np.int64)

    def between(self, first: int, end: int, *, part: int) -> list[Lane]:
        """Return the lanes from place `first` to before `end`, those of one part unless it is -1."""
        found: list[Lane] = []
        start = 0
        metadata = self._lanes.metadata
        try:
            for group in range(metadata.num_row_groups):
                rows = metadata.row_group(group).num_rows
                if start < end and first < start + rows:
                    table = self._lanes.read_row_group(
                        group, columns=[*_LANE_SCHEMA.names, *self._part_column()]
                    )
                    table = table.slice(max(first - start, 0), min(end, start + rows) - max(first, start))
                    if part >= 0 and self._part_column():
                        table = table.filter(pc.equal(table.column("part"), part))
                    found += _lanes(table)
                start += rows
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(type(error).__name__) from error
        return found

    def _part_column(self) -> list[str]:
        return [name for name in self._lanes.schema_arrow.names if name == "part"]

    def named(self, names: Collection[str]) -> Iterator[Lane]:
        """Yield the lanes with those names, in order of the plan."""
        wanted = pa.array(sorted(names), pa.string())
        try:
            for batch in self._lane_batches():
                yield from _lanes(batch.filter(pc.is_in(batch.column("lane"), wanted)))
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(type(error).__name__) from error

    def messages(self, first: int, end: int) -> Iterator[PlannedMessage]:
        """Yield the messages with ordinals in [first, end), in order, read in small pieces."""
        position = first
        while position < end:
            stop = min(position + _PIECE_ROWS, end)
            yield from self._piece(position, stop)
            position = stop

    def written_before(self, before_us: int) -> Iterator[pa.RecordBatch]:
        """Yield ordinal, key, content, lane and at_us of the messages before an instant, in order."""
        first = 0
        try:
            for batch in in_order(self._plan.messages, self._plan.lanes, ("key", "content", "lane", "at_us")):
                ordinals = pa.array(np.arange(first, first + batch.num_rows))
                first += batch.num_rows
                addressed = batch.add_column(0, "ordinal", ordinals)
                yield addressed.filter(pc.less(addressed.column("at_us"), before_us))
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(type(error).__name__) from error

    def _first_by_name(self, count: int) -> list[Lane]:
        best = _LANE_SCHEMA.empty_table()
        for batch in self._lane_batches():
            best = pa.concat_tables([best, pa.table(batch)]).sort_by("lane").slice(0, count)
        return _lanes(best)

    def _lane_batches(self) -> Iterator[pa.RecordBatch]:
        yield from self._lanes.iter_batches(LANES_PER_BATCH, columns=_LANE_SCHEMA.names)

    def _piece(self, first: int, end: int) -> list[PlannedMessage]:
        messages: list[PlannedMessage] = []
        while first < end:
            part, row, more = self._place(first)
            group, start, stop = self._file(part).group_of(row)
            rows = min(more, stop - row, end - first)
            pieces = [column.slice(row - start, rows) for column in self._decoded(part, group)]
            messages += _messages(first, pieces)
            first += rows
        return messages

    def _place(self, ordinal: int) -> tuple[int, int, int]:
        """Return part and row of a message, and how many from it on follow each other there."""
        if self._places is None:
            return 0, ordinal, self._plan.summary.conservation.planned - ordinal
        try:
            return self._places.of(ordinal)
        except (OSError, pa.ArrowException) as error:
            raise self._damaged(type(error).__name__) from error

    def _file(self, part: int) -> "_MessageFile":
        if part not in self._files:
            path = self._plan.messages[part]
            self._files[part] = _MessageFile(self._fetch(path.name) if self._fetch else path)
        return self._files[part]

    def _decoded(self, part: int, group: int) -> list[pa.Array]:
        """Return the columns of a row group, each in one piece: slices of it are cheap."""
        columns = self._groups.get((part, group))
        if columns is None:
            try:
                columns = self._file(part).read(group)
            except (OSError, pa.ArrowException) as error:
                raise self._damaged(type(error).__name__) from error
            self._groups[part, group] = columns
            if len(self._groups) > self._most_groups:
                self._groups.popitem(last=False)
        self._groups.move_to_end((part, group))
        return columns

    def _damaged(self, fault: str) -> InputError:
        return InputError(
            f"plan {self._plan.path} can't be read: {fault}",
            hint="delete that folder; the same command makes the plan anew",
        )


class _MessageFile:
    """One file of messages, by row groups."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path)
        metadata = self._file.metadata
        self.rows = metadata.num_rows
        sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._starts = [0, *accumulate(sizes)]

    def group_of(self, row: int) -> tuple[int, int, int]:
        """Return the row group of a row, with the rows where it starts and ends."""
        group = bisect_right(self._starts, row) - 1
        return group, self._starts[group], self._starts[group + 1]

    def read(self, group: int) -> list[pa.Array]:
        """Return a row group's columns, each in one piece."""
        table = self._file.read_row_group(group, columns=list(_COLUMNS), use_threads=False)
        return [column.combine_chunks() for column in table.columns]


def plan_rejects(plan: PlanFolder) -> Iterator[pa.RecordBatch]:
    """Yield a plan's rejects, by `REJECT_SCHEMA`, in order of file and line.

    Raises:
        InputError: the plan's files are missing or damaged.
    """
    try:
        with pq.ParquetFile(plan.rejects, pre_buffer=False) as file:
            yield from (batch.cast(REJECT_SCHEMA) for batch in file.iter_batches())
    except (OSError, pa.ArrowException) as error:
        raise InputError(
            f"{plan.rejects} can't be read: {type(error).__name__}",
            hint="delete that plan's folder; the same command makes it anew",
        ) from error


def _lanes(rows: pa.RecordBatch | pa.Table) -> list[Lane]:
    columns = zip(*(rows.column(name).to_pylist() for name in ("lane", "first", "length")), strict=True)
    return [Lane(name=name, first=first, length=length) for name, first, length in columns]


def _messages(first: int, columns: list[pa.Array]) -> list[PlannedMessage]:
    """Return messages from `_COLUMNS`, the first of which has the ordinal `first`."""
    key, content, lane, at_us, role, *rest = (column.to_pylist() for column in columns)
    ordinals, roles = range(first, first + len(key)), [_ROLES[name] for name in role]
    rows = zip(ordinals, key, content, lane, at_us, roles, *rest, strict=True)
    return [PlannedMessage._make(row) for row in rows]
