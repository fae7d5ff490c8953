"""Deciding on rows shard by shard, with the very queries that decide on all of them in one process.

Rows are cut twice: by key, since rows of one key are compared with each other and with the ledger, and by
lane, since order, lateness and the shared fate of a split row are questions of one lane. What the first kind
of shard decides (`verdicts`, `repeats`) therefore goes to the second by lane.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from etl.errors import InputError
from etl.plan.connection import connected
from etl.plan.order import Decided, decide_keys, decide_lanes
from etl.plan.payload import DECIDING, WRITTEN
from etl.plan.repeats import find_repeats, view_staged
from etl.plan.scatter import Scatter, Slices, pieces, shard_batches, together
from etl.plan.stage import duckdb_reason
from etl.plan.tables import STAGED_REJECTS, write_rows

VERDICTS: Final = pa.schema([("place", pa.int64()), ("why", pa.string()), ("detail", pa.string())])
REPEATS: Final = pa.schema([("place", pa.int64()), ("key", pa.binary())])
SHARD_LANES: Final = pa.schema(
    [("lane", pa.string()), ("length", pa.int64()), ("first_at_us", pa.int64()), ("last_at_us", pa.int64())]
)

_GROUPS_OF_ALL: Final = 16
"""So many full row groups a reader may hold, of how many parts ever."""


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
