"""A schema of a database as the place of a ledger, and what a look from outside finds there."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from etl.errors import UsageError
from etl.ledger import lock
from etl.ledger.backup import Backup
from etl.ledger.health import Health, Remark
from etl.ledger.interface import Ledger
from etl.ledger.lock import Holder
from etl.ledger.marks import Marks
from etl.ledger.postgres.address import address
from etl.ledger.postgres.connection import connect
from etl.ledger.postgres.failures import translated
from etl.ledger.postgres.health import remarks, schema_health
from etl.ledger.postgres.holders import lock_holder
from etl.ledger.postgres.migrations import is_missing
from etl.ledger.postgres.opening import open_postgres, open_postgres_readonly
from etl.ledger.postgres.shards import SharedRuns, end_workers
from etl.ledger.sharing import Worked


class PostgresPlace:
    """A `Place` in a database.

    Args:
        url: the database as libpq names it.
        folder: the target's folder on this machine, whose lock a run here holds, too.
        target: API base and deployment id.
    """

    def __init__(self, url: str, *, folder: Path, target: str) -> None:
        self._address = address(url, target=target)
        self._folder = folder
        self._target = target

    def __str__(self) -> str:
        return str(self._address)

    def is_missing(self) -> bool:
        """Return whether there is no ledger yet."""
        with translated(self._address), closing(connect(self._address, role="reader")) as connection:
            return is_missing(connection, self._address)

    def open(self, *, create: bool, marks: Marks, warn: Callable[[str], None]) -> Ledger:
        """Take the ledger's lock and open it for writing."""
        return open_postgres(self._address, target=self._target, create=create, marks=marks, warn=warn)

    def read(self) -> Ledger | None:
        """Open it for questions; None when there is none."""
        return open_postgres_readonly(self._address, target=self._target)

    def end_workers(self, say: Callable[[str], None]) -> None:
        """End the workers of runs whose driver has gone; it takes one lease at most."""
        end_workers(self._address, say)

    def worked(self, run: int) -> Worked | None:
        """Return how a run by many workers stands; None: it is one process's."""
        with closing(SharedRuns(self._address, patience_seconds=0)) as runs:
            return runs.worked(run)

    def holder(self) -> Holder | None:
        """Return the process, on whichever machine, that holds the ledger's lock, or that of the folder."""
        with translated(self._address), closing(connect(self._address, role="reader")) as connection:
            found = lock_holder(connection, self._address)
        return found.holder if found else lock.holder(self._folder)

    def health(self) -> Health:
        """Look at its rules and tallies; the server itself watches over its pages."""
        return schema_health(self._address)

    def remarks(self) -> list[Remark]:
        """Look at the server, what it confirms, the account's rights and the server's clock."""
        return remarks(self._address)

    def back_up(self, copy: Path, *, marks: Marks) -> Backup:
        """Refuse: the server has a better tool for it."""
        del copy, marks
        raise UsageError(
            f"the ledger {self} is in PostgreSQL: its copy is made there",
            hint=f"pg_dump --format=custom --schema={self._address.schema} --file=ledger.dump "
            f"'{self._address.url}'; a dump that is put back after a later run is recognised, because the "
            "ledger's generation grows with every run: then say `etl import JOB --restored`",
        )
