"""Where a target's ledger is, before it is opened: a file of this machine, or a schema in a database."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from etl.errors import UsageError
from etl.ledger.backup import Backup, back_up
from etl.ledger.health import Health, Remark, quick_check
from etl.ledger.interface import Ledger
from etl.ledger.lock import Holder, holder
from etl.ledger.marks import Marks
from etl.ledger.migrations import is_missing
from etl.ledger.opening import advance_beside, open_ledger, open_readonly
from etl.ledger.sharing import Worked


class Place(Protocol):
    """Where one target's ledger is, or will be; its `str` is what people know it by.

    All methods raise `LedgerError` where it can't be used.
    """

    def is_missing(self) -> bool:
        """Return whether there is no ledger yet."""

    def open(self, *, create: bool, marks: Marks, warn: Callable[[str], None]) -> Ledger:
        """Open it for writing, bring its schema up to date, and close it to others.

        `warn` is told of what passes by itself, also from another thread.

        Raises:
            LaterError: another run holds it.
        """

    def read(self) -> Ledger | None:
        """Open it for questions, beside a running import too; None when there is none."""

    def end_workers(self, say: Callable[[str], None]) -> None:
        """End the work that a run by many goes on with although its driver has gone, and wait for that.

        Call it while the ledger is open for writing, before anything in flight is called uncertain.
        """

    def worked(self, run: int) -> Worked | None:
        """Return how a run by many workers stands; None: it is one process's."""

    def holder(self) -> Holder | None:
        """Return the run that holds it for writing, as far as the place itself knows."""

    def health(self) -> Health:
        """Look whether it is sound."""

    def remarks(self) -> list[Remark]:
        """Look at what it stands on, beyond this machine's disk; also before there is a ledger."""

    def back_up(self, copy: Path, *, marks: Marks) -> Backup:
        """Copy it, and let its generation grow, so that the copy is recognised when it is put back.

        Raises:
            UsageError: the copy can't be written, or is made by other means.
        """


class SqlitePlace:
    """A file; whoever opens it for writing holds the lock of its folder."""

    def __init__(self, path: Path, *, target: str) -> None:
        self._path = path
        self._target = target

    def __str__(self) -> str:
        return str(self._path)

    def is_missing(self) -> bool:
        """Return whether there is no ledger yet."""
        return is_missing(self._path)

    def open(self, *, create: bool, marks: Marks, warn: Callable[[str], None]) -> Ledger:
        """Open it for writing."""
        del warn  # a file does not go away
        return open_ledger(self._path, target=self._target, create=create, marks=marks)

    def read(self) -> Ledger | None:
        """Open it for questions; None when there is none."""
        return open_readonly(self._path, target=self._target)

    def end_workers(self, say: Callable[[str], None]) -> None:
        """Return at once: only one process ever writes."""

    def worked(self, run: int) -> Worked | None:  # noqa: ARG002  as the protocol has it
        """Return None: every run is one process's."""
        return None

    def holder(self) -> Holder | None:
        """Return the process of this machine that holds the folder's lock."""
        return holder(self._path.parent)

    def health(self) -> Health:
        """Read all of it, to see whether its pages and indexes fit together."""
        return quick_check(self._path)

    def remarks(self) -> list[Remark]:
        """Return nothing: the disk is looked at by itself."""
        return []

    def back_up(self, copy: Path, *, marks: Marks) -> Backup:
        """Copy it to a file that is not there yet."""
        backup = back_up(self._path, copy)
        advance_beside(self._path, target=self._target, marks=marks)
        return backup


def place(path: Path, url: str | None, *, target: str) -> Place:
    """Return where a target's ledger is: in the database of `url`, or in the file `path` where there is none.

    Raises:
        UsageError: the URL can't be read, or what a PostgreSQL ledger needs is not installed.
    """
    if url is None:
        return SqlitePlace(path, target=target)
    try:
        from etl.ledger.postgres.place import PostgresPlace  # noqa: PLC0415  an extra, and a heavy import
    except ImportError as error:
        raise UsageError(
            f"a ledger in PostgreSQL needs a package that is not installed ({error.name})",
            hint="pip install 'etl[postgres]'",
        ) from error
    return PostgresPlace(url, folder=path.parent, target=target)
