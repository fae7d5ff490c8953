"""Where files are: this machine, or an object store that `pyarrow.fs` knows (`s3://`, `gs://`, `abfs://`)."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG
from typing import Any, BinaryIO, Final

import pyarrow as pa
from pyarrow import fs

from etl.storage.stores import filesystem

_AHEAD: Final = 8 << 20
"""Bytes of a remote read: each is a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one file is, in a form that can be kept and opened again, in another process too."""

    root: str | None = field(default=None, repr=False)
    """The URI of its store, with options; None is this machine. May hold credentials."""
    path: str
    """Its path there; on this machine with symbolic links resolved."""

    @property
    def remote(self) -> bool:
        """Return whether reading it is a request to somebody."""
        return self.root is not None

    def size(self) -> int:
        """Return how many bytes it has now.

        Raises:
            OSError: it is no file, or can't be read.
        """
        if self.root is None:
            status = Path(self.path).stat()
            if not S_ISREG(status.st_mode):
                raise OSError(0, "is not a regular file")
            return status.st_size
        info = filesystem(self.root).get_file_info([self.path])[0]
        if info.type is not fs.FileType.File:
            raise OSError(0, "there is no such object")
        return int(info.size)

    def open(self) -> BinaryIO:
        """Open it for reading from the beginning to the end.

        Raises:
            OSError: it can't be read.
        """
        if self.root is None:
            return Path(self.path).open("rb")
        stream: BinaryIO = filesystem(self.root).open_input_stream(
            self.path, compression=None, buffer_size=_AHEAD
        )
        return stream

    def open_seekable(self) -> Any:  # noqa: ANN401  pyarrow has no types
        """Open it for reading anywhere, as `pyarrow` likes it.

        Raises:
            OSError: it can't be read.
        """
        return pa.OSFile(self.path) if self.root is None else filesystem(self.root).open_input_file(self.path)


def shown(path: str) -> str:
    """Return a name that fits into Arrow, SQL and one line of a report, whatever its bytes are."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
