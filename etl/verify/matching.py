"""Which row of the report is which message: by id, else by counting equal ones. Every step is one statement.

Tables: `matched` (message, row, how), `extra` (row, message that it repeats) and `handmade` (row of a message
that was sent by hand). A row is in one of them at most, a message in `matched` at most once; rows in none are
foreign.
"""

from typing import Final

from etl.verify.database import Database

_TABLES: Final = (
    "CREATE TABLE matched (n BIGINT, r BIGINT, how VARCHAR)",
    "CREATE TABLE extra (r BIGINT, n BIGINT)",
    "CREATE TABLE handmade (r BIGINT, key VARCHAR)",
)

_BY_ID: Final = """
    CREATE TABLE known AS
    SELECT o.n, f.r, row_number() OVER (PARTITION BY o.n ORDER BY f.pos, f.r) AS copy
    FROM ours o JOIN theirs f ON f.id = o.key
"""
_ID_MATCHES: Final = "INSERT INTO matched SELECT n, r, 'id' FROM known WHERE copy = 1"
_ID_EXTRAS: Final = "INSERT INTO extra SELECT r, n FROM known WHERE copy > 1"

_FREE_OURS: Final = "(SELECT * FROM ours WHERE digest IS NOT NULL AND n NOT IN (SELECT n FROM matched))"
# A report that shows our ids says by an unknown one that the row is not ours.
_FREE_THEIRS: Final = """
    (SELECT * FROM theirs WHERE lane IS NOT NULL AND digest IS NOT NULL
        AND (id IS NULL OR (SELECT count(*) = 0 FROM known))
        AND r NOT IN (SELECT r FROM matched) AND r NOT IN (SELECT r FROM extra))
"""

# Kept for the verdict on uncertain messages: how many like ones there are on each side.
_ALIKE: Final = f"""
    CREATE TABLE alike AS
    SELECT lane, digest, slot, o.sure, o.doubt, o.other, coalesce(f.found, 0) AS found
    FROM (
        SELECT lane, digest, slot, count(*) FILTER (standing = 0) AS sure,
            count(*) FILTER (standing = 1) AS doubt, count(*) FILTER (standing = 2) AS other
        FROM {_FREE_OURS} GROUP BY ALL HAVING doubt > 0
    ) o
    LEFT JOIN (SELECT lane, digest, slot, count(*) AS found FROM {_FREE_THEIRS} GROUP BY ALL) f
    USING (lane, digest, slot)
"""  # noqa: S608  constants

_EXACT: Final = f"""
    INSERT INTO matched
    SELECT n, r, 'exact'
    FROM (
        SELECT n, lane, digest, slot,
            row_number() OVER (PARTITION BY lane, digest, slot ORDER BY standing, n) AS copy
        FROM {_FREE_OURS}
    )
    JOIN (
        SELECT r, lane, digest, slot,
            row_number() OVER (PARTITION BY lane, digest, slot ORDER BY pos, r) AS copy
        FROM {_FREE_THEIRS}
    ) USING (lane, digest, slot, copy)
"""  # noqa: S608  constants

_COPIES: Final = f"""
    INSERT INTO extra
    SELECT f.r, o.n
    FROM {_FREE_THEIRS} f
    JOIN (SELECT lane, digest, slot, min(n) AS n FROM ours WHERE digest IS NOT NULL GROUP BY ALL) o
    USING (lane, digest, slot)
"""  # noqa: S608  constants

# Only what was sent may be looked for at another time.
_PAIRS: Final = f"""
    CREATE OR REPLACE TEMP TABLE pairs AS
    SELECT n, r, theirs_at - ours_at AS shift
    FROM (
        SELECT n, lane, digest, sec AS ours_at,
            row_number() OVER (PARTITION BY lane, digest ORDER BY sec, n) AS copy
        FROM {_FREE_OURS} WHERE standing <= 1
    )
    JOIN (
        SELECT r, lane, digest, sec AS theirs_at,
            row_number() OVER (PARTITION BY lane, digest ORDER BY sec, pos, r) AS copy
        FROM {_FREE_THEIRS} WHERE sec IS NOT NULL
    ) USING (lane, digest, copy)
"""  # noqa: S608  constants

_COMMON_SHIFT: Final = """
    SELECT shift, count(*) AS pairs FROM pairs GROUP BY shift ORDER BY pairs DESC, abs(shift), shift LIMIT 1
"""

# The commonest shift first, or one odd message would push every equal text behind it to its neighbour.
_SHIFTED_ALIKE: Final = f"""
    INSERT INTO matched
    SELECT n, r, 'shifted'
    FROM (
        SELECT n, lane, digest, sec + $shift::BIGINT AS sec,
            row_number() OVER (PARTITION BY lane, digest, sec ORDER BY n) AS copy
        FROM {_FREE_OURS} WHERE standing <= 1
    )
    JOIN (
        SELECT r, lane, digest, sec,
            row_number() OVER (PARTITION BY lane, digest, sec ORDER BY pos, r) AS copy
        FROM {_FREE_THEIRS} WHERE sec IS NOT NULL
    ) USING (lane, digest, sec, copy)
"""  # noqa: S608  constants

_SHIFTED: Final = "INSERT INTO matched SELECT n, r, 'shifted' FROM pairs"

_TIMELESS: Final = f"""
    INSERT INTO matched
    SELECT n, r, 'timeless'
    FROM (
        SELECT n, lane, digest, row_number() OVER (PARTITION BY lane, digest ORDER BY n) AS copy
        FROM {_FREE_OURS} WHERE standing <= 1
    )
    JOIN (
        SELECT r, lane, digest, row_number() OVER (PARTITION BY lane, digest ORDER BY r) AS copy
        FROM {_FREE_THEIRS} WHERE sec IS NULL
    ) USING (lane, digest, copy)
"""  # noqa: S608  constants

_HANDMADE_BY_ID: Final = """
    INSERT INTO handmade
    SELECT f.r, h.key FROM by_hand h JOIN theirs f ON f.id = h.key
    WHERE f.r NOT IN (SELECT r FROM matched) AND f.r NOT IN (SELECT r FROM extra)
"""

# Their texts are recorded nowhere.
_HANDMADE: Final = f"""
    INSERT INTO handmade
    SELECT r, key
    FROM (
        SELECT key, lane, slot, row_number() OVER (PARTITION BY lane, slot ORDER BY key) AS copy
        FROM by_hand WHERE key NOT IN (SELECT key FROM handmade)
    )
    JOIN (
        SELECT r, lane, slot, row_number() OVER (PARTITION BY lane, slot ORDER BY pos, r) AS copy
        FROM {_FREE_THEIRS} WHERE r NOT IN (SELECT r FROM handmade)
    ) USING (lane, slot, copy)
"""  # noqa: S608  constants

_FEWEST_ALIKE: Final = 2
"""So many pairs with one shift are a pattern."""


def match(database: Database) -> None:
    """Fill `matched`, `extra` and `handmade` from `ours`, `by_hand` and `theirs`."""
    for table in _TABLES:
        database.run(table)
    for step in (_BY_ID, _ID_MATCHES, _ID_EXTRAS, _ALIKE, _EXACT, _COPIES, _PAIRS):
        database.run(step)
    common = database.rows(_COMMON_SHIFT)
    if common and common[0][1] >= _FEWEST_ALIKE:
        database.run(_SHIFTED_ALIKE, {"shift": common[0][0]})
        database.run(_PAIRS)
    database.run(_SHIFTED)
    for step in (_TIMELESS, _HANDMADE_BY_ID, _HANDMADE):
        database.run(step)
