"""Looking over an ordered plan: who, when, how long, how often. Computed in DuckDB, bounded in size."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import duckdb

from etl.config.sending import PLACEHOLDERS
from etl.model.insight import BusyUser, Insight, LongLane, Preview, Sessions, Sides, Texts, Times, Users
from etl.plan.digests import ALL_OPENINGS, EVERY
from etl.plan.sessions import one, preview, walk

_TOP_LANES: Final = 10
_TOP_USERS: Final = 5
_EXAMPLES: Final = 3
_SHOWN: Final = 12
_LONG_TEXT: Final = 1_000
_YEAR_2005_US: Final = 1_104_537_600_000_000
_DAY_US: Final = 86_400_000_000
_EXACT: Final = 64
"""Values below it are counted exactly; above, 32 classes an octave."""
_CLASS: Final = (
    f"CASE WHEN {{value}} < {_EXACT} THEN {{value}} "
    f"ELSE {_EXACT} + floor(32 * log2({{value}} / {_EXACT}.0))::INTEGER END"
)
_GAP_EDGES: Final = (60, 3_600, 21_600, 86_400, 604_800, 2_592_000)

_SIDES: Final = """
SELECT count(*), count(*) FILTER (customers = messages), count(*) FILTER (customers = 0),
       count(*) FILTER (agent_first)
FROM (
    SELECT count(*) AS messages, count(*) FILTER (customer) AS customers, arg_min(agent, rowid) AS agent_first
    FROM walk GROUP BY coalesce(ticket, chat::UBIGINT)
)
"""

_BUSY: Final = """
WITH dialogues AS (
    SELECT lane AS digest, count(*) AS dialogues FROM ({dialogues}) GROUP BY lane
), users AS (
    SELECT lane, length, digest, list_contains($names, lower(trim(lane))) AS placeholder
    FROM lanes JOIN dialogues ON hash(lanes.lane) = digest
)
SELECT left(lane, $shown), length, dialogues, placeholder FROM users JOIN dialogues USING (digest)
WHERE placeholder OR dialogues > 1
ORDER BY placeholder DESC, dialogues DESC, lane LIMIT $top
"""
_DIALOGUES: Final = "SELECT DISTINCT lane, ticket FROM turns WHERE ticket IS NOT NULL"
_CHATS: Final = "SELECT DISTINCT lane, chat FROM walk"

_SHARED: Final = """
SELECT ticket FROM turns WHERE ticket IS NOT NULL
GROUP BY ticket HAVING min(lane) <> max(lane) ORDER BY min(rowid)
"""

_BY_YEAR: Final = """
SELECT year(make_timestamp(at_us)), count(*), count(*) FILTER (at_us // 1000000 % 60 = 0),
       count(*) FILTER (at_us < {early}), count(*) FILTER (at_us > {recent})
FROM ordered GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the insight depends on besides the messages."""

    expiration_minutes: int = 600
    placeholders: tuple[str, ...] = PLACEHOLDERS
    now_us: int | None = None
    """The instant of planning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Openings:
    """How texts begin."""

    rows: str
    """Openings of longer texts and how many `times` each occurs, as it stands after FROM."""
    every: int
    """Only one message of so many is counted there."""


def staged_openings(connection: duckdb.DuckDBPyConnection) -> Openings:
    """Return the openings of what `order.decide` left of `staged`."""
    every = every_of(one(connection, "SELECT coalesce(max(place), 0) FROM staged")[0])
    return Openings(rows=openings_sql(every), every=every)


def every_of(last_place: int) -> int:
    """Return of how many messages one is counted, when the last one stands at that place."""
    return EVERY if last_place >= ALL_OPENINGS else 1


def openings_sql(every: int) -> str:
    """Return the openings of what stays of `staged`, as they stand after FROM."""
    return (
        "(SELECT opening, count(*) AS times FROM staged ANTI JOIN gone USING (place) "  # noqa: S608  a number
        f"WHERE opening IS NOT NULL AND hash(content) % {every} = 0 GROUP BY opening)"
    )


def look(connection: duckdb.DuckDBPyConnection, question: Question, openings: Openings) -> Insight:
    """Look over a plan: the tables `ordered` and `lanes`, and the conversations in `staged`."""
    walk(connection, question.expiration_minutes)
    total = one(connection, "SELECT count(*) FROM walk")[0]
    with ThreadPoolExecutor(max_workers=1) as beside, connection.cursor() as other:
        times = beside.submit(_times, other, question)
        texts = beside.submit(_texts, other, openings)
        sides = beside.submit(_sides, other)
        sessions = preview(connection, beside, question.expiration_minutes)
        insight = Insight(
            preview=sessions,
            sides=sides.result(),
            longest=_longest(connection, total),
            users=_users(connection, question, total, tickets=sessions.tickets),
            times=times.result(),
            texts=texts.result(),
        )
    connection.execute("DROP TABLE walk")
    connection.execute("DROP TABLE turns")
    return insight


def read_insight(data: Mapping[str, Any]) -> Insight:
    """Return the insight that `plan.json` holds.

    Raises:
        KeyError: something is missing.
        TypeError: something else is there.
    """
    users, times, texts, sessions = (data[name] for name in ("users", "times", "texts", "preview"))
    kinds = {name: tuple(Sessions(**row) for row in sessions[name]) for name in ("as_planned", "by_ticket")}
    return Insight(
        preview=Preview(**{**sessions, **kinds}),
        sides=Sides(**data["sides"]),
        longest=tuple(LongLane(**row) for row in data["longest"]),
        users=Users(
            busy=tuple(BusyUser(**row) for row in users["busy"]),
            shared_tickets=users["shared_tickets"],
            shared_examples=tuple(users["shared_examples"]),
        ),
        times=Times(**{**times, "gap_seconds": tuple(times["gap_seconds"])}),
        texts=Texts(**{**texts, "repeated": tuple(texts["repeated"])}),
    )


def _sides(connection: duckdb.DuckDBPyConnection) -> Sides:
    dialogues, only_customer, only_agent, agent_first = one(connection, _SIDES)
    return Sides(
        dialogues=dialogues, only_customer=only_customer, only_agent=only_agent, agent_first=agent_first
    )


def _longest(connection: duckdb.DuckDBPyConnection, total: int) -> tuple[LongLane, ...]:
    rows = connection.execute(
        "SELECT left(lane, ?), length FROM lanes ORDER BY rank LIMIT ?", [_SHOWN, _TOP_LANES]
    ).fetchall()
    return tuple(LongLane(lane=lane, messages=length, share=length / total) for lane, length in rows)


def _users(connection: duckdb.DuckDBPyConnection, question: Question, total: int, *, tickets: int) -> Users:
    given = {
        "names": [name.lower() for name in question.placeholders], "shown": _SHOWN, "top": _TOP_USERS,
    }  # fmt: skip
    rows = connection.execute(_BUSY.format(dialogues=_DIALOGUES if tickets else _CHATS), given).fetchall()
    shared = one(connection, f"SELECT count(*), list(ticket)[:{_EXAMPLES}] FROM ({_SHARED})")  # noqa: S608
    return Users(
        busy=tuple(
            BusyUser(
                lane=lane, messages=length, share=length / total, dialogues=count, placeholder=placeholder
            )
            for lane, length, count, placeholder in rows
        ),
        shared_tickets=shared[0],
        shared_examples=_names(connection, shared[1]) if shared[0] else (),
    )


def _names(connection: duckdb.DuckDBPyConnection, digests: Sequence[int]) -> tuple[str, ...]:
    rows = connection.execute(
        "SELECT left(conversation, ?) FROM staged "
        "WHERE list_contains(?::UBIGINT[], hash(conversation)) "
        "GROUP BY conversation ORDER BY list_position(?::UBIGINT[], hash(conversation))",
        [_SHOWN, digests, digests],
    ).fetchall()
    return tuple(name for (name,) in rows)


def _times(connection: duckdb.DuckDBPyConnection, question: Question) -> Times:
    recent = 1 << 62 if question.now_us is None else question.now_us - _DAY_US
    query = _BY_YEAR.format(early=_YEAR_2005_US, recent=recent)
    years = connection.execute(query).fetchall()
    gaps = connection.execute(
        f"SELECT {_CLASS.format(value='gap')} AS class, count(*) FROM walk WHERE gap IS NOT NULL "  # noqa: S608
        "GROUP BY class ORDER BY class",
    ).fetchall()
    whole_minutes, early, late = (sum(row[place] for row in years) for place in (2, 3, 4))
    return Times(
        per_year={str(row[0]): row[1] for row in years},
        whole_minutes=whole_minutes,
        ties=next((count for gap, count in gaps if gap == 0), 0),
        before_2005=early,
        last_day=late,
        gap_seconds=(_quantile(gaps, 0.5), _quantile(gaps, 0.9), _quantile(gaps, 0.99)),
        gaps=_histogram(connection, question.expiration_minutes * 60),
    )


def _histogram(connection: duckdb.DuckDBPyConnection, expiration: int) -> dict[str, int]:
    edges = sorted({*_GAP_EDGES, expiration})
    bounds = list(zip([-1, *edges], [*edges, 1 << 40], strict=True))
    counts = ", ".join(f"count(*) FILTER (gap > {low} AND gap <= {high})" for low, high in bounds)
    names = [*(f"<= {edge // 60} min" for edge in edges), f"> {edges[-1] // 60} min"]
    return dict(zip(names, one(connection, f"SELECT {counts} FROM walk"), strict=True))  # noqa: S608  numbers


def _texts(connection: duckdb.DuckDBPyConnection, openings: Openings) -> Texts:
    classes = connection.execute(
        f"SELECT {_CLASS.format(value='characters')} AS class, count(*) FROM ordered "  # noqa: S608  constants
        "GROUP BY class ORDER BY class",
    ).fetchall()
    longest, over = one(
        connection,
        f"SELECT coalesce(max(characters), 0), count(*) FILTER (characters > {_LONG_TEXT}) FROM ordered",  # noqa: S608
    )
    repeated = connection.execute(
        f"SELECT times FROM {openings.rows} WHERE times > 1 ORDER BY times DESC LIMIT {_TOP_USERS}",  # noqa: S608
    ).fetchall()
    return Texts(
        median=round(_quantile(classes, 0.5)),
        most=round(_quantile(classes, 0.99)),
        longest=longest,
        over_1000=over,
        repeated=tuple(times * openings.every for (times,) in repeated),
    )


def _quantile(classes: Sequence[tuple[int, int]], share: float) -> float:
    """Return the value below or at which so large a share lies; 0 of nothing."""
    wanted = share * sum(count for _, count in classes)
    for value, count in classes:
        wanted -= count
        if wanted <= 0:
            return float(value) if value < _EXACT else round(_EXACT * 2 ** ((value - _EXACT + 0.5) / 32), 1)
    return 0.0
