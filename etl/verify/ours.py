"""What the ledger and its plans hold, as the report should show it.

Standing of a message, the order in which equal ones claim rows of the report: 0 accepted, 1 uncertain (or in
flight), 2 touched but not accepted, 3 never sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from etl.clock import MICROSECONDS
from etl.config.sending import Message
from etl.verify.database import Database
from etl.verify.windows import day_of

ORDINAL_BITS: Final = 40
"""A message's number is its plan's, then its ordinal: ascending within a lane is the order of sending."""

_TABLES: Final = (
    """
    CREATE TABLE touched (
        plan VARCHAR, ordinal BIGINT, key VARCHAR, lane VARCHAR, sec BIGINT, state VARCHAR,
        maybe_doubled BOOLEAN, sent BIGINT
    )
    """,
    """
    CREATE TABLE ours (
        n BIGINT, key VARCHAR, lane VARCHAR, sec BIGINT, slot BIGINT, digest BLOB, standing TINYINT,
        maybe_doubled BOOLEAN, sent BIGINT
    )
    """,
    "CREATE TABLE picked (n BIGINT)",
    "CREATE TABLE passed_over (plan BIGINT)",
    "CREATE TABLE by_hand (key VARCHAR, lane VARCHAR, slot BIGINT)",
)

_STANDING: Final = """
    CASE t.state WHEN 'accepted' THEN 0 WHEN 'uncertain' THEN 1 WHEN 'in_flight' THEN 1
    ELSE CASE WHEN t.state IS NULL THEN 3 ELSE 2 END END
"""

# A pending message of a closed plan is planned anew in a later one, under the same key.
_WITH_TEXTS: Final = f"""
    INSERT INTO ours
    SELECT ($number::BIGINT << {ORDINAL_BITS}) + m.ordinal, lower(hex(m.key)), m.lane,
        m.at_us // {MICROSECONDS}, m.at_us // {MICROSECONDS} // $resolution::BIGINT,
        digest(CASE m.role WHEN 'agent' THEN $agent ELSE CASE m.role WHEN 'bot' THEN $bot ELSE '' END END
               || m.text),
        {_STANDING}, coalesce(t.maybe_doubled, false), t.sent
    FROM {{messages}} m
    LEFT JOIN (SELECT * FROM touched WHERE plan = $hash) t ON t.ordinal = m.ordinal
    WHERE CASE WHEN $open THEN true ELSE t.state <> 'pending' END
"""  # noqa: S608  constants

_WITHOUT_TEXTS: Final = f"""
    INSERT INTO ours
    SELECT ($number::BIGINT << {ORDINAL_BITS}) + t.ordinal, t.key, t.lane, t.sec,
        t.sec // $resolution::BIGINT, NULL, {_STANDING}, t.maybe_doubled, t.sent
    FROM touched t WHERE plan = $hash AND ($open OR t.state <> 'pending')
"""  # noqa: S608  constants

_BY_HAND: Final = "INSERT INTO by_hand SELECT key, lane, sec // $resolution::BIGINT FROM incoming"

_PICK: Final = """
    INSERT INTO picked
    SELECT n FROM ours WHERE standing = 0 ORDER BY md5($seed || ':' || key), key LIMIT $size
"""

_DAYS: Final = """
    SELECT sec // 86400, count(*) FROM ours
    WHERE standing = 1 OR (standing = 0 AND (NOT $picked OR n IN (SELECT n FROM picked)))
    GROUP BY ALL ORDER BY ALL
"""


_IMPORT_DAYS: Final = """
    SELECT sent // 86400, count(*) FROM ours WHERE standing <= 1 AND sent IS NOT NULL
    GROUP BY ALL ORDER BY ALL
"""

_TALLY: Final = f"""
    SELECT count(*) FILTER (standing = 0), count(*) FILTER (standing = 1), count(*) FILTER (standing = 3),
        count(*) FILTER (digest IS NULL AND standing <= 1
                         AND n >> {ORDINAL_BITS} NOT IN (SELECT plan FROM passed_over))
    FROM ours
"""  # noqa: S608  constants


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Messages of a ledger and its plans."""

    accepted: int
    uncertain: int
    unsent: int
    textless: int
    """Accepted or uncertain ones whose plan is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTexts:
    """A plan of the ledger, and its messages where they are still there."""

    number: int
    hash: str
    open: bool
    messages: str | None
    """What stands after FROM for them, each with its `ordinal`."""
    passed_over: bool = False
    """They are there, and nobody needs their texts."""


class Ours:
    """Fills the table `ours`; `Database` must know the macro `digest`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        for table in _TABLES:
            database.run(table)

    def add_ledger(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take the ledger's export."""
        for batch in batches:
            sent = pc.coalesce(batch.column("intent_at"), batch.column("settled_at"))
            rows = pa.table(
                {
                    **{name: batch.column(name) for name in ("plan", "ordinal", "key", "lane", "state")},
                    "sec": _seconds(batch.column("at")),
                    "maybe_doubled": batch.column("maybe_doubled"),
                    "sent": _seconds(sent),
                },
            )
            self._database.insert("INSERT INTO touched BY NAME SELECT * FROM incoming", rows)

    def add_plan(self, plan: PlanTexts, settings: Message, *, resolution_seconds: int) -> None:
        """Take a plan's messages: of the open one all, of a closed one those that were touched for good."""
        parameters: dict[str, object] = {
            "number": plan.number, "hash": plan.hash, "open": plan.open, "resolution": resolution_seconds,
        }  # fmt: skip
        if plan.passed_over:
            self._database.run("INSERT INTO passed_over VALUES ($number)", {"number": plan.number})
        if plan.messages is None:
            self._database.run(_WITHOUT_TEXTS, parameters)
            return
        prefixed = settings.speaker in {"prefix", "both"}
        self._database.run(
            _WITH_TEXTS.format(messages=plan.messages),
            {
                **parameters,
                "agent": settings.agent_prefix if prefixed else "",
                "bot": settings.bot_prefix if prefixed else "",
            },
        )

    def add_by_hand(self, rows: pa.Table, *, resolution_seconds: int) -> None:
        """Take what was sent by hand, outside of all plans: `key`, `lane` and `sec` (Unix seconds)."""
        self._database.insert(_BY_HAND, rows, {"resolution": resolution_seconds})

    def tally(self) -> Tally:
        """Return how many messages there are; call it once every plan is there."""
        accepted, uncertain, unsent, textless = self._database.row(_TALLY)
        return Tally(accepted=accepted, uncertain=uncertain, unsent=unsent, textless=textless)

    def import_days(self) -> dict[date, int]:
        """Return the UTC days on which messages were sent, and how many on each."""
        return {day_of(day * 86_400): count for day, count in self._database.rows(_IMPORT_DAYS)}

    def pick(self, size: int, *, seed: str) -> int:
        """Choose `size` accepted messages at random, the same for the same seed; return how many."""
        self._database.run(_PICK, {"size": size, "seed": seed})
        (count,) = self._database.row("SELECT count(*) FROM picked")
        return int(count)

    def days(self, *, only_picked: bool) -> dict[date, int]:
        """Return the UTC days with messages to look for, and how many each has."""
        rows = self._database.rows(_DAYS, {"picked": only_picked})
        return {day_of(day * 86_400): count for day, count in rows}


def _seconds(column: pa.Array) -> pa.Array:
    return pc.divide(column.cast(pa.timestamp("us")).cast(pa.int64()), MICROSECONDS)
