"""Conversations that the platform will make of the lanes, counted for several session expirations at once."""

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Final

import duckdb

from etl.model.insight import Preview, Sessions

WHAT_IF_MINUTES: Final = (60, 600, 1_440, 2_880, 10_080)
"""An hour, the vendor's two suggestions, a day, a week."""

# The windows without an order go through the plan as it is written, so nothing is sorted. The API takes
# whole seconds, so silences are counted in them.
FACTS: Final = """
hash(lane) AS lane, at_us, role = 'customer' AS customer, role = 'agent' AS agent, characters,
CASE WHEN conversation IS NOT NULL THEN hash(conversation) END AS ticket
"""
"""What is asked about of each message: columns made out of those of a plan."""
ASKED: Final = ("lane", "at_us", "role", "characters", "conversation")
"""Those columns."""

_WALK: Final = """
CREATE OR REPLACE TABLE walk AS
SELECT lane, ticket, customer, agent, gap, second,
       (count(*) FILTER (gap IS NULL OR gap > {seconds}) OVER (ROWS UNBOUNDED PRECEDING))::INTEGER AS chat
FROM (
    SELECT lane, ticket, customer, agent, second,
           CASE WHEN lag(lane) OVER () = lane THEN (second - lag(second) OVER ())::INTEGER END AS gap
    FROM (
        SELECT lane, at_us // 1000000 AS second, customer, agent, ticket FROM ordered
    )
)
"""

# A turn begins where a conversation may begin for any of the expirations, or the ticket changes; within
# it no silence is long enough to matter. It belongs to one conversation per expiration.
_TURNS: Final = """
CREATE OR REPLACE TABLE turns AS
SELECT lane, ticket, gap, second AS first,
       coalesce(lead(previous) OVER (), (SELECT arg_max(second, rowid) FROM walk)) AS last, {chats}
FROM (
    SELECT lane, ticket, gap, second, lag(ticket) OVER () AS before, lag(second) OVER () AS previous FROM walk
) WHERE gap IS NULL OR gap > {seconds} OR ticket IS DISTINCT FROM before
"""
_CHAT: Final = """
(count(*) FILTER (gap IS NULL OR gap > {seconds}) OVER (ROWS UNBOUNDED PRECEDING))::INTEGER AS chat_{minute}
"""

_SPLIT: Final = """
SELECT {split} FROM (SELECT {ends} FROM turns WHERE ticket IS NOT NULL GROUP BY ticket)
"""

# Conversations stand together, so one mixes tickets where two neighbours with a ticket have not the same.
_MERGED: Final = """
SELECT {merged} FROM (
    SELECT ticket, lag(ticket) OVER () AS before, {chats} FROM turns WHERE ticket IS NOT NULL
) WHERE ticket <> before
"""

# Turns of one ticket may overlap when it has several users: a silence begins after the latest end so far.
# Behind a sort by ticket that is one running maximum of ticket and end; a window per ticket takes twice as
# long.
_BY_TICKET: Final = """
SELECT {counts} FROM (
    SELECT max(gap) AS longest, {opened} FROM (
        SELECT ticket, CASE WHEN lag(ticket) OVER () = ticket
                       THEN first - (lag(latest) OVER () - (ticket::UHUGEINT << 64))::BIGINT END AS gap
        FROM (
            SELECT ticket, first,
                   max((ticket::UHUGEINT << 64) + last::UHUGEINT) OVER (ROWS UNBOUNDED PRECEDING) AS latest
            FROM (SELECT ticket, first, last FROM turns WHERE ticket IS NOT NULL ORDER BY ticket, first)
        )
    ) GROUP BY ticket
)
"""


def walk(connection: duckdb.DuckDBPyConnection, expiration_minutes: int) -> None:
    """Make the table `walk` out of `ordered`: the messages with silences and conversations."""
    connection.execute(_WALK.format(seconds=60 * expiration_minutes))


def preview(connection: duckdb.DuckDBPyConnection, beside: Executor, expiration_minutes: int) -> Preview:
    """Return the conversations to expect; needs the table `walk`, leaves `turns` for other questions.

    Part of it is asked in `beside`, because DuckDB goes through rows in order on one core only.
    """
    minutes = sorted({expiration_minutes, *WHAT_IF_MINUTES})
    chats = ", ".join(_CHAT.format(seconds=60 * minute, minute=minute) for minute in minutes)
    connection.execute(_TURNS.format(seconds=60 * minutes[0], chats=chats))
    tickets, without = one(
        connection,
        "SELECT (SELECT count(DISTINCT ticket) FROM turns), (SELECT count(*) FROM walk WHERE ticket IS NULL)",
    )
    by_ticket = beside.submit(_by_ticket, connection.cursor(), minutes) if tickets else None
    opened = one(connection, f"SELECT {_opened(minutes)} FROM walk")  # noqa: S608  numbers
    mixed = _mixed(connection, minutes) if tickets else [(0, 0)] * len(minutes)
    return Preview(
        expiration_minutes=expiration_minutes,
        tickets=tickets,
        without_ticket=without,
        as_planned=tuple(
            _sessions(minute, count, numbers)
            for minute, count, numbers in zip(minutes, opened, mixed, strict=True)
        ),
        by_ticket=by_ticket.result() if by_ticket else (),
    )


def one(connection: duckdb.DuckDBPyConnection, query: str, given: Sequence[Any] = ()) -> tuple[Any, ...]:
    """Return the only row of a query."""
    return tuple(connection.execute(query, list(given)).fetchall()[0])


def _opened(minutes: Sequence[int]) -> str:
    return ", ".join(
        f"count(*) FILTER (gap IS NULL OR gap > {60 * minute}) AS opened_{minute}" for minute in minutes
    )


def _mixed(connection: duckdb.DuckDBPyConnection, minutes: Sequence[int]) -> list[tuple[int, int]]:
    """Return per expiration the tickets that are split and the conversations that mix tickets."""
    ends = ", ".join(
        f"min(chat_{minute}) AS low_{minute}, max(chat_{minute}) AS high_{minute}" for minute in minutes
    )
    apart = ", ".join(f"count(*) FILTER (low_{minute} <> high_{minute})" for minute in minutes)
    chats = ", ".join(f"chat_{minute}, lag(chat_{minute}) OVER () AS before_{minute}" for minute in minutes)
    # A bit per conversation takes a seventh of the time of counting distinct ones.
    chats_in_all = one(connection, "SELECT count(*) FROM walk")[0]
    mixing = ", ".join(
        f"coalesce(bit_count(bitstring_agg(chat_{minute}, 0, {chats_in_all}) "
        f"FILTER (chat_{minute} = before_{minute})), 0)"
        for minute in minutes
    )
    split = one(connection, _SPLIT.format(split=apart, ends=ends))
    merged = one(connection, _MERGED.format(merged=mixing, chats=chats))
    return list(zip(split, merged, strict=True))


def _by_ticket(connection: duckdb.DuckDBPyConnection, minutes: Sequence[int]) -> tuple[Sessions, ...]:
    counts = [f"coalesce(sum(opened_{minute}), 0)::BIGINT" for minute in minutes]
    counts += [f"count(*) FILTER (longest > {60 * minute})" for minute in minutes]
    found = one(connection, _BY_TICKET.format(counts=", ".join(counts), opened=_opened(minutes)))
    rows = zip(minutes, found, found[len(minutes) :], strict=False)
    return tuple(_sessions(minute, count, (split, 0)) for minute, count, split in rows)


def _sessions(minutes: int, conversations: int, mixed: tuple[int, int]) -> Sessions:
    return Sessions(expiration_minutes=minutes, conversations=conversations, split=mixed[0], merged=mixed[1])
