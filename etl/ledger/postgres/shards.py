"""The driver's side of a run by many: it cuts the work, watches it, and ends it."""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Final

from etl.clock import pause
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.connection import Connection
from etl.ledger.postgres.patient import PatientConnection
from etl.ledger.postgres.waiting import PATIENCE_SECONDS
from etl.ledger.postgres.words import storable
from etl.ledger.sharing import PaceWish, Shard, Worked

_ROLE: Final = "driver"
_LOOK_EVERY_SECONDS: Final = 0.1

_PACE: Final = """
    INSERT INTO pace (run, spacing, share, next_at, held_until, max_messages, ends_at)
    VALUES (%s, %s, %s, server_seconds() + %s, server_seconds() + %s, %s, server_seconds() + %s)
"""

_PACE_UNLESS_THERE: Final = f"{_PACE} ON CONFLICT (run) DO NOTHING RETURNING run"

_SHARDS: Final = """
    INSERT INTO shard (run, number, part, first_lane, end_lane, messages)
    SELECT %s, * FROM unnest(%b::bigint[]::integer[], %b::bigint[]::integer[], %b::bigint[], %b::bigint[],
                             %b::bigint[])
"""

_WORKED: Final = """
    SELECT state, CASE WHEN lease_until >= clock_timestamp() THEN owner END, count(*),
           max(extract(epoch FROM lease_until - clock_timestamp()))::double precision
    FROM shard WHERE run = %s GROUP BY 1, 2
"""

_PACED: Final = """
    SELECT share, greatest(held_until - server_seconds(), 0),
           coalesce(admitted >= max_messages, false), stop_kind, stop_message
    FROM pace WHERE run = %s
"""

_COMMITS: Final = "SELECT coalesce(sum(commits), 0)::bigint FROM pump WHERE run = %s"

_STOP: Final = "UPDATE pace SET stop_kind = %s, stop_message = %s WHERE run = %s AND stop_kind IS NULL"

_LIVE: Final = """
    SELECT count(DISTINCT owner),
           coalesce(max(extract(epoch FROM lease_until - clock_timestamp())), 0)::double precision
    FROM shard WHERE state = 'open' AND lease_until >= clock_timestamp()
"""

_STOP_ALL: Final = "UPDATE pace SET stop_kind = %s, stop_message = %s WHERE stop_kind IS NULL"

# Whoever still believes that it has one of these can write nothing more.
_FENCE: Final = """
    UPDATE shard SET epoch = epoch + 1, state = 'waiting', owner = NULL, lease_until = NULL
    WHERE state = 'open' AND run = %s
"""

# Only what was told to stop: another command that has taken over meanwhile keeps its shards.
_FENCE_STOPPED: Final = """
    UPDATE shard SET epoch = epoch + 1, state = 'waiting', owner = NULL, lease_until = NULL
    WHERE state = 'open' AND run IN (SELECT run FROM pace WHERE stop_kind IS NOT NULL)
"""


class SharedRuns:
    """Runs by many workers in one ledger, as the process that holds the ledger's lock sees them."""

    def __init__(self, address: Address, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Connect.

        Raises:
            LedgerError: the database can't be reached.
        """
        self._hurried = threading.Event()
        self._connection = PatientConnection(
            address, role=_ROLE, patience_seconds=patience_seconds, hurried=self._hurried
        )

    def close(self) -> None:
        """Release the connection; may be called twice."""
        self._connection.close()

    def hurry(self) -> None:
        """Wait no longer for a database that is away, now and later; from any thread."""
        self._hurried.set()

    def begin(self, run: int, shards: Sequence[Shard], wish: PaceWish) -> None:
        """Write down a run's pace and shards, durably, before any worker is told of it."""
        columns = [
            [getattr(shard, name) for shard in shards]
            for name in ("number", "part", "first_lane", "end_lane", "messages")
        ]
        pace = (
            run, wish.spacing_seconds, wish.share, wish.rest_seconds, wish.hold_off_seconds,
            wish.max_messages, wish.duration_seconds,
        )  # fmt: skip

        def write(connection: Connection) -> None:
            with connection.transaction():
                connection.execute(_PACE, pace)
                connection.execute(_SHARDS, (run, *columns))

        def write_again(connection: Connection) -> None:
            # The first commit may still be under way, where no SELECT sees it: this waits for its end.
            with connection.transaction():
                if connection.execute(_PACE_UNLESS_THERE, pace).fetchone() is not None:
                    connection.execute(_SHARDS, (run, *columns))

        self._connection.run(write, again=write_again)

    def worked(self, run: int) -> Worked | None:
        """Return how a run stands; None: it is one process's."""
        paced = self._connection.rows(_PACED, (run,))
        if not paced:
            return None
        done, waiting, expired, lease, owners = 0, 0, 0, 0.0, {}
        for state, owner, count, seconds in self._connection.rows(_WORKED, (run,)):
            if state == "done":
                done = count
            elif state == "waiting":
                waiting = count
            elif owner is None:
                expired = count
            else:
                owners[owner] = count
                lease = max(lease, seconds)
        share, held, full, kind, message = paced[0]
        return Worked(
            done=done, waiting=waiting, open=owners, expired=expired, lease_seconds=lease, share=share,
            held_seconds=held, full=full, stop_kind=kind, stop_message=message,
        )  # fmt: skip

    def commits(self, run: int) -> int:
        """Return how many commits of its workers are in the ledger; it never shrinks unless some are lost."""
        return int(self._connection.rows(_COMMITS, (run,))[0][0])

    def stop(self, run: int, kind: str, message: str) -> None:
        """End a run for all its workers; the first word stays."""
        self._connection.rows(_STOP, (kind, storable(message), run))

    def live(self) -> tuple[int, float]:
        """Return how many workers of any run still send, and the seconds after which none of them can."""
        count, seconds = self._connection.rows(_LIVE, ())[0]
        return count, seconds

    def stop_all(self, kind: str, message: str) -> None:
        """End every run; a worker that has claimed nothing yet claims nothing more."""
        self._connection.rows(_STOP_ALL, (kind, message))

    def fence(self, run: int) -> None:
        """Take a run's shards from their owners; call it when nobody has a lease any more."""
        self._connection.rows(_FENCE, (run,))

    def fence_stopped(self) -> None:
        """Take the shards of every run that was told to stop from their owners, likewise."""
        self._connection.rows(_FENCE_STOPPED, ())


def end_workers(address: Address, say: Callable[[str], None]) -> None:
    """End the runs whose workers still send although their driver has gone; wait until none of them can.

    Call it while holding the ledger's lock, before anything in flight is called uncertain.
    """
    with closing(SharedRuns(address)) as runs:
        # First: workers of a driver that died before they had claimed anything are no live ones.
        runs.stop_all("aborted", "another command began")
        workers, seconds = runs.live()
        if workers:
            say(
                f"workers of an earlier run still send ({workers}): they finish what is in flight, "
                f"which takes {seconds:.0f} s at most"
            )
        while workers:
            pause(_LOOK_EVERY_SECONDS)
            workers, _ = runs.live()
        runs.fence_stopped()
