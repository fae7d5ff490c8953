"""The rows of the report: from answers and files into one table, each row once."""

from collections.abc import Iterator
from typing import Final

import pyarrow as pa

from etl.verify.database import Database

HEARD: Final = pa.schema(
    [
        ("idx", pa.int64()), ("lane", pa.string()), ("text", pa.string()), ("time", pa.string()),
        ("id", pa.string()), ("place", pa.string()),
    ],
)  # fmt: skip
"""Rows as the report has them: `idx` is the place in it, `place` the column of order, if there is one."""

KEPT: Final = pa.schema(
    [field if field.name != "text" else pa.field("digest", pa.binary()) for field in HEARD]
)
"""The same with the text's digest instead of the text."""

_TABLES: Final = (
    """
    CREATE TABLE heard (
        source BIGINT, idx BIGINT, lane VARCHAR, digest BLOB, time VARCHAR, id VARCHAR, place VARCHAR
    )
    """,
    "CREATE TABLE clocks (r BIGINT, sec BIGINT)",
)

_KEPT: Final = """
    INSERT INTO heard SELECT $source::BIGINT, idx, lane, digest(text), time, lower(id), place FROM incoming
"""
_DIGESTED: Final = """
    SELECT idx, lane, digest(text) AS digest, time, lower(id) AS id, place FROM incoming ORDER BY idx
"""
_AGAIN: Final = "INSERT INTO heard SELECT $source::BIGINT, idx, lane, digest, time, id, place FROM incoming"

# Ranges share days: of rows that are the same in every column, copies within one answer count, not across.
_ONCE: Final = """
    CREATE TABLE rows_once AS
    SELECT row_number() OVER (ORDER BY source, idx) - 1 AS r, source, idx, lane, digest, time, id, place
    FROM (
        SELECT *, row_number() OVER (PARTITION BY source, lane, digest, time, id, place ORDER BY idx) AS copy
        FROM heard
    )
    QUALIFY row_number() OVER (PARTITION BY lane, digest, time, id, place, copy ORDER BY source, idx) = 1
"""

# Whole numbers order as numbers. Without them the rows' own order is taken, read backwards if most users'
# times fall; where they rise and fall alike there is none.
_PLACED: Final = """
    CREATE TABLE theirs AS
    WITH steps AS (
        SELECT count(*) FILTER (sec > earlier) AS up, count(*) FILTER (sec < earlier) AS down
        FROM (
            SELECT sec, lag(sec) OVER (PARTITION BY source, lane ORDER BY idx) AS earlier
            FROM rows_once LEFT JOIN clocks USING (r)
        )
    ),
    kind AS (
        SELECT CASE
            WHEN $ordered THEN CASE WHEN (SELECT count(*) = count(TRY_CAST(place AS HUGEINT)) FROM rows_once)
                THEN 'numbers' ELSE 'none' END
            WHEN up >= 4 * down THEN 'rising' WHEN down >= 4 * up THEN 'falling' ELSE 'none' END AS kind
        FROM steps
    )
    SELECT r, lane, digest, id, sec, sec // $resolution::BIGINT AS slot,
        CASE kind WHEN 'numbers' THEN TRY_CAST(place AS HUGEINT) WHEN 'rising' THEN r WHEN 'falling' THEN -r
        ELSE NULL END AS pos
    FROM rows_once LEFT JOIN clocks USING (r), kind
"""

_SPANS: Final = """
    SELECT source, min(sec), max(sec)
    FROM heard
    JOIN (SELECT DISTINCT time, sec FROM rows_once JOIN clocks USING (r) WHERE sec IS NOT NULL) USING (time)
    GROUP BY source ORDER BY source
"""

_CHUNK: Final = 262_144


class Theirs:
    """Fills the table `theirs`; `Database` must know the macro `digest`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        for table in _TABLES:
            database.run(table)

    def add(self, source: int, rows: pa.Table) -> None:
        """Take rows by `HEARD` of one answer or file; `source` rises in the order of time."""
        self._database.insert(_KEPT, rows, {"source": source})

    def digested(self, rows: pa.Table) -> pa.Table:
        """Return rows by `HEARD` as `KEPT`: without a text, so that they may be stored."""
        return self._database.over(_DIGESTED, rows).select(KEPT.names).cast(KEPT)

    def add_kept(self, source: int, rows: pa.Table) -> None:
        """Take rows by `KEPT` of one answer; `source` rises in the order of time."""
        self._database.insert(_AGAIN, rows, {"source": source})

    def of_our_users(self) -> int:
        """Return how many rows, copies and all, are of users that we have messages of."""
        (count,) = self._database.row("SELECT count(*) FROM heard WHERE lane IN (SELECT lane FROM ours)")
        return int(count)

    def once(self) -> int:
        """Drop what two answers share; return how many rows there are."""
        self._database.run(_ONCE)
        (count,) = self._database.row("SELECT count(*) FROM rows_once")
        return int(count)

    def times(self) -> Iterator[tuple[pa.Array, pa.Array]]:
        """Yield numbers of rows and their times as written, in order; call `once` first."""
        (count,) = self._database.row("SELECT count(*) FROM rows_once")
        for first in range(0, count, _CHUNK):
            rows = self._database.table(
                "SELECT r, time FROM rows_once WHERE r >= $first AND r < $end ORDER BY r",
                {"first": first, "end": first + _CHUNK},
            ).combine_chunks()
            yield rows["r"].combine_chunks(), rows["time"].combine_chunks()

    def set_times(self, numbers: pa.Array, at_seconds: pa.Array) -> None:
        """Say when rows were written: Unix seconds, null where that can't be read."""
        self._database.insert(
            "INSERT INTO clocks SELECT r, sec FROM incoming", pa.table({"r": numbers, "sec": at_seconds})
        )

    def spans(self) -> dict[int, tuple[int, int]]:
        """Return each source's first and last time, in Unix seconds; call `set_times` first."""
        return {source: (first, last) for source, first, last in self._database.rows(_SPANS)}

    def place(self, *, ordered: bool, resolution_seconds: int) -> None:
        """Make `theirs`; `ordered` says that the report has a column of order."""
        self._database.run(_PLACED, {"ordered": ordered, "resolution": resolution_seconds})
