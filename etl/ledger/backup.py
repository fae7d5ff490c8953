"""A copy of a ledger that can be put back: whole, checked, private; also beside a running import."""

import os
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from etl.errors import LedgerError, LedgerFullError, UsageError
from etl.ledger.lock import unusable
from etl.ledger.migrations import connect, translated
from etl.ledger.reader import SqliteReader

_HINT = "the ledger itself is untouched; try again on another disk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy that was checked."""

    path: Path
    messages: int
    """Messages in it, in any state."""
    size_bytes: int


def back_up(ledger: Path, copy: Path) -> Backup:
    """Copy a ledger as one moment has it, check the copy, and give it its name only then.

    Raises:
        UsageError: something has that name already, or it can't be written.
        LedgerError: the ledger can't be read, or the copy is not what it should be.
    """
    if copy.exists():
        raise _taken(copy)
    part = copy.with_name(f".{copy.name}.part")
    try:
        with suppress(FileNotFoundError):
            part.unlink()
        # Empty and private before SQLite writes to it.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        with translated(ledger), closing(connect(ledger, "ro")) as source:
            source.execute("VACUUM INTO ?", (str(part),))
        messages = _checked(ledger, part)
        _sync(part)
        _name(part, copy)
        _sync(copy.parent)
        return Backup(path=copy, messages=messages, size_bytes=copy.stat().st_size)
    except LedgerFullError:
        raise UsageError(f"{copy} can't be written: its disk is full", hint=_HINT) from None
    except OSError as error:
        raise UsageError(f"{copy} can't be written: {error.strerror}", hint=_HINT) from error
    finally:
        with suppress(OSError):
            part.unlink()


def _name(part: Path, copy: Path) -> None:
    try:
        # A rename would replace what another backup may have put there meanwhile.
        os.link(part, copy)
    except FileExistsError:
        raise _taken(copy) from None
    except OSError:  # a file system without links
        part.rename(copy)


def _taken(copy: Path) -> UsageError:
    return UsageError(f"{copy} is there already", hint="name another file; a backup replaces nothing")


def _checked(ledger: Path, part: Path) -> int:
    """Return how many messages the copy holds, counted in it one by one."""
    with translated(part), closing(connect(part, "ro")) as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
        if found != ["ok"]:
            raise LedgerError(f"the copy of {ledger} is damaged: {found[0]}", hint=_HINT)
        tallied = sum(SqliteReader(part, connection).counts().values())
        (messages,) = connection.execute("SELECT count(*) FROM message").fetchone()
    if messages != tallied:
        raise LedgerError(
            f"the copy of {ledger} holds {messages:,} messages where its tallies say {tallied:,}",
            hint="the ledger was changed by hand; keep it, and report this",
        )
    return int(messages)


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unusable(path, error) from error
