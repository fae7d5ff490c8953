"""The setting `state`: a folder of this machine, or a place in an object store with a scratch folder here."""

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_IRWXG, S_IRWXO, S_ISDIR
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit, urlunsplit

from etl.errors import UsageError

_OTHERS: Final = S_IRWXG | S_IRWXO
_BUCKETS: Final = frozenset({"s3", "gs", "gcs"})
"""Schemes in which a bucket follows the credentials, if there are any."""
_URI: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where ledgers, plans and reports are kept."""

    folder: Path
    """On this machine: the very place, or scratch, whose loss costs nothing but time."""
    uri: str | None = field(default=None, repr=False)
    """The place where that is no path. May hold credentials."""

    def __str__(self) -> str:
        """Return how people know it, without options and credentials."""
        return str(self.folder) if self.uri is None else told(self.uri)

    def below(self, name: str) -> "State":
        """Return a folder in it."""
        if self.uri is None:
            return State(folder=self.folder / name)
        parts = urlsplit(self.uri)
        inner = parts._replace(path=f"{parts.path.rstrip('/')}/{quote(name)}")
        return State(folder=self.folder / name, uri=urlunsplit(inner))

    def shown(self, path: Path) -> str:
        """Return how people know a path in the folder; of scratch that is where others find it."""
        if self.uri is None or not path.is_relative_to(self.folder):
            return str(path)
        return f"{told(self.uri)}/{path.relative_to(self.folder).as_posix()}"


def is_location(text: str) -> bool:
    """Return whether a setting names a place by a scheme, and not as a path."""
    return _URI.match(text) is not None and not text.lower().startswith("file://")


def told(uri: str) -> str:
    """Return a URI as people know it, without options and credentials."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{_place(parts)}{unquote(parts.path)}".rstrip("/")


def state_problems(text: str, *, ledger: str | None) -> list[str]:
    """Return what is wrong with the setting, given that of the ledger. Pure."""
    if not is_location(text) or ledger is not None:
        return []
    why = f"state = {told(text)} needs a ledger in PostgreSQL, since a file can't be one in an object store"
    return [f'{why}: set ledger = "postgresql://…", or a folder as `state`']


def local(text: str) -> Path:
    """Return the path that a setting names, as it is or as `file://` URI."""
    return Path(unquote(urlsplit(text).path) if _URI.match(text) else text)


def scratch(uri: str, environ: Mapping[str, str]) -> Path:
    """Return this machine's folder for what is kept at a URI.

    It is `etl/<digest>` in $XDG_CACHE_HOME or ~/.cache; for an account without a home `etl-<user>/<digest>`
    in the folder of temporary files.
    """
    parts = urlsplit(uri)
    anonymous = urlunsplit(parts._replace(netloc=_place(parts)))
    digest = hashlib.blake2b(anonymous.encode(), digest_size=8).hexdigest()
    cache, home = Path(environ.get("XDG_CACHE_HOME", "")), Path(environ.get("HOME", ""))
    if cache.is_absolute():
        return cache / "etl" / digest
    if home.is_absolute() and home.is_dir():
        return home / ".cache" / "etl" / digest
    return Path(tempfile.gettempdir()) / f"etl-{os.getuid()}" / digest


def _place(parts: SplitResult) -> str:
    """Return bucket or host; before a host of Azure's stands its container or account, which is no secret."""
    user, _, host = parts.netloc.rpartition("@")
    return host if parts.scheme.lower() in _BUCKETS or not user else f"{user.partition(':')[0]}@{host}"


def make_scratch(folder: Path) -> None:
    """Make a folder in scratch, and scratch itself, for nobody but its owner.

    Raises:
        OSError: one can't be made.
        UsageError: one is somebody else's, or open to others.
    """
    outer, inner = folder.parents[1], folder.parent
    outer.parent.mkdir(parents=True, exist_ok=True)
    for one in (outer, inner, folder):
        one.mkdir(mode=0o700, exist_ok=True)
        status = one.lstat()
        if not S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & _OTHERS:
            raise UsageError(
                f"{one} is to hold messages and is not a folder of yours alone",
                hint=f"chmod 700 {one}, if it is yours; or set XDG_CACHE_HOME to a folder of your own",
            )
