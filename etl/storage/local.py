"""A depot that is a folder of this machine, or one that all machines mount."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from etl.errors import UsageError
from etl.storage.files import PART, placed, sync
from etl.storage.names import checked

_COPIED_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDepot:
    """As `Depot` promises. Its files are read where they are."""

    folder: Path

    @property
    def location(self) -> str:
        """Return its path."""
        return str(self.folder)

    def fetch(self, name: str) -> Path:
        """Return where the file is.

        Raises:
            FileNotFoundError: there is no such file.
        """
        path = self.folder / checked(name)
        if not path.is_file():
            raise FileNotFoundError(name)
        return path

    def publish(self, local: Path, name: str) -> None:
        """Copy a file into its place, durably; one that lies there already is only made durable.

        Raises:
            OSError: the local file can't be read.
            UsageError: the folder can't be written.
        """
        path = self.folder / checked(name)
        with local.open("rb") as source, self._written():
            if path.exists() and path.samefile(local):
                sync(path)
                sync(path.parent)
                return
            with placed(path, durable=True) as sink:
                shutil.copyfileobj(source, sink, _COPIED_BYTES)

    def exists(self, name: str) -> bool:
        """Return whether there is a file of that name."""
        return (self.folder / checked(name)).is_file()

    def names(self, prefix: str) -> list[str]:
        """Return the names of all files below `prefix`, sorted; files that are being written are none."""
        above = self.folder / checked(prefix) if prefix else self.folder
        files = (path for path in above.rglob("*") if path.is_file() and not path.name.endswith(PART))
        return sorted(path.relative_to(self.folder).as_posix() for path in files)

    def remove(self, prefix: str) -> None:
        """Remove the file or folder.

        Raises:
            UsageError: something of it can't be removed.
        """
        path = self.folder / checked(prefix)
        with self._written(), suppress(FileNotFoundError):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UsageError(
                f"{self.folder} can't be written: {error.strerror or type(error).__name__}",
                hint="check the folder's permissions and the space on its disk",
            ) from error
