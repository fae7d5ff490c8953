"""A whole comparison in memory: messages as a plan and a ledger have them, rows as a report has them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from etl.config.sending import Message
from etl.ledger.interface import EXPORT_SCHEMA
from etl.plan.parts import numbered_sql
from etl.verify.comparison import Comparison
from etl.verify.ours import PlanTexts
from etl.verify.theirs import HEARD
from etl.verify.verdicts import Verdicts

PLAN = "ab" * 32
BEGIN = 1_700_000_000
"""Unix seconds; the tests count from here."""
AGES = (0, 4_000_000_000)
"""Seconds that cover everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message of ours."""

    user: str = "ann"
    text: str = "hello"
    at: int = 0
    """Seconds after `BEGIN`."""
    state: str | None = "accepted"
    """None: never touched."""
    role: str = "customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A row of the report."""

    user: str | None = "ann"
    text: str | None = "hello"
    at: int | None = 0
    """None: its time can't be read."""
    id: str | None = None
    place: int | None = None


def key(ordinal: int) -> str:
    """Return the id that a message was sent with."""
    return f"{ordinal:032x}"


@contextmanager
def compared(  # noqa: PLR0913  what a comparison depends on
    folder: Path,
    ours: Sequence[Sent],
    *theirs: Sequence[Shown],
    covered: Sequence[tuple[int, int]] = (AGES,),
    text: Literal["spaces", "exact"] = "exact",
    plan: PlanTexts | None = None,
    settings: Message | None = None,
    sent_before: int = AGES[1],
    resolution_seconds: int = 1,
    sample: int | None = None,
    by_hand: Sequence[Shown] = (),
) -> Iterator[Verdicts]:
    """Give the verdicts on `ours`, sent in that order, by what the answers `theirs` show."""
    messages = folder / "messages.parquet"
    pq.write_table(_plan(ours), messages)
    known = plan or PlanTexts(number=1, hash=PLAN, open=True, messages=numbered_sql([messages], folder))
    with Comparison(folder, memory_limit_mb=256, text=text) as comparison:
        comparison.ours.add_ledger([_ledger(ours)])
        comparison.ours.add_plan(known, settings or Message(), resolution_seconds=resolution_seconds)
        comparison.ours.add_by_hand(_by_hand(by_hand), resolution_seconds=resolution_seconds)
        if sample is not None:
            comparison.ours.pick(sample, seed="s")
        for source, rows in enumerate(theirs):
            comparison.theirs.add(source, _heard(rows))
        comparison.theirs.once()
        for numbers, cells in comparison.theirs.times():
            comparison.theirs.set_times(numbers, cells.cast(pa.int64()))
        ordered = any(row.place is not None for rows in theirs for row in rows)
        comparison.theirs.place(ordered=ordered, resolution_seconds=resolution_seconds)
        comparison.match()
        comparison.verdicts.cover(covered)
        comparison.verdicts.judge(only_picked=sample is not None, sent_before=sent_before)
        yield comparison.verdicts


def found(folder: Path, ours: Sequence[Sent], *theirs: Sequence[Shown], **settings: object) -> dict[str, int]:
    """Return how often each finding was made, those that were made at all."""
    with compared(folder, ours, *theirs, **settings) as verdicts:  # type: ignore[arg-type]
        return {finding.value: count for finding, count in verdicts.counts().items() if count}


def _plan(ours: Sequence[Sent]) -> pa.Table:
    return pa.table(
        {
            "key": pa.array([bytes.fromhex(key(place)) for place in range(len(ours))], pa.binary()),
            "lane": pa.array([message.user for message in ours], pa.string()),
            "at_us": pa.array([(BEGIN + message.at) * 1_000_000 + 999 for message in ours], pa.int64()),
            "role": pa.array([message.role for message in ours], pa.string()),
            "text": pa.array([message.text for message in ours], pa.string()),
        },
    )


def _ledger(ours: Sequence[Sent]) -> pa.RecordBatch:
    rows = [
        {
            "plan": PLAN,
            "ordinal": ordinal,
            "key": key(ordinal),
            "lane": message.user,
            "at": datetime.fromtimestamp(BEGIN + message.at, UTC),
            "state": message.state,
            "attempts": 1,
            "maybe_doubled": False,
            "run": 1,
            "intent_at": datetime.fromtimestamp(BEGIN + message.at, UTC),
        }
        for ordinal, message in enumerate(ours)
        if message.state is not None
    ]
    return pa.RecordBatch.from_pylist(rows, schema=EXPORT_SCHEMA)


def _by_hand(rows: Sequence[Shown]) -> pa.Table:
    known = [{"key": row.id, "lane": row.user, "sec": BEGIN + (row.at or 0)} for row in rows]
    schema = pa.schema([("key", pa.string()), ("lane", pa.string()), ("sec", pa.int64())])
    return pa.Table.from_pylist(known, schema=schema)


def _heard(rows: Sequence[Shown]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "idx": place,
                "lane": row.user,
                "text": row.text,
                "time": None if row.at is None else str(BEGIN + row.at),
                "id": row.id,
                "place": None if row.place is None else str(row.place),
            }
            for place, row in enumerate(rows)
        ],
        schema=HEARD,
    )
