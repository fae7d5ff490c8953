"""What only the whole history tells: order, doubles, counts by day; tallied beside the store.

Counting at the time of storing would cost every message, also where nobody looks. So a database of this
process takes over what has arrived since it was last asked, in batches, and pages say how far it has got.
It is derived, dies with the process, and is nowhere in the file system by name.
"""

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from etl.sandbox.database import transaction, translated
from etl.sandbox.inbox.reading import Read
from etl.sandbox.inbox.speakers import SPEAKER

SLOT_SECONDS: Final = 10
"""Arrivals are counted in slots so long."""
_BATCH: Final = 20_000
_MOST_BATCHES: Final = 3
_KEPT: Final = 100

_READ: Final = f"""
    SELECT seq, deployment_id, user_id, timestamp, received_us / {SLOT_SECONDS * 1_000_000}, {SPEAKER},
        (SELECT min(f.seq) FROM message AS f WHERE f.deployment_id = m.deployment_id AND f.id = m.id)
    FROM message AS m WHERE seq > ? ORDER BY seq LIMIT ?
"""  # noqa: S608  a constant of this package
_TABLES: Final = (
    """
    CREATE TABLE arrived (
        seq INTEGER PRIMARY KEY, deployment_id TEXT, user_id TEXT, timestamp INTEGER, slot INTEGER,
        speaker TEXT, first_seq INTEGER
    )
    """,
    """
    CREATE TABLE newest (
        deployment_id TEXT, user_id TEXT, timestamp INTEGER, PRIMARY KEY (deployment_id, user_id)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE day (day INTEGER PRIMARY KEY, messages INTEGER)",
    "CREATE TABLE slot (slot INTEGER PRIMARY KEY, messages INTEGER)",
    "CREATE TABLE speaker (speaker TEXT PRIMARY KEY, messages INTEGER)",
    "CREATE TABLE problem (seq INTEGER, kind TEXT, earlier INTEGER, PRIMARY KEY (seq, kind)) WITHOUT ROWID",
)
_DOUBLED: Final = "INSERT INTO problem SELECT seq, 'doubled', first_seq FROM arrived WHERE first_seq < seq"
_LATE: Final = """
    INSERT INTO problem SELECT seq, 'late', newest FROM (
        SELECT a.seq, a.timestamp, max(
            coalesce(k.timestamp, 0),
            coalesce(max(a.timestamp) OVER (
                PARTITION BY a.deployment_id, a.user_id ORDER BY a.seq
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
            ), 0)
        ) AS newest
        FROM arrived AS a
        LEFT JOIN newest AS k ON k.deployment_id = a.deployment_id AND k.user_id = a.user_id
    ) WHERE timestamp < newest
"""
_COUNTED: Final = (
    """
    INSERT INTO newest SELECT deployment_id, user_id, max(timestamp) FROM arrived WHERE true GROUP BY 1, 2
    ON CONFLICT DO UPDATE SET timestamp = max(timestamp, excluded.timestamp)
    """,
    """
    INSERT INTO day SELECT timestamp / 86400, count(*) FROM arrived WHERE true GROUP BY 1
    ON CONFLICT DO UPDATE SET messages = messages + excluded.messages
    """,
    """
    INSERT INTO slot SELECT slot, count(*) FROM arrived WHERE true GROUP BY 1
    ON CONFLICT DO UPDATE SET messages = messages + excluded.messages
    """,
    """
    INSERT INTO speaker SELECT speaker, count(*) FROM arrived WHERE true GROUP BY 1
    ON CONFLICT DO UPDATE SET messages = messages + excluded.messages
    """,
)
_TRIMMED: Final = """
    DELETE FROM problem WHERE seq < (
        SELECT min(seq) FROM (SELECT seq FROM problem ORDER BY seq DESC LIMIT ?)
    )
"""


class ProblemKind(StrEnum):
    """What a platform's side can see going wrong."""

    LATE = "late"
    DOUBLED = "doubled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A message that came out of order, or whose id had come before."""

    seq: int
    kind: ProblemKind
    earlier: int
    """LATE: its user's newest time so far, Unix seconds. DOUBLED: the first message with its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """The tally up to a message."""

    checked: int
    """The last message that is counted in."""
    users: int
    late: int
    doubled: int
    marked: bool
    """Whether any message tells an agent or a bot from a customer."""
    problems: tuple[Arrival, ...]
    """The last ones, latest first."""


class Tally:
    """Derived tables of one store; any thread may ask."""

    def __init__(self, *, on_disk: bool) -> None:
        """Args: `on_disk` lets a large tally move to a file without a name; else it stays in memory."""
        self._lock = threading.Lock()
        self._checked = 0
        self._counts = dict.fromkeys(ProblemKind, 0)
        self._connection = sqlite3.connect(
            "" if on_disk else ":memory:", isolation_level=None, check_same_thread=False
        )
        for table in _TABLES:
            self._connection.execute(table)

    def catch_up(self, read: Read) -> None:
        """Take over what arrived since, at most 60,000 messages of it.

        Raises:
            SandboxError: the store can't be read, or there is no room for the tally.
        """
        with self._lock, translated("(its tally)"):
            for _ in range(_MOST_BATCHES):
                rows = read(_READ, self._checked, _BATCH)
                if rows:
                    self._take(rows)
                if len(rows) < _BATCH:
                    return

    def checks(self, *, most: int = 10) -> Checks:
        """Return the verdicts so far, with at most so many of the last problems."""
        with self._lock, translated("(its tally)"):
            problems = self._rows("SELECT * FROM problem ORDER BY seq DESC, kind LIMIT ?", most)
            return Checks(
                checked=self._checked,
                users=self._rows("SELECT count(*) FROM newest")[0][0],
                late=self._counts[ProblemKind.LATE],
                doubled=self._counts[ProblemKind.DOUBLED],
                marked=bool(self._rows("SELECT 1 FROM speaker WHERE speaker != '' LIMIT 1")),
                problems=tuple(
                    Arrival(seq=seq, kind=ProblemKind(kind), earlier=earlier)
                    for seq, kind, earlier in problems
                ),
            )

    @property
    def checked(self) -> int:
        """Return the last message that is counted in."""
        return self._checked

    def days(self) -> list[tuple[int, int]]:
        """Return the days since 1970 (UTC) that have messages, by their own times, with their counts."""
        with self._lock, translated("(its tally)"):
            return self._rows("SELECT day, messages FROM day ORDER BY day")

    def slots(self, *, first: int, last: int) -> list[tuple[int, int]]:
        """Return the arrivals in the slots of [first, last]; a slot is Unix time over `SLOT_SECONDS`."""
        with self._lock, translated("(its tally)"):
            return self._rows("SELECT slot, messages FROM slot WHERE slot BETWEEN ? AND ?", first, last)

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._connection.close()

    def _take(self, rows: Sequence[Any]) -> None:
        execute = self._connection.execute
        with transaction(self._connection):
            execute("DELETE FROM arrived")
            self._connection.executemany("INSERT INTO arrived VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            found = {
                ProblemKind.DOUBLED: execute(_DOUBLED).rowcount,
                ProblemKind.LATE: execute(_LATE).rowcount,
            }
            for statement in _COUNTED:
                execute(statement)
            execute(_TRIMMED, (_KEPT,))
        # Only now: a batch that failed is taken again.
        self._checked = rows[-1][0]
        for kind, count in found.items():
            self._counts[kind] += count

    def _rows(self, statement: str, *values: str | int) -> list[Any]:
        return self._connection.execute(statement, values).fetchall()
