"""What matching means for each message, and the questions that a report of it answers."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import pyarrow as pa

from etl.verify.database import Database
from etl.verify.findings import Finding
from etl.verify.ours import ORDINAL_BITS
from etl.verify.windows import day_of

LISTED: Final = pa.schema(
    [
        pa.field("finding", pa.string(), nullable=False),
        pa.field("key", pa.string(), nullable=False),
        pa.field("plan", pa.int64(), nullable=False),
        pa.field("ordinal", pa.int64(), nullable=False),
        pa.field("user", pa.string(), nullable=False),
        pa.field("at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("found_at", pa.timestamp("us", tz="UTC")),
        pa.field("shift_seconds", pa.int64()),
        pa.field("resent", pa.bool_(), nullable=False),
    ],
)
"""Findings as people get them. `plan` is the ledger's number of the plan; `user` is shortened; `resent`: sent
again on somebody's word, so possibly doubled."""

_COVER: Final = "CREATE TABLE cover (lo BIGINT, hi BIGINT)"

# `unsure`: the report can't show the message, or absence means nothing yet.
_VERDICT: Final = """
    CREATE TABLE verdict AS
    WITH told AS (
        SELECT o.n, o.standing, m.how, f.r, f.sec - o.sec AS shift,
            f.slot IS NOT NULL AND f.slot <> o.slot AS moved,
            a.lane IS NOT NULL AND a.other = 0
                AND (a.found = a.sure + a.doubt OR (a.sure = 0 AND a.doubt = 1 AND a.found > 0)) AS clear,
            coalesce(a.found, 0) > 0 AS some_alike,
            (o.digest IS NULL AND NOT $ids)
                OR coalesce(o.sent, 0) > $young
                OR NOT EXISTS (SELECT 1 FROM cover WHERE o.sec >= lo AND o.sec < hi) AS unsure
        FROM ours o
        LEFT JOIN matched m USING (n)
        LEFT JOIN theirs f ON f.r = m.r
        LEFT JOIN alike a ON o.standing = 1 AND a.lane = o.lane AND a.digest = o.digest AND a.slot = o.slot
        WHERE o.standing > 0 OR NOT $picked OR o.n IN (SELECT n FROM picked)
    )
    SELECT n, r, CASE WHEN moved THEN shift END AS shift, CASE standing
        WHEN 0 THEN CASE
            WHEN how IS NULL THEN CASE WHEN unsure THEN 'unknown' ELSE 'missing' END
            WHEN how = 'timeless' THEN 'unknown'
            WHEN moved THEN 'shifted'
            ELSE 'present' END
        WHEN 1 THEN CASE
            WHEN how = 'id' OR (how = 'exact' AND clear) THEN 'proven'
            WHEN how IS NOT NULL OR some_alike THEN 'ambiguous'
            WHEN unsure THEN 'unknown_doubt'
            ELSE 'absent' END
        ELSE CASE WHEN how IN ('id', 'exact') THEN 'unexpected' END
        END AS finding,
        how
    FROM told
"""

# A sample is asked about, but judged among all messages of its users that were read.
_SWAPPED: Final = """
    INSERT INTO verdict
    SELECT n, r, NULL, 'swapped', how
    FROM (
        SELECT m.n, m.r, m.how, f.pos,
            max(f.pos) OVER (PARTITION BY o.lane ORDER BY m.n
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS highest
        FROM matched m JOIN theirs f USING (r) JOIN ours o ON o.n = m.n
        WHERE m.how IN ('id', 'exact') AND o.standing <= 1 AND f.slot = o.slot
    )
    WHERE pos < highest AND (NOT $picked OR n IN (SELECT n FROM picked))
"""

_DOUBLED: Final = """
    INSERT INTO verdict
    SELECT n, r, NULL, 'doubled', 'copy' FROM extra WHERE NOT $picked OR n IN (SELECT n FROM picked)
"""

_FOREIGN: Final = """
    SELECT count(*) FROM theirs WHERE r NOT IN (SELECT r FROM matched) AND r NOT IN (SELECT r FROM extra)
        AND r NOT IN (SELECT r FROM handmade)
"""

_WRONG: Final = """
    SELECT count(DISTINCT n) FROM verdict JOIN ours USING (n)
    WHERE standing = 0 AND finding IN ('missing', 'shifted', 'doubled', 'swapped')
"""

_LIST: Final = f"""
    SELECT v.finding, o.key, o.n >> {ORDINAL_BITS} AS plan,
        o.n & ((1::BIGINT << {ORDINAL_BITS}) - 1) AS ordinal,
        CASE WHEN length(o.lane) > 8 THEN o.lane[1:4] || '…' || o.lane[-2:] ELSE o.lane END AS user,
        o.sec * 1000000 AS "at", f.sec * 1000000 AS found_at, v.shift AS shift_seconds,
        o.maybe_doubled AS resent
    FROM verdict v JOIN ours o USING (n) LEFT JOIN theirs f ON f.r = v.r
    WHERE v.finding = $finding ORDER BY v.n, v.r LIMIT $limit OFFSET $offset
"""  # noqa: S608  constants

_PROVEN: Final = f"""
    SELECT n >> {ORDINAL_BITS}, n & ((1::BIGINT << {ORDINAL_BITS}) - 1), how FROM verdict
    WHERE finding = 'proven' ORDER BY n
"""  # noqa: S608  constants

_TOTALS: Final = """
    SELECT day, coalesce(o.accepted, 0), coalesce(o.uncertain, 0), coalesce(f.found, 0),
        EXISTS (SELECT 1 FROM cover WHERE day * 86400 >= lo AND day * 86400 < hi) AS covered
    FROM (
        SELECT sec // 86400 AS day, count(*) FILTER (standing = 0) AS accepted,
            count(*) FILTER (standing = 1) AS uncertain
        FROM ours WHERE standing <= 1 GROUP BY ALL
    ) o
    LEFT JOIN (
        SELECT sec // 86400 AS day, count(*) AS found FROM theirs
        WHERE sec IS NOT NULL AND lane IN (SELECT lane FROM ours) GROUP BY ALL
    ) f USING (day)
    ORDER BY day
"""

_PAGE: Final = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """An uncertain message that the report shows."""

    plan: int
    ordinal: int
    by_id: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTotal:
    """One UTC day: our messages and the report's rows of our users."""

    day: date
    accepted: int
    uncertain: int
    found: int
    covered: bool

    @property
    def even(self) -> bool:
        """Return whether the report has as many as it should."""
        return self.accepted <= self.found <= self.accepted + self.uncertain


class Verdicts:
    """Judges what `match` has matched, and answers questions about it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        database.run(_COVER)

    def cover(self, seconds: Iterable[tuple[int, int]]) -> None:
        """Say in which Unix seconds [lo, hi) the report is surely whole."""
        lo, hi = zip(*seconds, strict=True) if (seconds := list(seconds)) else ((), ())
        spans = pa.table({"lo": pa.array(lo, pa.int64()), "hi": pa.array(hi, pa.int64())})
        self._database.insert("INSERT INTO cover SELECT lo, hi FROM incoming", spans)

    def judge(self, *, only_picked: bool, sent_before: int) -> None:
        """Give every message its finding; what was sent after `sent_before` (Unix time) may not show yet."""
        (ids,) = self._database.row("SELECT count(*) > 0 FROM known")
        self._database.run(_VERDICT, {"picked": only_picked, "young": sent_before, "ids": ids})
        self._database.run(_SWAPPED, {"picked": only_picked})
        self._database.run(_DOUBLED, {"picked": only_picked})

    def counts(self) -> dict[Finding, int]:
        """Return how often each finding was made; all are there."""
        rows = self._database.rows(
            "SELECT finding, count(*) FROM verdict WHERE finding IS NOT NULL GROUP BY ALL"
        )
        found = Counter({Finding(name): count for name, count in rows})
        found[Finding.BY_HAND] = int(self._database.row("SELECT count(*) FROM handmade")[0])
        found[Finding.FOREIGN] = int(self._database.row(_FOREIGN)[0])
        return {finding: found[finding] for finding in Finding}

    def wrong(self) -> int:
        """Return how many accepted messages are missing, shifted, doubled or swapped."""
        return int(self._database.row(_WRONG)[0])

    def common_shift(self) -> tuple[int, int] | None:
        """Return the commonest shift (seconds, report minus ledger) and how many have it, if there is any."""
        rows = self._database.rows(
            "SELECT shift, count(*) AS c FROM verdict WHERE finding = 'shifted' "
            "GROUP BY shift ORDER BY c DESC, abs(shift), shift LIMIT 1"
        )
        return (int(rows[0][0]), int(rows[0][1])) if rows else None

    def first(self, finding: Finding, *, limit: int) -> list[dict[str, Any]]:
        """Return the first of one finding, in order of the plan, as `LISTED` rows."""
        rows: list[dict[str, Any]] = self._page(finding, limit, 0).to_pylist()
        return rows

    def listed(self, findings: Iterable[Finding]) -> Iterator[pa.RecordBatch]:
        """Yield all of these findings by `LISTED`."""
        for finding in findings:
            offset = 0
            while (page := self._page(finding, _PAGE, offset)).num_rows:
                yield from page.to_batches()
                offset += page.num_rows

    def proven(self) -> list[Proof]:
        """Return the uncertain messages that the report shows without ambiguity."""
        return [
            Proof(plan=plan, ordinal=ordinal, by_id=how == "id")
            for plan, ordinal, how in self._database.rows(_PROVEN)
        ]

    def totals(self) -> list[DayTotal]:
        """Return each UTC day with messages of ours; needs no matching."""
        return [
            DayTotal(
                day=day_of(day * 86_400), accepted=accepted, uncertain=uncertain, found=found, covered=covered
            )
            for day, accepted, uncertain, found, covered in self._database.rows(_TOTALS)
        ]

    def _page(self, finding: Finding, limit: int, offset: int) -> pa.Table:
        parameters: dict[str, object] = {"finding": finding.value, "limit": limit, "offset": offset}
        return self._database.table(_LIST, parameters).cast(LISTED)
