"""A plan's messages in histograms, for the validation report. Computed in DuckDB, in bounded memory."""

from collections.abc import Sequence
from typing import Final

import duckdb

from etl.model.plan import PlanFolder
from etl.model.profile import (
    Granularity,
    Histogram,
    Macro,
    Macros,
    Profile,
    Utterances,
    minutes_name,
)
from etl.model.schemas import Role
from etl.plan.sessions import one

_DAY_SECONDS: Final = 86_400
_GRANULARITIES: Final[tuple[tuple[int, Granularity], ...]] = (
    (60, "day"), (400, "week"), (5 * 366, "month"), (15 * 366, "quarter"), (1 << 40, "year"),
)  # fmt: skip
"""Up to so many days the first that fits gives at most 61 classes."""
_LABELS: Final[dict[Granularity, str]] = {
    "day": "strftime(bucket, '%Y-%m-%d')",
    "week": "strftime(bucket, '%G-W%V')",
    "month": "strftime(bucket, '%Y-%m')",
    "quarter": "year(bucket) || '-Q' || quarter(bucket)",
    "year": "year(bucket)::VARCHAR",
}
_GAP_EDGES: Final = {
    0: "0 s", 10: "10 s", 60: "1 min", 300: "5 min", 900: "15 min", 3_600: "1 h", 10_800: "3 h",
    36_000: "10 h", 86_400: "1 d", 172_800: "2 d", 604_800: "7 d", 2_592_000: "30 d", 15_552_000: "180 d",
}  # fmt: skip
_LENGTH_EDGES: Final = (9, 19, 49, 99, 199, 499, 999, 1_999, 4_999)
LONGER: Final = "longer"
"""The last class of silences and lengths, without an upper edge; the others are named by theirs."""
_TOP_MACROS: Final = 8
_ALL_TEXTS: Final = 200_000
_EVERY: Final = 8
"""Of more messages only so large a part is compared with each other."""

_OVER_TIME: Final = """
WITH found AS (
    SELECT date_trunc('{unit}', make_timestamp(at_us)) AS bucket, role, count(*) AS messages
    FROM messages GROUP BY ALL
), every AS (
    SELECT unnest(generate_series(min(bucket), max(bucket), INTERVAL 1 {unit})) AS bucket FROM found
)
SELECT {label}, role, coalesce(messages, 0) FROM every LEFT JOIN found USING (bucket) ORDER BY bucket, role
"""

# Windows without an order go through the plan as it is written, so nothing is sorted.
_WALK: Final = """
SELECT {gaps}, count(*) FILTER (same AND role <> before AND digest = digest_before AND characters >= 20),
       count(*) FILTER (at_us % 86400000000 = 0), count(*) FILTER (at_us % 1000000 <> 0)
FROM (
    SELECT *, CASE WHEN same THEN second - second_before END AS gap FROM (
        SELECT at_us, role, characters, second, digest,
               lane = lag(lane) OVER () AS same, lag(role) OVER () AS before,
               lag(second) OVER () AS second_before, lag(digest) OVER () AS digest_before
        FROM (SELECT *, at_us // 1000000 AS second, hash(text) AS digest FROM messages)
    )
)
"""

# A greeting up to the first punctuation and all numbers differ between uses of one macro.
_MACROS: Final = """
WITH texts AS (
    SELECT lane, characters, lower(left(text, 400)) AS whole,
           regexp_replace(lower(left(text, 400)), '^[^,.!?\n]{{0,40}}[,.!?\n]\\s*', '') AS body
    FROM messages WHERE role = 'agent' AND characters >= 40 AND hash(key) % {every} = 0
), shapes AS (
    SELECT lane, characters,
           hash(left(regexp_replace(if(length(body) >= 30, body, whole), '[0-9]+', '0', 'g'), 160)) AS shape
    FROM texts
), groups AS (
    SELECT count(*) AS times, approx_count_distinct(lane) AS users,
           round(avg(characters))::BIGINT AS characters
    FROM shapes GROUP BY shape
)
SELECT times, users, characters, (SELECT count(*) FROM shapes),
       (SELECT coalesce(sum(times), 0)::BIGINT FROM groups WHERE times >= 3)
FROM groups ORDER BY times DESC, characters DESC, users DESC LIMIT {top}
"""

_UTTERANCES: Final = """
SELECT count(*), count(*) FILTER (kind = 'usable'),
       {every} * count(DISTINCT CASE WHEN kind = 'usable' AND digest % {every} = 0 THEN digest END),
       count(*) FILTER (kind = 'wordless'), count(*) FILTER (kind = 'short'), count(*) FILTER (kind = 'long')
FROM (
    SELECT hash(lower(trim(text))) AS digest,
           CASE WHEN NOT regexp_matches(text, '\\p{{L}}{{2}}') THEN 'wordless'
                WHEN characters < 10 THEN 'short'
                WHEN characters > 500 THEN 'long' ELSE 'usable' END AS kind
    FROM messages WHERE role = 'customer'
)
"""


def profile(
    connection: duckdb.DuckDBPyConnection, plan: PlanFolder, *, expiration_minutes: int = 600
) -> Profile:
    """Return the shape of an opened plan's messages; the session expiration is an edge of the silences."""
    every = 1 if plan.summary.conservation.planned <= _ALL_TEXTS else _EVERY
    granularity, over_time = _over_time(connection)
    expiration = 60 * expiration_minutes
    edges = dict(sorted({**_GAP_EDGES, expiration: minutes_name(expiration_minutes)}.items()))
    gaps, (echoes, midnights, fractions) = _walk(connection, edges)
    return Profile(
        granularity=granularity,
        over_time=over_time,
        hours=_hours(connection),
        lanes=_lanes(connection),
        gaps=gaps,
        expiration_edge=list(edges).index(expiration) + 1,
        lengths=_lengths(connection),
        midnights=midnights,
        fractions=fractions,
        echoes=echoes,
        macros=_macros(connection, every),
        utterances=Utterances(
            **dict(
                zip(
                    ("messages", "usable", "distinct", "wordless", "short", "long"),
                    one(connection, _UTTERANCES.format(every=every)),
                    strict=True,
                )
            )
        ),
        sampled_every=every,
    )


def _over_time(connection: duckdb.DuckDBPyConnection) -> tuple[Granularity, Histogram]:
    days = one(connection, "SELECT coalesce((max(at_us) - min(at_us)) // 86400000000, 0) FROM messages")[0]
    unit = next(name for most, name in _GRANULARITIES if days <= most)
    # DuckDB has no interval of a quarter in its literal.
    query = _OVER_TIME.format(unit=unit, label=_LABELS[unit]).replace(
        "INTERVAL 1 quarter", "INTERVAL 3 month"
    )
    return unit, _by_role(connection.execute(query).fetchall())


def _hours(connection: duckdb.DuckDBPyConnection) -> Histogram:
    rows = connection.execute(
        "SELECT printf('%02d', hour), role, messages FROM range(24) every(hour) LEFT JOIN ("
        "SELECT at_us // 3600000000 % 24 AS hour, role, count(*) AS messages FROM messages GROUP BY ALL"
        ") USING (hour) ORDER BY hour, role"
    ).fetchall()
    return _by_role(rows)


def _lanes(connection: duckdb.DuckDBPyConnection) -> Histogram:
    rows = connection.execute(
        "SELECT class, count(*), sum(length)::BIGINT FROM ("
        "SELECT length, ceil(log2(length))::INTEGER AS class FROM lanes) GROUP BY class ORDER BY class"
    ).fetchall()
    found = {row[0]: row[1:] for row in rows}
    classes = range(max(found, default=-1) + 1)
    return Histogram(
        labels=tuple(f"{1 << step:,}" for step in classes),
        series={
            name: tuple(found.get(step, (0, 0))[place] for step in classes)
            for place, name in enumerate(("lanes", "messages"))
        },
    )


def _walk(
    connection: duckdb.DuckDBPyConnection, edges: dict[int, str]
) -> tuple[Histogram, tuple[int, int, int]]:
    bounds = list(zip([-(1 << 40), *edges], [*edges, 1 << 40], strict=True))
    counts = ", ".join(f"count(*) FILTER (gap > {low} AND gap <= {high})" for low, high in bounds)
    found = one(connection, _WALK.format(gaps=counts))
    labels = (*edges.values(), LONGER)
    return Histogram(labels=labels, series={"silences": found[: len(labels)]}), found[len(labels) :]


def _lengths(connection: duckdb.DuckDBPyConnection) -> Histogram:
    bounds = list(zip([0, *_LENGTH_EDGES], [*_LENGTH_EDGES, 1 << 40], strict=True))
    labels = [*(f"{edge:,}" for edge in _LENGTH_EDGES), LONGER]
    counts = ", ".join(
        f"count(*) FILTER (characters > {low} AND characters <= {high})" for low, high in bounds
    )
    rows = connection.execute(f"SELECT role, {counts} FROM messages GROUP BY role").fetchall()  # noqa: S608  numbers
    found = {row[0]: row[1:] for row in rows}
    return Histogram(labels=tuple(labels), series={role.value: found[role] for role in Role if role in found})


def _macros(connection: duckdb.DuckDBPyConnection, every: int) -> Macros:
    rows = connection.execute(_MACROS.format(every=every, top=_TOP_MACROS)).fetchall()
    compared, repeating = rows[0][3:] if rows else (0, 0)
    return Macros(
        compared=compared * every,
        messages=repeating * every,
        top=tuple(
            Macro(messages=times * every, users=users * every, characters=characters)
            for times, users, characters, *_ in rows
            if times >= 3  # noqa: PLR2004  twice may be chance
        ),
    )


def _by_role(rows: Sequence[tuple[str, str | None, int]]) -> Histogram:
    labels = tuple(dict.fromkeys(label for label, _, _ in rows))
    found = {(label, role): count for label, role, count in rows}
    roles = [role.value for role in Role if any(role == row[1] for row in rows)]
    return Histogram(
        labels=labels,
        series={role: tuple(found.get((label, role), 0) for label in labels) for role in roles},
    )
