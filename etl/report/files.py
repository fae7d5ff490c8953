"""Files for people: private, and whole or not there at all."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from etl.errors import UsageError


@contextmanager
def private_file(path: Path, *, hint: str = "") -> Iterator[BinaryIO]:
    """Give a file to write that only its owner can read; it takes its place when the context ends well.

    A device or pipe is written to as it is.

    Raises:
        UsageError: it can't be written; what was there before stays.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as sink:
                yield sink
            return
        # A link is followed, or the file that it leads to would stay as it was.
        with _whole(path.resolve()) as sink:
            yield sink
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"{path} can't be written: {reason}", hint=hint) from error


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    part = path.with_name(f".{path.name}.part")
    try:
        part.unlink(missing_ok=True)
        part.touch(mode=0o600, exist_ok=False)
        with part.open("wb") as sink:
            yield sink
        part.replace(path)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
