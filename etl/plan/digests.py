"""What is computed from a message once, while its text is at hand: key, content digest, length.

In SQL, because DuckDB hashes beside Python and on all its threads. The recipes are those of `model.keys`.
"""

from typing import Final

import duckdb
import pyarrow as pa

from etl.model.keys import CONTENT, KEY_BYTES, NATIVE, PART


def _sha256(recipe: str) -> str:
    return f"unhex(left(sha256({recipe}), {2 * KEY_BYTES}))"


def _part(whole: str) -> str:
    of_part = _sha256(f"concat('{PART}:', part, ':', hex({whole}))")
    return f"CASE WHEN part = 1 THEN {whole} ELSE {of_part} END"


_WHOLE: Final = _sha256(f"concat('{CONTENT}:', strlen(lane), ':', lane, ':', at_us, ':', role, ':', text)")
_NATIVE: Final = _sha256(f"concat('{NATIVE}:', strlen($source), ':', $source, ':', native_id)")
_COMPUTED: Final = f"""
SELECT {_part("key")} AS key, {_part("content")} AS content, characters
FROM (
    SELECT CASE WHEN native_id IS NULL THEN content ELSE {_NATIVE} END AS key, *
    FROM (
        SELECT CASE WHEN whole IS NULL THEN {_WHOLE} ELSE whole END AS content,
               length(text)::INTEGER AS characters, *
        FROM arrived
    )
)
"""  # noqa: S608  constants


def compute(connection: duckdb.DuckDBPyConnection, arrived: pa.Table, source: str) -> pa.Table:
    """Return `key`, `content` and `characters` per row, in row order.

    `arrived` has lane, at_us, role, text, native_id, whole and part.
    """
    connection.register("arrived", arrived)
    try:
        # DuckDB keeps the order of the rows unless it is told otherwise.
        return connection.sql(_COMPUTED, params={"source": source}).to_arrow_table()
    finally:
        connection.unregister("arrived")
