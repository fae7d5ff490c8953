"""Staged rows, and what the ledger knows, cut into shards: by key, and by lane.

A row's place is its part's number << 40 plus its number there: as ordered as in one process.
"""

from pathlib import Path
from types import TracebackType
from typing import Final, Self

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from etl.model.plan import PlanFolder
from etl.plan.connection import quoted
from etl.plan.scatter import Scatter, pieces, shards_of
from etl.plan.stage import untouched_sql
from etl.plan.tables import STAGED, TOUCHED

PLACE_BITS: Final = 40
"""A part has fewer rows than 2 to that power."""

NARROW: Final = pa.schema(
    [
        ("key", pa.binary()), ("content", pa.binary()), ("place", pa.int64()), ("file", pa.string()),
        ("line", pa.int64()), ("file_number", pa.int32()), ("lane_shard", pa.int32()),
    ],
)  # fmt: skip
"""What is known of a row where keys are compared."""


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
