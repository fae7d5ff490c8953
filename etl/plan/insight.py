"""Looking over a plan: who, when, how long, how often. Computed in DuckDB, bounded in size."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import duckdb
import pyarrow as pa

from etl.config.sending import PLACEHOLDERS
from etl.model.insight import BusyUser, Insight, LongLane, Sides, Texts, Times, Users
from etl.model.plan import PlanFolder
from etl.plan.merge import in_order
from etl.plan.payload import WRITTEN
from etl.plan.sessions import ASKED, FACTS, one, preview, walk

_TOP_LANES: Final = 10
_TOP_USERS: Final = 5
_EXAMPLES: Final = 3
_SHOWN: Final = 12
_LONG_TEXT: Final = 1_000
_YEAR_2005_US: Final = 1_104_537_600_000_000
_SECOND_US: Final = 1_000_000
_DAY_US: Final = 86_400 * _SECOND_US
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

_OPENING: Final = 80
"""Characters by which longer texts are near-identical; shorter ones repeat anyway ("thanks")."""
_ALL_OPENINGS: Final = 200_000
_EVERY: Final = 8
"""Of more messages only one of so many is compared with others."""
_REPEATED: Final = f"""
SELECT times FROM (
    SELECT count(*) AS times FROM messages
    WHERE characters >= {_OPENING} AND hash(content) % {{every}} = 0
    GROUP BY hash(lower(left(text, {_OPENING})))
) WHERE times > 1 ORDER BY times DESC LIMIT {{top}}
"""  # noqa: S608  constants

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
    made_at: str | None = None
    """The instant of planning, ISO 8601 UTC."""
    left: tuple[str, ...] = ()
    """The kinds of personal data that are looked for in texts: those that the job does not mask."""


def look(connection: duckdb.DuckDBPyConnection, plan: PlanFolder, question: Question) -> Insight:
    """Look over a plan that is `opened`; for personal data in its texts somebody else has to look."""
    _fill(connection, plan)
    walk(connection, question.expiration_minutes)
    total = plan.summary.conservation.planned
    with ThreadPoolExecutor(max_workers=1) as beside, connection.cursor() as other:
        times = beside.submit(_times, other, question)
        texts = beside.submit(_texts, other, total)
        sides = beside.submit(_sides, other)
        sessions = preview(connection, beside, question.expiration_minutes)
        return Insight(
            preview=sessions,
            sides=sides.result(),
            longest=_longest(connection, total),
            users=_users(connection, question, total, tickets=sessions.tickets),
            times=times.result(),
            texts=texts.result(),
            personal={},
        )


def _fill(connection: duckdb.DuckDBPyConnection, plan: PlanFolder) -> None:
    """Make the table `ordered`: what is asked about of each message, in order of the plan."""
    rows = "messages"
    if len(plan.messages) > 1:
        schema = pa.schema([WRITTEN.field(name) for name in ASKED])
        batches = in_order(plan.messages, plan.lanes, ASKED)
        connection.register("merged", pa.RecordBatchReader.from_batches(schema, batches))
        rows = "merged"
    connection.execute(f"CREATE TABLE ordered AS SELECT {FACTS} FROM {rows}")  # noqa: S608  constants


def _sides(connection: duckdb.DuckDBPyConnection) -> Sides:
    dialogues, only_customer, only_agent, agent_first = one(connection, _SIDES)
    return Sides(
        dialogues=dialogues, only_customer=only_customer, only_agent=only_agent, agent_first=agent_first
    )


def _longest(connection: duckdb.DuckDBPyConnection, total: int) -> tuple[LongLane, ...]:
    rows = connection.execute(
        "SELECT left(lane, ?), length FROM lanes ORDER BY first LIMIT ?", [_SHOWN, _TOP_LANES]
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
        "SELECT left(conversation, ?) FROM messages "
        "WHERE list_contains(?::UBIGINT[], hash(conversation)) "
        "GROUP BY conversation ORDER BY list_position(?::UBIGINT[], hash(conversation))",
        [_SHOWN, digests, digests],
    ).fetchall()
    return tuple(name for (name,) in rows)


def _times(connection: duckdb.DuckDBPyConnection, question: Question) -> Times:
    recent = 1 << 62
    if question.made_at is not None:
        recent = int(datetime.fromisoformat(question.made_at).timestamp()) * _SECOND_US - _DAY_US
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


def _texts(connection: duckdb.DuckDBPyConnection, total: int) -> Texts:
    classes = connection.execute(
        f"SELECT {_CLASS.format(value='characters')} AS class, count(*) FROM ordered "  # noqa: S608  constants
        "GROUP BY class ORDER BY class",
    ).fetchall()
    longest, over = one(
        connection,
        f"SELECT coalesce(max(characters), 0), count(*) FILTER (characters > {_LONG_TEXT}) FROM ordered",  # noqa: S608
    )
    every = _EVERY if total > _ALL_OPENINGS else 1
    repeated = connection.execute(_REPEATED.format(every=every, top=_TOP_USERS)).fetchall()
    return Texts(
        median=round(_quantile(classes, 0.5)),
        most=round(_quantile(classes, 0.99)),
        longest=longest,
        over_1000=over,
        repeated=tuple(times * every for (times,) in repeated),
    )


def _quantile(classes: Sequence[tuple[int, int]], share: float) -> float:
    """Return the value below or at which so large a share lies; 0 of nothing."""
    wanted = share * sum(count for _, count in classes)
    for value, count in classes:
        wanted -= count
        if wanted <= 0:
            return float(value) if value < _EXACT else round(_EXACT * 2 ** ((value - _EXACT + 0.5) / 32), 1)
    return 0.0
