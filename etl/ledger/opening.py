"""How a ledger in a SQLite file is opened: to write it, to ask it, or beside a run."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Literal

from etl.ledger.lock import private_folder
from etl.ledger.marks import Marks
from etl.ledger.migrations import (
    connect,
    ensure_private_file,
    is_missing,
    prepare,
    require_sqlite,
    translated,
)
from etl.ledger.sqlite import UNDO_IN_MEMORY, SqliteLedger


def open_ledger(path: Path, *, target: str, create: bool, marks: Marks | None = None) -> SqliteLedger:
    """Open the ledger of `target` for writing, bring its schema up to date, and close it to others.

    Args:
        path: the file; with `create` it and its folder are made when absent.
        target: API base and deployment id; a ledger made for another target is refused.
        create: whether a missing ledger is made, rather than refused.
        marks: where its generation is remembered outside of it.

    Raises:
        LedgerError: it is missing, unusable, no ledger, or of another target or a newer version.
    """
    require_sqlite()
    if create:
        private_folder(path.parent)
    with translated(path):
        ensure_private_file(path, create=create)
        return _opened(path, mode="rw", target=target, create=create, marks=marks)


def open_readonly(path: Path, *, target: str) -> SqliteLedger | None:
    """Open the ledger of `target` for questions, beside a running import too; None when there is none.

    Raises:
        LedgerError: it is unusable, no ledger, or of another target or another version.
    """
    require_sqlite()
    if is_missing(path):
        return None
    with translated(path):
        return _opened(path, mode="ro", target=target, create=False)


def advance_beside(path: Path, *, target: str, marks: Marks) -> None:
    """Let the generation of a ledger grow without its lock, also beside a running import.

    Raises:
        LedgerError: it can't be written, or is of another schema.
    """
    with translated(path), ExitStack() as stack:
        writer = stack.enter_context(closing(connect(path, "rw")))
        prepare(writer, path, target=target, mode="ro", create=False)
        SqliteLedger(path, writer, stack.enter_context(closing(connect(path, "ro"))), marks).advance()


def _opened(
    path: Path,
    *,
    mode: Literal["rw", "ro"],
    target: str,
    create: bool,
    marks: Marks | None = None,
) -> SqliteLedger:
    with ExitStack() as stack:
        writer = stack.enter_context(closing(connect(path, mode)))
        prepare(writer, path, target=target, mode=mode, create=create)
        writer.execute(UNDO_IN_MEMORY)
        reader = stack.enter_context(closing(connect(path, "ro")))
        stack.pop_all()
    return SqliteLedger(path, writer, reader, marks)
