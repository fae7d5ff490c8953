"""A plan out of what its shards have decided: ranks, hash, rejects, summary.

Nothing is sorted but lanes and rejects; messages are read once more, in order of the plan, and only their
narrow columns.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import duckdb

from etl.model.plan import PlanSummary
from etl.model.rejects import RejectCode
from etl.model.schemas import REJECT_SCHEMA
from etl.plan.connection import quoted
from etl.plan.dealing import PLACE_BITS
from etl.plan.merge import BATCH_ROWS
from etl.plan.order import Decided, hash_plan
from etl.plan.parts import messages_sql
from etl.plan.summary import Gathered, summary_of
from etl.plan.tables import LANES, write_rows

_RANKED: Final = """
CREATE TABLE lanes AS
SELECT lane, length, first_at_us, last_at_us, part, row_number() OVER (ORDER BY length DESC, lane) AS rank
FROM ({parts})
"""

_ORDERED_LANES: Final = """
SELECT lane, first, length, first_at_us, last_at_us, part, row FROM (
    SELECT *, CAST(sum(length) OVER (ORDER BY rank ROWS UNBOUNDED PRECEDING) - length AS BIGINT) AS first,
           CAST(sum(length) OVER (PARTITION BY part ORDER BY rank ROWS UNBOUNDED PRECEDING) - length
                AS BIGINT) AS row
    FROM lanes
) ORDER BY rank
"""

_ORDERED_REJECTS: Final = """
SELECT file, line, code, "column", detail FROM ({parts}) ORDER BY file_number, line, code, place
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pieces:
    """The files that the workers wrote."""

    messages: tuple[Path, ...]
    """Of each shard, as all below; a shard is a part of the plan."""
    lanes: tuple[Path, ...]
    rejects: tuple[Path, ...]
    read: Mapping[int, Path]
    """Rejects of each part of the input, where it has any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What decides how a plan is named."""

    settings: Mapping[str, Any]
    names: Mapping[str, str]
    """As for `store.write_plan`."""
    made_at_us: int


def assemble(
    connection: duckdb.DuckDBPyConnection,
    pieces: Pieces,
    gathered: Gathered,
    decided: Decided,
    shape: Shape,
    folder: Path,
) -> PlanSummary:
    """Write `lanes.parquet` and `rejects.parquet` into `folder`; return what `plan.json` is to say.

    Raises:
        InputError: the counts don't add up.
        OSError: the disk is full, or a file can't be read.
        pyarrow.ArrowException: a file is damaged.
    """
    lanes = folder / "lanes.parquet"
    connection.execute(_RANKED.format(parts=_numbered(pieces.lanes)))
    write_rows(connection.sql(_ORDERED_LANES).to_arrow_reader(BATCH_ROWS), lanes, LANES)
    query = _ORDERED_REJECTS.format(parts=_all_rejects(pieces))
    write_rows(connection.sql(query).to_arrow_reader(BATCH_ROWS), folder / "rejects.parquet", REJECT_SCHEMA)
    hash_ = hash_plan(pieces.messages, lanes, shape.settings)
    summary = summary_of(gathered, decided, hash_, shape.names, made_at_us=shape.made_at_us)
    return replace(summary, parts=len(pieces.messages))


def summed(shards: Sequence[Decided], rejects: Mapping[str, int]) -> Decided:
    """Return what was decided in all; `rejects` are those of the input, by code."""
    codes = Counter(rejects)
    known: Counter[str] = Counter()
    roles: Counter[str] = Counter()
    for shard in shards:
        codes.update(shard.rejects_by_code)
        known.update(shard.known_by_state)
        roles.update(shard.roles)
    return Decided(
        duplicates=sum(shard.duplicates for shard in shards),
        known_by_state=dict(sorted(known.items())),
        rejects_by_code={code.value: codes[code.value] for code in RejectCode if codes[code.value]},
        roles=dict(sorted(roles.items())),
        lanes=sum(shard.lanes for shard in shards),
        longest_lane=max(shard.longest_lane for shard in shards),
        planned=sum(shard.planned for shard in shards),
        first_at_us=min((one.first_at_us for one in shards if one.first_at_us is not None), default=None),
        last_at_us=max((one.last_at_us for one in shards if one.last_at_us is not None), default=None),
    )


def _numbered(paths: Sequence[Path]) -> str:
    """Return the query of all shards' lanes with the part that each lies in."""
    return " UNION ALL ".join(
        f"SELECT *, {part} AS part FROM read_parquet({quoted(path)})"  # noqa: S608  paths
        for part, path in enumerate(paths)
    )


def _all_rejects(pieces: Pieces) -> str:
    queries = [f"SELECT * FROM {messages_sql(pieces.rejects)}"]  # noqa: S608  paths
    queries += [
        f"SELECT * REPLACE (place + {part << PLACE_BITS} AS place) FROM read_parquet({quoted(path)})"  # noqa: S608
        for part, path in pieces.read.items()
    ]
    return " UNION ALL ".join(queries)
