"""Rows on their way between workers: a file whose rows lie apart by shard, so that a shard is read alone.

Arrow's own file format, not packed: it is mapped into memory, so a reader holds only the pages it looks at.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from etl.errors import InputError

Shards = npt.NDArray[np.int32]
"""Per row the number of its shard."""

_ROWS_PER_PIECE: Final = 65_536
_BYTES_PER_PIECE: Final = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Slices:
    """One shard's rows, as they lie in several such files."""

    paths: tuple[Path, ...]
    shard: int
    """Its number in these files, and how many they have; of files cut out for it alone 0 of 1."""
    shards: int


class Scatter:
    """Writes such a file. A context manager; without an error the file is whole afterwards.

    Each piece that is added becomes one batch a shard, also where a shard has none of its rows: so the
    number of a batch alone says whose it is.

    Raises:
        InputError: the disk is full or not writable.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, shards: int) -> None:
        self.path = path
        self._schema = schema
        self._shards = shards
        path.touch(mode=0o600)
        self._writer = pa.ipc.new_file(path, schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Make the file whole; doing it again changes nothing."""
        try:
            self._writer.close()
        except (OSError, pa.ArrowException) as problem:
            raise _unwritable(self.path, problem) from problem

    def add(self, rows: pa.Table, shards: Shards) -> None:
        """Write rows, each to its shard; within a shard they keep their order."""
        order = np.argsort(shards.astype(np.uint16), kind="stable")
        ends = np.searchsorted(shards[order], np.arange(1, self._shards + 1))
        sorted_rows = rows.take(pa.array(order)).combine_chunks()
        whole = pa.RecordBatch.from_arrays(
            [_one_piece(column) for column in sorted_rows.columns], schema=self._schema
        )
        start = 0
        try:
            for end in ends.tolist():
                self._writer.write_batch(whole.slice(start, end - start))
                start = end
        except (OSError, pa.ArrowException) as problem:
            raise _unwritable(self.path, problem) from problem


def _one_piece(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def shard_batches(
    paths: Sequence[Path],
    columns: Sequence[str],
    *,
    shard: int,
    shards: int,
    opened: Callable[[str], pa.NativeFile] = pa.memory_map,
) -> Iterator[pa.RecordBatch]:
    """Yield columns of one shard's rows out of several such files, in their order.

    Mapped into memory the rows stay in the files: of a page that nobody looks at nothing is read.

    Raises:
        InputError: a file is damaged.
    """
    for path in paths:
        try:
            with opened(str(path)) as file:
                schema = pa.ipc.open_file(file).schema
                fields = [schema.get_field_index(name) for name in columns]
                reader = pa.ipc.open_file(file, options=pa.ipc.IpcReadOptions(included_fields=fields))
                for number in range(shard, reader.num_record_batches, shards):
                    batch = reader.get_batch(number)
                    if batch.num_rows:
                        yield batch.select(columns)
        except (OSError, pa.ArrowException) as error:
            raise InputError(
                f"{path}: can't be read: {type(error).__name__}", hint="the same command makes it anew"
            ) from error


def cut_out(source: pa.NativeFile, path: Path, *, shard: int, shards: int) -> None:
    """Write one shard's rows of such a file to a file of their own, which then has one shard.

    Of the source only these rows are read.

    Raises:
        InputError: the disk is full or not writable.
        OSError: the source can't be read.
        pyarrow.ArrowException: it is damaged.
    """
    reader = pa.ipc.open_file(source)
    with Scatter(path, reader.schema, shards=1) as cut:
        for number in range(shard, reader.num_record_batches, shards):
            batch = reader.get_batch(number)
            if batch.num_rows:
                cut.add(pa.Table.from_batches([batch]), np.zeros(batch.num_rows, np.int32))


def shard_rows(paths: Sequence[Path], schema: pa.Schema, *, shard: int, shards: int) -> pa.RecordBatchReader:
    """Return one shard's rows out of several such files, by a part of their schema, in larger batches."""
    batches = shard_batches(paths, schema.names, shard=shard, shards=shards)
    return pa.RecordBatchReader.from_batches(schema, together(batches))


def together(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield the same rows in fewer batches: of each file a shard has but slivers."""
    held: list[pa.RecordBatch] = []
    rows = octets = 0
    for batch in batches:
        held.append(batch)
        rows, octets = rows + batch.num_rows, octets + batch.nbytes
        if rows >= _ROWS_PER_PIECE or octets >= _BYTES_PER_PIECE:
            yield pa.concat_batches(held)
            held, rows, octets = [], 0, 0
    if held:
        yield pa.concat_batches(held)


def shards_of(connection: duckdb.DuckDBPyConnection, values: pa.ChunkedArray, shards: int) -> Shards:
    """Return the shard of each value: the same for equal ones, wherever it is asked."""
    if not len(values):
        return np.empty(0, dtype=np.int32)
    connection.register("sharded", pa.table({"value": values}))
    try:
        # DuckDB keeps the order of the rows unless it is told otherwise.
        # No parameter: by one of unknown type DuckDB divides 128-bit numbers, which takes ten times as long.
        query = f"SELECT (hash(value) % {shards:d})::INTEGER AS shard FROM sharded"  # noqa: S608  a number
        found = connection.sql(query).to_arrow_table().column("shard")
    finally:
        connection.unregister("sharded")
    numbers: Shards = found.to_numpy()
    return numbers


def pieces(reader: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Yield what a query gives in pieces large enough to be cut by shard, and small enough for memory."""
    gathered: list[Any] = []
    rows = 0
    for batch in reader:
        gathered.append(batch)
        rows += batch.num_rows
        if rows >= _ROWS_PER_PIECE:
            yield pa.Table.from_batches(gathered)
            gathered, rows = [], 0
    if gathered:
        yield pa.Table.from_batches(gathered)


def _unwritable(path: Path, error: Exception) -> InputError:
    reason = getattr(error, "strerror", None) or type(error).__name__
    return InputError(f"{path.parent}: the input can't be staged there: {reason}", hint="free disk space")
