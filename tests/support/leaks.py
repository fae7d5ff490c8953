"""A scanner for what must appear in no file and no output: tokens and message texts."""

import gzip
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote_plus

import pyarrow.parquet as pq

TEXT_HOLDERS = ("messages.parquet", "messages-", "sandbox.sqlite", "history.csv")
"""The plan, the stand-in's own store and the test's input hold texts by design."""


def leaks(folder: Path, outputs: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """Return each place that holds one of the secrets, however it is written."""
    needles = _needles(secrets)
    found = [f"output {number}" for number, text in enumerate(outputs) if _holds(text.encode(), needles)]
    for path in sorted(folder.rglob("*")):
        holder = any(path.name.startswith(name) for name in TEXT_HOLDERS)
        if path.is_file() and not holder and _holds(_unpacked(path), needles):
            found.append(str(path.relative_to(folder)))
    return found


def in_command_lines(secrets: Iterable[str]) -> list[str]:
    """Return each running process whose arguments, which everybody can read, hold one of the secrets."""
    needles = _needles(secrets)
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if _holds(path.read_bytes(), needles):
                found.append(path.parent.name)
    return found


def loose_modes(folder: Path) -> list[str]:
    """Return each file below a folder that others than its owner can read."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)) for path in sorted(paths) if path.stat().st_mode & 0o077]


def _unpacked(path: Path) -> bytes:
    """Return a file's octets, and after them what they hold where they are compressed."""
    data = path.read_bytes()
    if data.startswith(b"\x1f\x8b"):
        return data + gzip.decompress(data)
    if data.startswith(b"PAR1") and data.endswith(b"PAR1"):
        return data + repr(pq.read_table(path).to_pydict()).encode()
    return data


def _needles(secrets: Iterable[str]) -> set[bytes]:
    """Return the secrets as they may be written: UTF-8, UTF-16, hex, base64 at any offset, in a URL."""
    needles = set()
    for secret in secrets:
        data = secret.encode()
        needles |= {data, secret.encode("utf-16-le"), data.hex().encode(), data.hex().upper().encode()}
        needles.add(quote_plus(secret).encode())
        # Without its ends, whose letters depend on the neighbours.
        needles |= {b64encode(b" " * shift + data)[4:-4] for shift in range(3)}
    return needles


def _holds(data: bytes, needles: Iterable[bytes]) -> bool:
    return any(needle in data for needle in needles)
