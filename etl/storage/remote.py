"""A depot in an object store."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self, TypeVar

import pyarrow as pa
from pyarrow import fs

from etl.errors import EtlError, InputError, LaterError, UsageError
from etl.storage.cache import Cache
from etl.storage.files import placed, sweep
from etl.storage.names import checked, is_name
from etl.storage.stores import anonymous, filesystem, is_nothing, is_refusal, is_whole, reason, split_uri

Result = TypeVar("Result")

_AHEAD: Final = 8 << 20
"""Bytes of a read: each is a request."""
_CORRECT: Final = "correct the location, or what its credentials may do there"
_ROUNDS: Final = 3
"""Downloads of a file that is replaced meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteDepot:
    """As `Depot` promises. Only whole objects are ever visible there, and only whole copies here."""

    root: str = field(repr=False)
    """The URI of its store, with options. May hold credentials."""
    base: str
    """Its path there, beginning with the bucket."""
    location: str
    cache: Cache

    @classmethod
    def of(cls, uri: str, *, cache: Path) -> Self:
        """Return the depot at a URI; `cache` may be shared with other depots, at the price of fetching again.

        Raises:
            UsageError: no such kind of place.
        """
        if not is_whole(uri):
            raise UsageError(
                f"nothing can be kept at {uri.partition('://')[0]}://, where others may see half a file",
                hint="name a place at s3:// or gs://, or a folder",
            )
        try:
            root, base, location = split_uri(uri)
        except InputError as error:
            raise UsageError(error.message, hint=error.hint) from error
        return cls(root=root, base=base, location=location, cache=Cache(folder=cache))

    def fetch(self, name: str) -> Path:
        """Return the present content of a file; each version is downloaded once.

        Raises:
            FileNotFoundError: there is no such file.
            LaterError: it can't be read now, or is replaced again and again.
            UsageError: it may not be read, or this machine has no room for it.
        """
        version = self._version(checked(name))
        for _ in range(_ROUNDS):
            if self.cache.holds(name, version):
                return self.cache.path(name)
            self._download(name)
            # Its ranges are requests of their own: of a file that was replaced meanwhile they would be a mix.
            after = self._version(name)
            if after == version:
                with self._kept():
                    self.cache.stamp(name, version)
                return self.cache.path(name)
            version = after
        raise self._restless(name)

    def reach(self) -> None:
        """Make sure that there is such a store and bucket, and that it answers.

        Raises:
            LaterError: it does not answer.
            UsageError: there is none, or the credentials do not fit.
        """
        # Not by asking for the bucket: credentials for a prefix may not do that.
        with self._asked():
            try:
                filesystem(self.root).get_file_info(fs.FileSelector(self.base))
            except OSError as error:
                if is_nothing(error):
                    return
                if isinstance(error, FileNotFoundError):
                    raise self._no_bucket() from error
                raise

    def read(self, name: str) -> bytes:
        """Return the present content of a small file, without keeping it.

        Raises:
            FileNotFoundError: there is no such file.
            LaterError: it can't be read now.
            UsageError: it may not be read.
        """
        return b"".join(self._pieces(checked(name)))

    def scan(self, name: str, look: Callable[[pa.NativeFile], Result]) -> Result:
        """Return what `look` finds in one version of a file; only what it reads is transferred.

        Where the file is replaced meanwhile it is called again.

        Raises:
            FileNotFoundError: there is no such file.
            LaterError: it can't be read now, or is replaced again and again.
            UsageError: it may not be read.
        """
        version = self._version(checked(name))
        for _ in range(_ROUNDS):
            with self._asked(), filesystem(self.root).open_input_file(self._path(name)) as file:
                found = look(file)
            after = self._version(name)
            if after == version:
                return found
            version = after
        raise self._restless(name)

    def publish(self, local: Path, name: str) -> None:
        """Upload a file, unless it is a copy of what is there; it is visible once it is whole.

        Raises:
            OSError: the local file can't be read.
            LaterError: it can't be written now; what was there before stays.
            UsageError: it may not be written.
        """
        path = self._path(checked(name))
        mirrored = local == self.cache.path(name)
        if mirrored and self._is_current(name):
            return
        size = local.stat().st_size
        # One write of the whole file, and in a thread that no signal interrupts: pyarrow has no way to abort
        # an upload, and closing one that was cut (arrow issue 40502) would publish what came before.
        data = pa.memory_map(str(local)).read_buffer() if size else pa.py_buffer(b"")
        try:
            with self._asked(), ThreadPoolExecutor(max_workers=1) as beside:
                beside.submit(_upload, filesystem(self.root), path, data).result()
        except FileNotFoundError as error:
            raise self._no_bucket() from error
        if mirrored:
            with self._kept(), suppress(FileNotFoundError):
                version = self._version(name)
                if version.endswith(f" {size}"):  # else somebody has replaced it already
                    self.cache.stamp(name, version)

    def exists(self, name: str) -> bool:
        """Return whether there is a file of that name."""
        path = self._path(checked(name))
        with self._asked():
            info = filesystem(self.root).get_file_info([path])[0]
        return bool(info.type is fs.FileType.File)

    def names(self, prefix: str) -> list[str]:
        """Return the names of all files below `prefix`, sorted; keys that no path can have are none."""
        return sorted(self.changes(prefix))

    def changes(self, prefix: str) -> dict[str, int]:
        """Return those names, each with the time of its last change in nanoseconds since 1970 UTC.

        Raises:
            LaterError: they can't be listed now.
            UsageError: they may not be listed, or there is no such bucket.
        """
        above = self._path(checked(prefix)) if prefix else self.base
        selector = fs.FileSelector(above, recursive=True, allow_not_found=True)
        with self._asked():
            found = filesystem(self.root).get_file_info(selector)
        if not found:
            self.reach()
        files = (info for info in found if info.type is fs.FileType.File)
        names = {info.path.removeprefix(f"{self.base}/"): info.mtime_ns for info in files}
        return {name: changed_ns for name, changed_ns in names.items() if is_name(name)}

    def remove(self, prefix: str) -> None:
        """Remove the file or folder, here and there."""
        self.withdraw(prefix)
        self.cache.drop(prefix)

    def withdraw(self, prefix: str) -> None:
        """Remove the file or folder there; copies stay."""
        path = self._path(checked(prefix))
        with self._asked():
            store = filesystem(self.root)
            kind = store.get_file_info([path])[0].type
            try:
                if kind is fs.FileType.File:
                    store.delete_file(path)
                elif kind is fs.FileType.Directory:
                    store.delete_dir(path)
            except FileNotFoundError:
                pass  # somebody else was faster

    def _is_current(self, name: str) -> bool:
        if not self.cache.noted(name):
            return False
        try:
            return self.cache.holds(name, self._version(name))
        except FileNotFoundError:
            return False

    def _path(self, name: str) -> str:
        return f"{self.base}/{name}"

    def _version(self, name: str) -> str:
        """Return what tells two contents of a file apart."""
        with self._asked():
            store = filesystem(self.root)
            with store.open_input_file(self._path(name)) as file:
                tag, size = (file.metadata() or {}).get("ETag"), file.size()
            mark = tag.decode() if tag else store.get_file_info([self._path(name)])[0].mtime_ns
        return f"{anonymous(self.root)} {self.base} {mark} {size}"

    def _download(self, name: str) -> None:
        path = self.cache.path(name)
        sweep(path)
        with self._kept(), placed(path, durable=False) as sink:
            for piece in self._pieces(name):
                sink.write(piece)

    def _pieces(self, name: str) -> Iterator[bytes]:
        with self._asked():
            stream = filesystem(self.root).open_input_stream(self._path(name), compression=None)
        with stream:
            while True:
                with self._asked():
                    piece = stream.read(_AHEAD)
                if not piece:
                    return
                yield piece

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Turn what the store answers into what a person can do."""
        try:
            yield
        except FileNotFoundError:
            raise
        except InputError as error:
            raise UsageError(error.message, hint=error.hint) from error
        except (OSError, pa.ArrowException) as error:
            raise self._fault(error) from error

    @contextmanager
    def _kept(self) -> Iterator[None]:
        """Turn what this machine's disk says into what a person can do."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise UsageError(
                f"{self.cache.folder}: copies of {self.location} can't be kept there: "
                f"{error.strerror or type(error).__name__}",
                hint="make room, or set XDG_CACHE_HOME to a folder on a larger disk",
            ) from error

    def _restless(self, name: str) -> LaterError:
        return LaterError(
            f"{self.location}/{name} changes faster than it can be read", hint="try again later"
        )

    def _no_bucket(self) -> UsageError:
        return UsageError(f"{self.location} can't be used: there is no such bucket", hint=_CORRECT)

    def _fault(self, error: Exception) -> EtlError:
        text = f"{self.location} can't be used: {reason(error)}"
        if is_refusal(error):
            return UsageError(text, hint=_CORRECT)
        return LaterError(text, hint="look at the network and the store, then run the same command again")


def _upload(store: fs.FileSystem, path: str, data: pa.Buffer) -> None:
    stream = store.open_output_stream(path, compression=None)
    try:
        stream.write(data)
    finally:
        stream.close()
