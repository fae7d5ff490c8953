"""Copies of remote files on this machine, each with the version that it is of."""

import json
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from etl.storage.files import placed

_VERSIONS: Final = ".versions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """A private folder that mirrors a depot's names. Several processes may share it."""

    folder: Path

    def path(self, name: str) -> Path:
        """Return where the copy of a file is, if there is one."""
        return self.folder / name

    def holds(self, name: str, version: str) -> bool:
        """Return whether that very version is here, as it was when it came."""
        try:
            return bool(json.loads(self._note(name).read_bytes()) == [version, *self._stamp(name)])
        except (OSError, ValueError):
            return False

    def stamp(self, name: str, version: str) -> None:
        """Note which version the copy is of.

        Raises:
            OSError: it can't be noted, or there is no copy.
        """
        # With the file's own stamp: of two processes that come with two versions, one may note the other's.
        note = json.dumps([version, *self._stamp(name)]).encode()
        with placed(self._note(name), durable=False) as sink:
            sink.write(note)

    def drop(self, prefix: str) -> None:
        """Forget a file, or all files below a folder."""
        for path in (self._note(prefix), self.folder / _VERSIONS / prefix, self.path(prefix)):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()

    def _note(self, name: str) -> Path:
        return self.folder / _VERSIONS / f"{name}.json"

    def _stamp(self, name: str) -> list[int]:
        status = self.path(name).stat()
        return [status.st_ino, status.st_size, status.st_mtime_ns]
