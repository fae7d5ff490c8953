"""Copies of remote files on this machine, each with the version that it is of."""

import json
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
        return self._noted(name) == version

    def noted(self, name: str) -> bool:
        """Return whether the file is as it came from there, or as it went there."""
        return self._noted(name) is not None

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
        """Remove the copy of a file, or all copies below a folder; what is no copy stays."""
        notes = [self._note(prefix), *(self.folder / _VERSIONS / prefix).rglob("*.json")]
        for note in notes:
            name = note.relative_to(self.folder / _VERSIONS).as_posix().removesuffix(".json")
            with suppress(OSError):
                if self.noted(name):
                    self.path(name).unlink()
                note.unlink()

    def _noted(self, name: str) -> str | None:
        try:
            version, *stamp = json.loads(self._note(name).read_bytes())
            return str(version) if stamp == self._stamp(name) else None
        except (OSError, ValueError, TypeError):
            return None

    def _note(self, name: str) -> Path:
        return self.folder / _VERSIONS / f"{name}.json"

    def _stamp(self, name: str) -> list[int]:
        status = self.path(name).stat()
        return [status.st_ino, status.st_size, status.st_mtime_ns]
