"""Where files are: this machine, or an object store that `pyarrow.fs` knows (`s3://`, `gs://`, `abfs://`)."""

import os
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import Any, BinaryIO, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import pyarrow as pa
from pyarrow import fs

from etl.errors import InputError

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_AHEAD: Final = 8 << 20
"""Bytes of a remote read: each is a request."""
_CONNECT_SECONDS: Final = 5.0
_REQUEST_SECONDS: Final = 30.0
_ATTEMPTS: Final = 3
_GOOGLE_RETRY_SECONDS: Final = "5"
"""Instead of a quarter of an hour."""
_BUCKETS: Final = frozenset({"s3", "gs", "gcs"})
"""Schemes whose path begins with the bucket; it may be a pattern, which no URI parser takes."""
_S3_OPTIONS: Final = frozenset(
    {"region", "scheme", "endpoint_override", "anonymous", "force_virtual_addressing", "tls_ca_file_path"}
)
_WORDS: Final = {
    "ACCESS_DENIED": "access denied: these credentials may not read it",
    "INVALID_ACCESS_KEY_ID": "the access key is unknown",
    "SIGNATURE_DOES_NOT_MATCH": "the secret key is wrong",
    "INVALID_SIGNATURE": "the secret key is wrong",
    "NO_SUCH_BUCKET": "there is no such bucket",
    "NETWORK_CONNECTION": "the store can't be reached",
}


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


def is_uri(pattern: str) -> bool:
    """Return whether `pattern` names a place by a scheme, as `s3://bucket/folder`."""
    return _SCHEME.match(pattern) is not None


def split_uri(uri: str) -> tuple[str, str, str]:
    """Return the URI of the store, the path in it, and what people see: no options, no credentials."""
    parts = urlsplit(uri)
    if parts.scheme.lower() in _BUCKETS:
        path = unquote(f"{parts.netloc.rpartition('@')[2]}{parts.path}").rstrip("/")
    else:
        path = _known(uri)[1]
    root = urlunsplit(parts._replace(path="", fragment=""))
    return root, path, f"{parts.scheme}://{path}"


@lru_cache(maxsize=16)
def filesystem(root: str) -> fs.FileSystem:
    """Return the store that `root` names.

    Raises:
        InputError: no such kind of place, or an option that it does not know.
        OSError: it can't be reached.
    """
    parts = urlsplit(root)
    kind = parts.scheme.lower()
    try:
        if kind == "s3":
            return _s3(parts)
        if kind in {"gs", "gcs"}:
            options = {"retry_limit_seconds": _GOOGLE_RETRY_SECONDS, **dict(parse_qsl(parts.query))}
            parts = parts._replace(query=urlencode(options))
    except (ValueError, TypeError) as error:
        raise _no_place(parts) from error
    return _known(urlunsplit(parts._replace(path="/")))[0]


def _known(uri: str) -> tuple[fs.FileSystem, str]:
    """Return what `pyarrow` makes of a URI: the store and the path in it."""
    try:
        store, path = fs.FileSystem.from_uri(uri)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise _no_place(urlsplit(uri)) from error
    return store, path


def _no_place(parts: SplitResult) -> InputError:
    return InputError(
        f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}: is no place that can be read",
        hint="places are local paths, file://, s3://, gs:// and what else `pyarrow.fs` knows, with options "
        "such as ?region=eu-west-1 or ?endpoint_override=http://127.0.0.1:9000",
    )


def _s3(parts: SplitResult) -> fs.FileSystem:
    options: dict[str, Any] = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := options.keys() - _S3_OPTIONS:
        raise InputError(
            f"s3://{parts.netloc.rpartition('@')[2]}: unknown option {', '.join(sorted(unknown))}",
            hint=f"known are {', '.join(sorted(_S3_OPTIONS))}",
        )
    for name in ("anonymous", "force_virtual_addressing"):
        if name in options:
            options[name] = options[name].lower() == "true"
    if parts.username:
        options["access_key"], options["secret_key"] = unquote(parts.username), unquote(parts.password or "")
    if "region" not in options and "endpoint_override" not in options:
        options["region"] = fs.resolve_s3_region(parts.netloc.rpartition("@")[2])
    return fs.S3FileSystem(
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_REQUEST_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        **options,
    )


def reason(error: Exception) -> str:
    """Return why a place could not be read, in a few words and without its address."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error)
    if found := re.search(r"AWS Error ([A-Z_]+)", text):
        status = re.search(r"HTTP status (\d+)", text)
        denied = "ACCESS_DENIED" if status and status[1] in {"401", "403"} else found[1]
        return _WORDS.get(found[1], _WORDS.get(denied, found[1].lower().replace("_", " ")))
    return "the store refused it or can't be reached" if isinstance(error, OSError) else type(error).__name__


def local_path(uri: str) -> str:
    """Return the path that a `file://` URI names."""
    return unquote(urlsplit(uri).path)


def shown(path: str) -> str:
    """Return a name that fits into Arrow, SQL and one line of a report, whatever its bytes are."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
