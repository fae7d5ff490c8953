"""What is sent, and in which order: duplicates, conflicts, known and late messages leave; the rest is sorted.

Order within a lane: instant, then the mapped sequence, then file order, then line. Lanes: longest first,
because the replay can't end before its longest lane does, so that one must start early.
"""

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from etl.model.rejects import RejectCode
from etl.plan.stage import Staging

_BATCH_ROWS = 8_192

_GONE = """
CREATE OR REPLACE TEMP TABLE gone (row_id BIGINT, why VARCHAR, detail VARCHAR)
"""

_REPEATED_KEYS = """
INSERT INTO gone
SELECT row_id,
       CASE WHEN content = first_content THEN 'duplicate' ELSE 'conflict' END,
       CASE WHEN content = first_content THEN NULL
            ELSE 'the first is at ' || first_file || ':' || first_line END
FROM (
    SELECT s.rowid AS row_id, s.content,
           row_number() OVER earlier AS n,
           first_value(s.content) OVER earlier AS first_content,
           first_value(s.file) OVER earlier AS first_file,
           first_value(s.line) OVER earlier AS first_line
    FROM staged s SEMI JOIN (SELECT key FROM staged GROUP BY key HAVING count(*) > 1) USING (key)
    WINDOW earlier AS (PARTITION BY s.key ORDER BY s.file_number, s.line)
) WHERE n > 1
"""

_IN_LEDGER = """
INSERT INTO gone
SELECT s.rowid,
       CASE WHEN s.content = t.content THEN 'known:' || t.state ELSE 'conflict' END,
       CASE WHEN s.content = t.content THEN NULL
            ELSE 'the ledger has it as ' || t.state || ' with other content' END
FROM staged s JOIN (
    SELECT key, arg_min(content, state) AS content, min(state) AS state FROM touched GROUP BY key
) t USING (key)
WHERE s.rowid NOT IN (SELECT row_id FROM gone)
"""

_LATE = """
INSERT INTO gone
SELECT s.rowid, 'late', 'the lane stands at ' || strftime(make_timestamp(newest.at_us), '%Y-%m-%dT%H:%M:%SZ')
FROM staged s JOIN (
    SELECT lane, max(at_us) AS at_us FROM touched
    WHERE state IN ('accepted', 'uncertain', 'in_flight') GROUP BY lane
) newest USING (lane)
WHERE s.at_us // 1000000 < newest.at_us // 1000000
  AND s.rowid NOT IN (SELECT row_id FROM gone)
"""

_REJECT_GONE = """
INSERT INTO rejects
SELECT s.file, s.line, g.why, NULL, g.detail, s.file_number
FROM gone g JOIN staged s ON s.rowid = g.row_id WHERE g.why IN ('conflict', 'late')
"""

_LANES = """
CREATE OR REPLACE TEMP TABLE lanes AS
SELECT lane, length, first_at_us, last_at_us,
       row_number() OVER (ORDER BY length DESC, lane) AS rank
FROM (
    SELECT lane, count(*) AS length, min(at_us) AS first_at_us, max(at_us) AS last_at_us
    FROM staged WHERE rowid NOT IN (SELECT row_id FROM gone) GROUP BY lane
)
"""

_ORDERED_MESSAGES = """
SELECT s.key, s.content, s.lane, s.at_us, s.sequence, s.role, s.text, s.conversation, s.profile,
       s.variables, s.file, s.line
FROM staged s JOIN lanes USING (lane)
WHERE s.rowid NOT IN (SELECT row_id FROM gone)
ORDER BY lanes.rank, s.at_us, s.sequence NULLS LAST, s.file_number, s.line
"""

_ORDERED_LANES = """
SELECT lane, CAST(sum(length) OVER (ORDER BY rank ROWS UNBOUNDED PRECEDING) - length AS BIGINT) AS first,
       length, first_at_us, last_at_us
FROM lanes ORDER BY rank
"""

_ORDERED_REJECTS = """
SELECT file, line, code, "column", detail FROM rejects ORDER BY file_number, line, code
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """The decided plan, still in DuckDB; the three readers are used one after another."""

    connection: duckdb.DuckDBPyConnection
    duplicates: int
    known_by_state: dict[str, int]
    rejects_by_code: dict[str, int]
    roles: dict[str, int]
    lanes: int
    longest_lane: int
    planned: int
    first_at_us: int | None
    last_at_us: int | None

    def messages(self) -> pa.RecordBatchReader:
        """Return the messages in sending order."""
        return self._reader(_ORDERED_MESSAGES)

    def lane_rows(self) -> pa.RecordBatchReader:
        """Return the lanes in order, with the ordinal of their first message."""
        return self._reader(_ORDERED_LANES)

    def reject_rows(self) -> pa.RecordBatchReader:
        """Return all rejects in order of file and line."""
        return self._reader(_ORDERED_REJECTS)

    def _reader(self, query: str) -> pa.RecordBatchReader:
        return self.connection.sql(query).to_arrow_reader(_BATCH_ROWS)


def decide(staging: Staging, *, reject_late: bool) -> Ordered:
    """Decide what stays and what leaves, and return the rest in order."""
    connection = staging.connection()
    connection.execute(_GONE)
    connection.execute(_REPEATED_KEYS)
    connection.execute(_IN_LEDGER)
    if reject_late:
        connection.execute(_LATE)
    connection.execute(_REJECT_GONE)
    connection.execute(_LANES)
    gone = dict(connection.execute("SELECT why, count(*) FROM gone GROUP BY why").fetchall())
    lanes, longest, planned, first_at_us, last_at_us = connection.execute(
        "SELECT count(*), coalesce(max(length), 0), coalesce(sum(length), 0)::BIGINT, "
        "min(first_at_us), max(last_at_us) FROM lanes",
    ).fetchall()[0]
    return Ordered(
        connection=connection,
        duplicates=gone.get("duplicate", 0),
        known_by_state={why[6:]: count for why, count in sorted(gone.items()) if why.startswith("known:")},
        rejects_by_code=_by_code(connection),
        roles=dict(
            connection.execute(
                "SELECT role, count(*) FROM staged WHERE rowid NOT IN (SELECT row_id FROM gone) "
                "GROUP BY role ORDER BY role",
            ).fetchall(),
        ),
        lanes=lanes,
        longest_lane=longest,
        planned=planned,
        first_at_us=first_at_us,
        last_at_us=last_at_us,
    )


def _by_code(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    counts = dict(connection.execute("SELECT code, count(*) FROM rejects GROUP BY code").fetchall())
    return {code.value: counts[code.value] for code in RejectCode if code.value in counts}
