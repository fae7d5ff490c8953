"""Deciding on rows shard by shard, with the very queries that decide on all of them in one process.

Rows are cut twice: by key, since rows of one key are compared with each other and with the ledger, and by
lane, since order, lateness and the shared fate of a split row are questions of one lane. What the first kind
of shard decides (`verdicts`, `repeats`) therefore goes to the second by lane.

A row's place is its part's number << 40 plus its number there: as ordered as in one process.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl.errors import InputError
from etl.model.plan import PlanFolder
from etl.plan.connection import connected, quoted
from etl.plan.order import Decided, decide_keys, decide_lanes
from etl.plan.payload import DECIDING, WRITTEN
from etl.plan.repeats import find_repeats, view_staged
from etl.plan.scatter import Scatter, Slices, pieces, shard_batches, shards_of, together
from etl.plan.stage import duckdb_reason, untouched_sql
from etl.plan.tables import STAGED, STAGED_REJECTS, TOUCHED, write_rows

PLACE_BITS: Final = 40
"""A part has fewer rows than 2 to that power."""

NARROW: Final = pa.schema(
    [
        ("key", pa.binary()), ("content", pa.binary()), ("place", pa.int64()), ("file", pa.string()),
        ("line", pa.int64()), ("file_number", pa.int32()), ("lane_shard", pa.int32()),
    ],
)  # fmt: skip
"""What is known of a row where keys are compared."""
VERDICTS: Final = pa.schema([("place", pa.int64()), ("why", pa.string()), ("detail", pa.string())])
REPEATS: Final = pa.schema([("place", pa.int64()), ("key", pa.binary())])
SHARD_LANES: Final = pa.schema(
    [("lane", pa.string()), ("length", pa.int64()), ("first_at_us", pa.int64()), ("last_at_us", pa.int64())]
)

_GROUPS_OF_ALL: Final = 16
"""So many full row groups a reader may hold, of how many parts ever."""


class PartWriter:
    """Takes staged rows, by `STAGED`, and writes them twice: whole by lane, narrow by key."""

    def __init__(self, folder: Path, *, part: int, shards: int) -> None:
        self.whole = Scatter(folder / "whole.arrow", STAGED, shards=shards)
        self.narrow = Scatter(folder / "narrow.arrow", NARROW, shards=shards)
        self._base = part << PLACE_BITS
        self._shards = shards
        self._connection = duckdb.connect(config={"threads": 1})

    def write_table(self, table: pa.Table) -> None:
        """Take the next rows; their places are those within the part."""
        if not table.num_rows:
            return
        places = table.column("place").to_numpy()
        column = table.schema.get_field_index("place")
        rows = table.set_column(column, STAGED.field("place"), pa.array(places + self._base))
        by_lane = shards_of(self._connection, rows.column("lane"), self._shards)
        self.whole.add(rows, by_lane)
        by_key = shards_of(self._connection, rows.column("key"), self._shards)
        self.narrow.add(narrowed(rows, by_lane), by_key)

    def close(self) -> None:
        """Make the files whole."""
        self.whole.close()
        self.narrow.close()
        self._connection.close()


def narrowed(rows: pa.Table, by_lane: np.ndarray) -> pa.Table:
    """Return rows by `NARROW`."""
    shared = [rows.column(name) for name in NARROW.names[:-1]]
    return pa.Table.from_arrays([*shared, pa.array(by_lane)], schema=NARROW)


@contextmanager
def deciding(folder: Path, *, memory_limit_mb: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a connection that spills into `folder`.

    Raises:
        InputError: the disk is full, or the memory limit is too low.
    """
    connection = connected(folder, memory_limit_mb=memory_limit_mb)
    try:
        yield connection
    except duckdb.Error as error:
        raise InputError(
            f"planning failed: {duckdb_reason(error)}",
            hint="free disk space beside the plans, or raise plan.memory_limit_mb",
        ) from error
    finally:
        connection.close()


def stage_unfinished(
    connection: duckdb.DuckDBPyConnection, plan: PlanFolder, touched: Path, folder: Path, *, shards: int
) -> int:
    """Stage the untouched messages of an unfinished plan, as a part of its own; return how many.

    A narrow row stands in the shard of its key and in that of its content: told apart among equal ones, it
    has a key of its own, and its like in the new input is compared where its content is.
    """
    connection.execute(f"CREATE VIEW touched AS SELECT * FROM read_parquet({quoted(touched)})")  # noqa: S608
    count = 0
    whole = Scatter(folder / "whole.arrow", STAGED, shards=shards)
    narrow = Scatter(folder / "narrow.arrow", NARROW, shards=shards)
    with whole, narrow, connection.cursor() as hashing:
        for piece in pieces(connection.sql(untouched_sql(plan)).to_arrow_reader()):
            rows = piece.select(STAGED.names).cast(STAGED)
            count += rows.num_rows
            by_lane = shards_of(hashing, rows.column("lane"), shards)
            whole.add(rows, by_lane)
            add_twice(narrow, narrowed(rows, by_lane), hashing, shards=shards)
    return count


def add_twice(scatter: Scatter, rows: pa.Table, hashing: duckdb.DuckDBPyConnection, *, shards: int) -> None:
    """Write rows to the shard of their key, and to that of their content where it is another one."""
    by_key = shards_of(hashing, rows.column("key"), shards)
    by_content = shards_of(hashing, rows.column("content"), shards)
    scatter.add(rows, by_key)
    other = by_key != by_content
    scatter.add(rows.filter(pa.array(other)), by_content[other])


class TouchedWriter:
    """Takes what the ledger knows and writes it by key, by lane, and as a whole. A context manager."""

    def __init__(self, folder: Path, *, shards: int) -> None:
        self._shards = shards
        self._by_key = Scatter(folder / "touched-keys.arrow", TOUCHED, shards=shards)
        self._by_lane = Scatter(folder / "touched-lanes.arrow", TOUCHED, shards=shards)
        whole = folder / "touched.parquet"
        whole.touch(mode=0o600)
        self._whole = pq.ParquetWriter(whole, TOUCHED)
        self._hashing = duckdb.connect(config={"threads": 1})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in (self._by_key, self._by_lane, self._whole, self._hashing):
            one.close()

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the next messages."""
        rows = pa.Table.from_batches([batch]).select(TOUCHED.names).cast(TOUCHED)
        add_twice(self._by_key, rows, self._hashing, shards=self._shards)
        self._by_lane.add(rows, shards_of(self._hashing, rows.column("lane"), self._shards))
        self._whole.write_table(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShard:
    """The rows of one shard by key."""

    rows: pa.RecordBatchReader
    """Of the new input, by `NARROW`."""
    carried: pa.RecordBatchReader
    """Of an unfinished plan, by `NARROW`; none where it is not carried."""
    touched: pa.RecordBatchReader
    """What the ledger knows, by `TOUCHED`."""


def count_found(connection: duckdb.DuckDBPyConnection, shard: KeyShard) -> int:
    """Return how many messages of the unfinished plan the new input holds."""
    _stage_keys(connection, shard)
    row = connection.execute("SELECT count(*) FROM carried SEMI JOIN staged USING (key)").fetchone()
    return int(row[0]) if row else 0


def decide_key_shard(
    connection: duckdb.DuckDBPyConnection, shard: KeyShard, folder: Path, *, shards: int
) -> None:
    """Write `verdicts.arrow` and `repeats.arrow`, cut by lane."""
    _stage_keys(connection, shard)
    view_staged(connection, "(SELECT * FROM arrived UNION ALL SELECT * FROM carried) s")
    decide_keys(connection)
    for name, schema in (("gone", VERDICTS), ("repeats", REPEATS)):
        columns = ", ".join(f"{name}.{column}" for column in schema.names)
        query = f"SELECT {columns}, lane_shard FROM {name} JOIN arrived USING (place)"  # noqa: S608  constants
        file = "verdicts.arrow" if name == "gone" else "repeats.arrow"
        with Scatter(folder / file, schema, shards=shards) as scatter:
            for piece in pieces(connection.sql(query).to_arrow_reader()):
                scatter.add(piece.select(schema.names).cast(schema), piece.column("lane_shard").to_numpy())


def _stage_keys(connection: duckdb.DuckDBPyConnection, shard: KeyShard) -> None:
    _fill(connection, {"arrived": shard.rows, "carried": shard.carried, "touched": shard.touched})
    view_staged(connection, "arrived s")
    find_repeats(connection)
    view_staged(connection, "arrived s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a job says of deciding, and of the memory that it may take beside DuckDB's."""

    reject_late: bool
    rows_split: bool
    memory_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneShard:
    """The rows of one shard by lane."""

    whole: Slices
    """Of all parts, by `STAGED`."""
    shards: int
    """Those of the plan."""
    verdicts: pa.RecordBatchReader
    repeats: pa.RecordBatchReader
    touched: pa.RecordBatchReader
    """What the ledger knows of these lanes, by `TOUCHED`."""


class _ShardRows:
    """The messages of a shard where they lie, in several files."""

    def __init__(self, shard: LaneShard, folder: Path) -> None:
        self._shard = shard
        self.spill = folder / "piles"
        self.rows = sum(batch.num_rows for batch in self._batches(["place"]))

    def close(self) -> None:
        """Nothing is added."""

    def octets(self) -> int:
        return sum(batch.nbytes for batch in self.mapped())

    def mapped(self) -> Iterator[pa.RecordBatch]:
        yield from self._batches(WRITTEN.names)

    def loaded(self) -> Iterator[pa.RecordBatch]:
        yield from self._batches(WRITTEN.names, pa.OSFile)

    def deciding(self) -> pa.RecordBatchReader:
        """Return what decides about them, by `DECIDING`."""
        return pa.RecordBatchReader.from_batches(DECIDING, self._deciding())

    def _deciding(self) -> Iterator[pa.RecordBatch]:
        first = 0
        for batch in self._batches(DECIDING.names[:-1]):
            rows = pa.array(np.arange(first, first + batch.num_rows))
            first += batch.num_rows
            yield batch.append_column(DECIDING.field("row"), rows)

    def _batches(
        self, columns: Sequence[str], opened: Callable[[str], pa.NativeFile] = pa.memory_map
    ) -> Iterator[pa.RecordBatch]:
        whole = self._shard.whole
        where = {"shard": whole.shard, "shards": whole.shards}
        return together(shard_batches(whole.paths, columns, **where, opened=opened))


def write_lane_shard(
    connection: duckdb.DuckDBPyConnection,
    shard: LaneShard,
    folder: Path,
    *,
    rules: Rules,
) -> Decided:
    """Decide the rest and write `messages`, `lanes` and `rejects`, each as Parquet."""
    payload = _ShardRows(shard, folder)
    given = {"arrived": payload.deciding(), "touched": shard.touched, "gone": shard.verdicts}
    _fill(
        connection, {**given, "repeats": shard.repeats, "rejects": STAGED_REJECTS.empty_table().to_reader()}
    )
    view_staged(connection, "arrived s")
    ordered = decide_lanes(
        connection,
        payload,
        memory_bytes=rules.memory_bytes,
        reject_late=rules.reject_late,
        rows_split=rules.rows_split,
    )
    # The plan as a whole is hashed, in its own order.
    fraction = max(1, shard.shards // _GROUPS_OF_ALL)
    ordered.write_messages(
        folder / "messages.parquet", ordered.order(), each=lambda _: None, fraction=fraction
    )
    for name, query, schema in (
        ("lanes", "SELECT lane, length, first_at_us, last_at_us FROM lanes", SHARD_LANES),
        ("rejects", "SELECT * FROM all_rejects", STAGED_REJECTS),
    ):
        write_rows(connection.sql(query).to_arrow_reader(), folder / f"{name}.parquet", schema)
    return ordered


def _fill(connection: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.RecordBatchReader]) -> None:
    """Make tables of rows: they spill, and a scan of many slivers would cost more each time."""
    for name, rows in tables.items():
        connection.register("given", rows)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM given")  # noqa: S608  constants
        connection.unregister("given")
