"""A few messages of a plan: masked for a report, or for this process alone."""

from typing import Final

import duckdb

from etl.model.profile import Example
from etl.model.schemas import Role

_SAMPLE_CHARACTERS: Final = 500
_EXAMPLE_CHARACTERS: Final = 120

_SHAPE: Final = """
regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(
    left(text, {most}), '[\\p{{Ll}}\\p{{Lo}}\\p{{Lm}}\\p{{Lt}}\\p{{M}}]', 'x', 'g'), '\\p{{Lu}}', 'X', 'g'),
    '\\p{{N}}', '9', 'g'), '\\s+', ' ', 'g'), '[^ -~]', '.', 'g')
"""


def examples(connection: duckdb.DuckDBPyConnection, count: int) -> tuple[Example, ...]:
    """Return up to `count` masked messages of each role, always the same ones."""
    query = (
        f"SELECT role, {_SHAPE.format(most=_EXAMPLE_CHARACTERS)} FROM messages WHERE role = ? "  # noqa: S608
        "ORDER BY hash(key) LIMIT ?"
    )
    rows = [row for role in Role for row in connection.execute(query, [role.value, count]).fetchall()]
    return tuple(Example(role=role, shape=shape) for role, shape in rows)


def sampled_texts(connection: duckdb.DuckDBPyConnection, count: int) -> list[str]:
    """Return beginnings of up to `count` customers' longer texts, for this process only."""
    rows = connection.execute(
        f"SELECT left(text, {_SAMPLE_CHARACTERS}) FROM messages "  # noqa: S608  a number
        "WHERE role = 'customer' AND characters >= 20 ORDER BY hash(key) LIMIT ?",
        [count],
    ).fetchall()
    return [text for (text,) in rows]
