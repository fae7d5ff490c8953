"""Equal rows of one file told apart.

Without a native id two equal texts of one lane and instant are two messages ("ok", "ok"), while the same
message in two overlapping files is one: so occurrences are counted within a file. The n-th (from 1, after the
first) has SHA-256(HEX(content) ":" n) as key, cut to 128 bits.
"""

from typing import Final

import duckdb

# The hash only narrows down: what may repeat is then compared exactly.
_FOUND: Final = """
INSERT INTO repeats
SELECT place, unhex(left(sha256(hex(content) || ':' || n), 32)) FROM (
    SELECT s.place, s.content,
           row_number() OVER (PARTITION BY s.content, s.file_number ORDER BY s.place) - 1 AS n
    FROM staged s SEMI JOIN (
        SELECT hash(content, file_number) AS digest FROM staged WHERE key = content
        GROUP BY digest HAVING count(*) > 1
    ) d ON hash(s.content, s.file_number) = d.digest
    WHERE s.key = s.content
) WHERE n > 0
"""


def view_staged(connection: duckdb.DuckDBPyConnection, rows: str) -> None:
    """Define `staged`: `rows` (SQL that names them `s`) with the keys that the table `repeats` gives them.

    Without repeats, which are rare, no query pays for telling them apart.
    """
    connection.execute("CREATE TABLE IF NOT EXISTS repeats (place BIGINT, key BLOB)")
    repeats = connection.execute("SELECT count(*) FROM repeats").fetchone()
    named, joined = "s.*", ""
    if repeats and repeats[0]:
        named = "s.* REPLACE (coalesce(repeats.key, s.key) AS key)"
        joined = "LEFT JOIN repeats USING (place)"
    connection.execute(f"CREATE OR REPLACE VIEW staged AS SELECT {named} FROM {rows} {joined}")  # noqa: S608  constants


def find_repeats(connection: duckdb.DuckDBPyConnection) -> None:
    """Fill `repeats` out of `staged`; it must be defined anew afterwards."""
    connection.execute(_FOUND)
