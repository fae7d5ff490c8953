"""One run per target: a kernel lock on a file that is never removed.

Chosen: `flock`, because death releases it, so no lock is ever stale and no age has to be guessed; and
because closing another descriptor of the file does not drop it, as it would a POSIX record lock.
"""

import fcntl
import json
import os
import platform
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from etl.clock import MICROSECONDS, SYSTEM, boot, since_boot_us
from etl.errors import LaterError, LedgerError

_NAME: Final = "lock"
_FLAGS: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_NOTICED_US: Final = MICROSECONDS
"""Less is a time server's correction."""

_ROUNDS: Final = 1_000
"""Tries while others only look; each takes microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """The process that holds a lock, as far as its note can be read."""

    pid: int | None = None
    host: str | None = None
    since_us: int | None = None

    def __str__(self) -> str:
        if self.pid is None or self.host is None or self.since_us is None:
            return "an unknown process"
        since = datetime.fromtimestamp(self.since_us // MICROSECONDS, tz=UTC).isoformat()
        return f"pid {self.pid} on host {self.host}, since {since}"


def private_folder(folder: Path) -> None:
    """Make a folder that only its owner can read; one that exists stays as it is.

    Raises:
        LedgerError: it can't be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True)
        # The umask may have taken bits away from the owner, too.
        folder.chmod(0o700)
    except FileExistsError:
        if not folder.is_dir():
            raise LedgerError(f"{folder} is no folder", hint="name another state folder in the job") from None
    except OSError as error:
        raise unusable(folder, error) from error


class TargetLock:
    """Holds `<folder>/lock` while the context lasts, against every process of this machine.

    Attributes:
        clock_ahead_us: by how much the wall clock was set forward since the last holder, as far as is known.
    """

    def __init__(self, folder: Path) -> None:
        self.clock_ahead_us = 0
        self._folder = folder
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Take the lock, or raise `LaterError` that names the holder."""
        private_folder(self._folder)
        path = self._folder / _NAME
        try:
            descriptor = os.open(path, _FLAGS | os.O_CREAT, 0o600)
            try:
                self.clock_ahead_us = _claim(descriptor, path)
            except BaseException:
                os.close(descriptor)
                raise
        except OSError as error:
            raise unusable(path, error) from error
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release it; the file stays, because removing it would allow two locks of one name."""
        if self._descriptor is not None:
            with suppress(OSError):
                _write_note(self._descriptor)  # a clock that was set meanwhile is no news to the next one
            os.close(self._descriptor)
            self._descriptor = None


def holder(folder: Path) -> Holder | None:
    """Return who holds `<folder>/lock`, or None; never keeps the lock and makes no file."""
    path = folder / _NAME
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unusable(path, error) from error
    try:
        return None if _try(descriptor, fcntl.LOCK_SH) else _read(descriptor)
    except OSError as error:
        raise unusable(path, error) from error
    finally:
        os.close(descriptor)


def _claim(descriptor: int, path: Path) -> int:
    os.fchmod(descriptor, 0o600)
    if not _taken(descriptor):
        raise LaterError(
            f"another run ({_read(descriptor)}) holds {path}",
            hint="wait until it ends, or stop it with Ctrl-C or SIGTERM; it can be resumed",
        )
    ahead_us = _clock_ahead_us(descriptor)
    _write_note(descriptor)
    return ahead_us


def _write_note(descriptor: int) -> None:
    note = {
        "pid": os.getpid(), "host": platform.node(), "since_us": SYSTEM.wall_us(),
        "boot": boot(), "since_boot_us": since_boot_us(),
    }  # fmt: skip
    line = json.dumps(note).encode() + b"\n"
    # Written over the old note before the rest is cut, so a reader never sees an empty file.
    os.pwrite(descriptor, line, 0)
    os.ftruncate(descriptor, len(line))


def _clock_ahead_us(descriptor: int) -> int:
    """Return how much more than the time since the last holder's note has passed on the wall clock."""
    with suppress(ValueError, LookupError, TypeError):
        note = json.loads(os.pread(descriptor, 4_096, 0).splitlines()[0])
        if note["boot"] is not None and note["boot"] == boot():
            passed_us = since_boot_us() - int(note["since_boot_us"])
            ahead_us = SYSTEM.wall_us() - int(note["since_us"]) - passed_us
            return ahead_us if ahead_us >= _NOTICED_US else 0
    return 0


def _taken(descriptor: int) -> bool:
    for _ in range(_ROUNDS):
        if _try(descriptor, fcntl.LOCK_EX):
            return True
        # A shared lock that is granted means: somebody was only looking, as `holder` does.
        if not _try(descriptor, fcntl.LOCK_SH):
            return False
    return False


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(descriptor: int) -> Holder:
    with suppress(ValueError, LookupError, TypeError):
        note = json.loads(os.pread(descriptor, 4_096, 0).splitlines()[0])
        return Holder(pid=int(note["pid"]), host=str(note["host"]), since_us=int(note["since_us"]))
    return Holder()


def sync_folder(folder: Path) -> None:
    """Make the names of a folder's new files durable: a file that is synced has none before that.

    Raises:
        OSError: the disk refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unusable(path: Path, error: OSError) -> LedgerError:
    """Return what an error of the file system means for a person."""
    return LedgerError(
        f"{path} can't be used: {error.strerror}",
        hint="check the folder's permissions and the space on its disk",
    )
