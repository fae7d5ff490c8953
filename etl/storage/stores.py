"""Object stores by their URI, as `pyarrow.fs` knows them: `s3://`, `gs://`, `abfs://`."""

import os
import re
from functools import lru_cache
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import pyarrow as pa
from pyarrow import fs

from etl.errors import InputError

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
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
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
"""Variables by which other tools find a store that is not Amazon's, the stronger first; pyarrow does not."""
_UNREACHABLE: Final = frozenset({"NETWORK_CONNECTION", "UNAVAILABLE", "DEADLINE_EXCEEDED"})
_CODE: Final = re.compile(r"AWS Error ([A-Z_]+)|google::cloud::Status\(([A-Z_]+)|Azure Error: \[(\w+)\]")
_DENIED: Final = re.compile(r"HTTP status 40[13]\b")
_WORDS: Final = {
    "ACCESS_DENIED": "access denied: these credentials may not do that",
    "INVALID_ACCESS_KEY_ID": "the access key is unknown",
    "SIGNATURE_DOES_NOT_MATCH": "the secret key is wrong",
    "INVALID_SIGNATURE": "the secret key is wrong",
    "NO_SUCH_BUCKET": "there is no such bucket",
    "PERMISSION_DENIED": "access denied: these credentials may not do that",
    "AuthorizationFailure": "access denied: these credentials may not do that",
    "ContainerNotFound": "there is no such container",
    "UNAUTHENTICATED": "the credentials are not accepted",
    **dict.fromkeys(_UNREACHABLE, "the store can't be reached"),
}


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
        if kind in {"abfs", "abfss"} and parts.password:
            return _azure(parts)
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
    for name in _ENDPOINTS:
        if os.environ.get(name):
            options.setdefault("endpoint_override", os.environ[name])
    if "region" not in options and "endpoint_override" not in options:
        options["region"] = fs.resolve_s3_region(parts.netloc.rpartition("@")[2])
    return fs.S3FileSystem(
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_REQUEST_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
        **options,
    )


def _azure(parts: SplitResult) -> fs.FileSystem:
    """Return a store of Azure's by its account key, which `pyarrow` does not take from a URI."""
    options: dict[str, Any] = {"account_key": unquote(parts.password or "")}
    account, _, domain = (parts.hostname or "").partition(".")
    if not domain.endswith("core.windows.net"):
        account, authority = parts.username or "", parts.netloc.rpartition("@")[2]
        options |= {"blob_storage_authority": authority, "dfs_storage_authority": authority}
    if dict(parse_qsl(parts.query)).get("enable_tls") == "false":
        options |= {"blob_storage_scheme": "http", "dfs_storage_scheme": "http"}
    return fs.AzureFileSystem(account, **options)


def is_whole(uri: str) -> bool:
    """Return whether an object in such a store is visible only once it is whole.

    Azure's is not, by way of `pyarrow`: it empties the object before it writes the first byte.
    """
    return urlsplit(uri).scheme.lower() in _BUCKETS


def anonymous(root: str) -> str:
    """Return the URI of a store without credentials; of an Azure one with its container or account."""
    parts = urlsplit(root)
    user, _, host = parts.netloc.rpartition("@")
    kept = "" if parts.scheme.lower() in _BUCKETS or not user else f"{user.partition(':')[0]}@"
    return urlunsplit(parts._replace(netloc=f"{kept}{host}"))


def is_nothing(error: OSError) -> bool:
    """Return whether a listing failed only because there is nothing yet, in a bucket that is there.

    A bucket that is not there is a `FileNotFoundError` too where the store is Google's.
    """
    text = str(error)
    empty = isinstance(error, FileNotFoundError) or text.startswith("No such file or directory")
    return empty and "google::cloud" not in text


def is_refusal(error: Exception) -> bool:
    """Return whether an answer of the store stays the same until somebody changes something."""
    code = _code(str(error))
    return code is not None and code in _WORDS and code not in _UNREACHABLE


def reason(error: Exception) -> str:
    """Return why a place could not be read, in a few words and without its address."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if code := _code(str(error)):
        return _WORDS.get(code, code.lower().replace("_", " "))
    return "the store refused it or can't be reached" if isinstance(error, OSError) else type(error).__name__


def _code(text: str) -> str | None:
    """Return the word by which a store names its error; where that is unknown, the status may tell."""
    found = _CODE.search(text)
    code = found and next(filter(None, found.groups()))
    return "ACCESS_DENIED" if code not in _WORDS and _DENIED.search(text) else code


def local_path(uri: str) -> str:
    """Return the path that a `file://` URI names."""
    return unquote(urlsplit(uri).path)
