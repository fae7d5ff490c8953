"""Files of this machine, private, that take their place whole or not at all."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from tempfile import mkstemp
from typing import BinaryIO, Final

PART: Final = ".part"
"""How the name of a file ends that has not taken its place."""


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it, that only their owner can read; what is there stays as it is.

    Raises:
        OSError: it can't be made.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for one in reversed(missing):
        with suppress(FileExistsError):  # somebody else was faster
            one.mkdir(mode=0o700)


@contextmanager
def placed(path: Path, *, durable: bool) -> Iterator[BinaryIO]:
    """Give a private file to write that takes the place of `path` when the context ends well.

    Raises:
        OSError: it can't be written; what was there before stays.
    """
    private_folder(path.parent)
    descriptor, part = _locked_part(path)
    try:
        with os.fdopen(descriptor, "wb") as sink:
            yield sink
            sink.flush()
            if durable:
                os.fsync(descriptor)
            part.replace(path)  # while it is locked: `sweep` would take it for a dead writer's
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    if durable:
        sync(path.parent)


def _locked_part(path: Path) -> tuple[int, Path]:
    """Make a file beside `path` that is locked while its writer lives."""
    while True:
        descriptor, name = mkstemp(prefix=_stem(path), suffix=PART, dir=path.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, Path(name)
        os.close(descriptor)  # swept before it was locked


def sweep(path: Path) -> None:
    """Remove what writers of a file that were killed have left beside it."""
    for part in path.parent.glob(f"{escape(_stem(path))}*{PART}"):
        with suppress(OSError), part.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


def _stem(path: Path) -> str:
    return f".{path.name[:64]}-"


def sync(path: Path) -> None:
    """Make a file's content, or a folder's entries, durable.

    Raises:
        OSError: the disk refuses.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
