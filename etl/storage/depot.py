"""What a shared folder promises, wherever it is; `open_depot` opens one by its location."""

from pathlib import Path
from typing import Protocol

from etl.storage.local import LocalDepot
from etl.storage.remote import RemoteDepot
from etl.storage.stores import is_uri, local_path


class Depot(Protocol):
    """A folder by its location. It can be pickled, opened anywhere and used from many threads.

    A name is a relative path with `/`, such as `plans/0123/plan.json`; another one is a `ValueError`. What
    goes wrong with the place itself is a `UsageError` where the job or the permissions must change, and a
    `LaterError` where the place can't be reached now.
    """

    @property
    def location(self) -> str:
        """Return how people know it, without options and credentials."""

    def fetch(self, name: str) -> Path:
        """Return a path of this machine with the present content of a file; it is read only.

        A remote file is downloaded unless this machine has this very version already.

        Raises:
            FileNotFoundError: there is no such file.
        """

    def publish(self, local: Path, name: str) -> None:
        """Make a file of this machine visible under a name: whole or not at all, replacing what was there.

        The local file stays, and must not change any more. When this returns, the content is durable.

        Raises:
            OSError: the local file can't be read.
        """

    def exists(self, name: str) -> bool:
        """Return whether there is a file of that name."""

    def names(self, prefix: str) -> list[str]:
        """Return the names of all files in the folder `prefix` and below it, sorted; "" is all."""

    def remove(self, prefix: str) -> None:
        """Remove the file, or the folder with all that is in it; nothing there is fine."""


def open_depot(location: str, *, cache: Path) -> Depot:
    """Return the depot at a path, a `file://` URI, or a URI that `pyarrow.fs` knows.

    `cache` is the folder of this machine for copies of remote files; it is made, private, when it is needed.
    Nothing is asked yet: a place that is not there shows when it is used.

    Raises:
        UsageError: no such kind of place.
    """
    if not is_uri(location):
        return LocalDepot(folder=Path(location))
    if location.lower().startswith("file://"):
        return LocalDepot(folder=Path(local_path(location)))
    return RemoteDepot.of(location, cache=cache)
