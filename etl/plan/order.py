"""What is sent, and in which order: duplicates, conflicts, known and late messages leave; the rest is sorted.

Order within a lane: instant, then the mapped sequence, then place (file order, line, part). Lanes: longest
first, because the replay can't end before its longest lane does, so that one must start early.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from etl.model.rejects import RejectCode
from etl.plan.ahead import ahead
from etl.plan.arrange import LONG, Order, arranged
from etl.plan.fingerprint import HASHED_COLUMNS, PlanHasher
from etl.plan.merge import BATCH_ROWS, in_order
from etl.plan.payload import WRITTEN, Rows
from etl.plan.stage import Staging

_ORDER_ROWS: Final = 122_880
_PACKING: Final = {
    "compression": {name: "snappy" if name in LONG else "none" for name in WRITTEN.names},
    "use_dictionary": ["role", "file", "lane", "conversation"],
    "write_statistics": False,
    "data_page_size": 256 << 10,
}
"""Packing digests and numbers saves 5 % of a file and costs as much as a third of packing its texts; nobody
asks for statistics; and in small pages what is packed is still in the processor's cache."""

_GONE: Final = """
CREATE OR REPLACE TABLE gone (place BIGINT, why VARCHAR, detail VARCHAR)
"""

# The hash only narrows down: what may repeat is then compared exactly.
_REPEATED_KEYS: Final = """
INSERT INTO gone
SELECT place,
       CASE WHEN content = first_content THEN 'duplicate' ELSE 'conflict' END,
       CASE WHEN content = first_content THEN NULL
            ELSE 'the first is at ' || first_file || ':' || first_line END
FROM (
    SELECT s.place, s.content,
           row_number() OVER earlier AS n,
           first_value(s.content) OVER earlier AS first_content,
           first_value(s.file) OVER earlier AS first_file,
           first_value(s.line) OVER earlier AS first_line
    FROM staged s SEMI JOIN (
        SELECT hash(key) AS digest FROM staged GROUP BY digest HAVING count(*) > 1
    ) d ON hash(s.key) = d.digest
    WINDOW earlier AS (PARTITION BY s.key ORDER BY s.place)
) WHERE n > 1
"""

_IN_LEDGER: Final = """
INSERT INTO gone
SELECT s.place,
       CASE WHEN s.content = t.content THEN 'known:' || t.state ELSE 'conflict' END,
       CASE WHEN s.content = t.content THEN NULL
            ELSE 'the ledger has it as ' || t.state || ' with other content' END
FROM staged s JOIN (
    SELECT key, arg_min(content, state) AS content, min(state) AS state FROM touched GROUP BY key
) t USING (key)
ANTI JOIN gone USING (place)
"""

# A row that was split shares one fate: else the parts that the first version had not would pass as new.
_PARTS_OF_CONFLICTS: Final = """
INSERT INTO gone
SELECT s.place, 'conflict', min(g.detail)
FROM gone g JOIN staged c ON c.place = g.place AND g.why = 'conflict'
JOIN staged s ON s.file_number = c.file_number AND s.line = c.line
ANTI JOIN gone AS other ON other.place = s.place
GROUP BY s.place
"""

_LATE: Final = """
INSERT INTO gone
SELECT s.place, 'late', 'the lane stands at ' || strftime(make_timestamp(newest.at_us), '%Y-%m-%dT%H:%M:%SZ')
FROM staged s JOIN (
    SELECT lane, max(at_us) AS at_us FROM touched
    WHERE state IN ('accepted', 'uncertain', 'in_flight') GROUP BY lane
) newest USING (lane)
ANTI JOIN gone USING (place)
WHERE s.at_us // 1000000 < newest.at_us // 1000000
"""

_ALL_REJECTS: Final = """
CREATE OR REPLACE VIEW all_rejects AS
SELECT * FROM rejects UNION ALL
SELECT s.file, s.line, g.why, NULL, g.detail, s.file_number, s.place
FROM staged s JOIN gone g USING (place) WHERE g.why IN ('conflict', 'late')
"""

_LANES: Final = """
CREATE OR REPLACE TABLE lanes AS
SELECT lane, length, first_at_us, last_at_us,
       row_number() OVER (ORDER BY length DESC, lane) AS rank
FROM (
    SELECT lane, count(*) AS length, min(at_us) AS first_at_us, max(at_us) AS last_at_us
    FROM staged ANTI JOIN gone USING (place) GROUP BY lane
)
"""

# A table of DuckDB keeps the order in which it was filled: its rowid is the ordinal.
_ORDERED_MESSAGES: Final = """
CREATE OR REPLACE TABLE ordered AS
SELECT s.row
FROM staged s ANTI JOIN gone USING (place) JOIN lanes USING (lane)
ORDER BY lanes.rank, s.at_us, s.sequence NULLS LAST, s.place
"""

_REPEATS: Final = """
SELECT ordered.rowid AS ordinal, repeats.key FROM repeats JOIN staged USING (place) JOIN ordered USING (row)
ORDER BY ordinal
"""

_ORDERED_LANES: Final = """
SELECT lane, first, length, first_at_us, last_at_us, 0 AS part, first AS row FROM (
    SELECT lane, CAST(sum(length) OVER (ORDER BY rank ROWS UNBOUNDED PRECEDING) - length AS BIGINT) AS first,
           length, first_at_us, last_at_us, rank
    FROM lanes
) ORDER BY rank
"""

_ORDERED_REJECTS: Final = """
SELECT file, line, code, "column", detail FROM all_rejects ORDER BY file_number, line, code, place
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What became of the staged rows, in numbers."""

    duplicates: int
    known_by_state: dict[str, int]
    rejects_by_code: dict[str, int]
    roles: dict[str, int]
    lanes: int
    longest_lane: int
    planned: int
    first_at_us: int | None
    last_at_us: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered(Decided):
    """The decided plan, still in DuckDB; its parts are read one after another."""

    connection: duckdb.DuckDBPyConnection
    payload: Rows
    memory_bytes: int
    """What the messages may take in memory while they are put in order."""

    def order(self) -> Order:
        """End adding to the payload and return the order of its rows, whose array is a file as long.

        Raises:
            OSError: the disk is full or not writable.
        """
        self.payload.close()
        ordinals = _nowhere(self.payload.spill.with_suffix(".order"), self.payload.rows)
        done = 0
        for batch in self.connection.sql("SELECT row FROM ordered").to_arrow_reader(_ORDER_ROWS):
            ordinals[batch.column("row").to_numpy()] = np.arange(done, done + batch.num_rows)
            done += batch.num_rows
        repeats = self.connection.sql(_REPEATS).to_arrow_table()
        # DuckDB keeps what the rows don't need while they are put in order, and not more.
        self.connection.execute(f"SET memory_limit = '{self.memory_bytes // 1_000_000}MB'")
        return Order(ordinals=ordinals, planned=done, repeats=repeats)

    def write_messages(
        self, path: Path, order: Order, *, each: Callable[[pa.RecordBatch], None], fraction: int = 1
    ) -> None:
        """Write the messages in their `order` into a private Parquet file; `each` sees them, too.

        With `fraction` row groups are so much smaller: a reader holds one of each file of a plan.

        Texts are packed by Snappy: with Zstandard a file is a quarter smaller and costs twice as much.

        Raises:
            OSError: the disk is full, or what makes the rows failed.
            pyarrow.ArrowException: what makes the rows failed.
        """
        path.touch(mode=0o600, exist_ok=False)
        spill = self.payload.spill
        rows = arranged(self.payload, order, memory_bytes=self.memory_bytes, spill=spill, fraction=fraction)
        with pq.ParquetWriter(path, WRITTEN, **_PACKING) as writer:
            for batch in ahead(rows):
                writer.write_batch(batch)
                each(batch)

    def lane_rows(self) -> pa.RecordBatchReader:
        """Return the lanes in order, with the ordinal of their first message."""
        return self._reader(_ORDERED_LANES)

    def reject_rows(self) -> pa.RecordBatchReader:
        """Return all rejects in order of file and line."""
        return self._reader(_ORDERED_REJECTS)

    def _reader(self, query: str) -> pa.RecordBatchReader:
        return self.connection.sql(query).to_arrow_reader(BATCH_ROWS)


def _nowhere(path: Path, rows: int) -> npt.NDArray[np.signedinteger[Any]]:
    """Return an array of -1, one a row, that lies in a private file.

    A file and no memory of our own: the system takes its pages back when they are wanted elsewhere.

    Raises:
        OSError: the disk is full. It is written for that; by way of the map it would be a signal that kills.
    """
    kind = np.int32 if rows <= np.iinfo(np.int32).max else np.int64
    path.touch(mode=0o600, exist_ok=False)
    with path.open("wb") as file:
        for first in range(0, max(rows, 1), _ORDER_ROWS):
            file.write(np.full(min(_ORDER_ROWS, max(rows, 1) - first), -1, kind).tobytes())
    return np.memmap(path, kind, "r+", shape=max(rows, 1))


def decide(staging: Staging, *, reject_late: bool, rows_split: bool = False) -> Ordered:
    """Decide what stays and what leaves, and return the rest in order.

    With `rows_split` messages of one file and line are parts of one text and share a conflict.
    """
    connection = staging.connection()
    decide_keys(connection)
    return decide_lanes(
        connection,
        staging.payload,
        memory_bytes=staging.order_bytes,
        reject_late=reject_late,
        rows_split=rows_split,
    )


def decide_keys(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill the table `gone` with the rows of `staged` whose key another row or the ledger has."""
    connection.execute(_GONE)
    connection.execute(_REPEATED_KEYS)
    connection.execute(_IN_LEDGER)


def decide_lanes(
    connection: duckdb.DuckDBPyConnection,
    payload: Rows,
    *,
    memory_bytes: int,
    reject_late: bool,
    rows_split: bool = False,
) -> Ordered:
    """Add to `gone` what is decided within a lane, and return the rest in order."""
    if rows_split:
        connection.execute(_PARTS_OF_CONFLICTS)
    if reject_late:
        connection.execute(_LATE)
    connection.execute(_ALL_REJECTS)
    connection.execute(_LANES)
    connection.execute(_ORDERED_MESSAGES)
    gone = dict(connection.execute("SELECT why, count(*) FROM gone GROUP BY why").fetchall())
    lanes, longest, planned, first_at_us, last_at_us = connection.execute(
        "SELECT count(*), coalesce(max(length), 0), coalesce(sum(length), 0)::BIGINT, "
        "min(first_at_us), max(last_at_us) FROM lanes",
    ).fetchall()[0]
    return Ordered(
        connection=connection,
        payload=payload,
        memory_bytes=memory_bytes,
        duplicates=gone.get("duplicate", 0),
        known_by_state={why[6:]: count for why, count in sorted(gone.items()) if why.startswith("known:")},
        rejects_by_code=_by_code(connection),
        roles=dict(
            connection.execute(
                "SELECT role, count(*) FROM staged ANTI JOIN gone USING (place) GROUP BY role ORDER BY role",
            ).fetchall(),
        ),
        lanes=lanes,
        longest_lane=longest,
        planned=planned,
        first_at_us=first_at_us,
        last_at_us=last_at_us,
    )


def _by_code(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = dict(connection.execute("SELECT code, count(*) FROM all_rejects GROUP BY code").fetchall())
    return {code.value: counts[code.value] for code in RejectCode if code.value in counts}


def hash_plan(messages: Sequence[Path], lanes: Path, settings: Mapping[str, Any]) -> str:
    """Return the hash of a plan, from its files and the settings that shape it.

    Raises:
        OSError: a file can't be read.
        pyarrow.ArrowException: a file is damaged.
    """
    hasher = PlanHasher(settings)
    for batch in in_order(messages, lanes, HASHED_COLUMNS):
        hasher.update(batch)
    return hasher.hexdigest()
