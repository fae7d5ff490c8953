"""Which files a job means, what they are and what identifies their content."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG
from typing import Final, Literal

from etl.errors import InputError

SUFFIXES: Final = (".csv", ".tsv", ".txt", ".parquet")
"""What a folder is searched for, each also with `.gz` behind it. A file named by itself needs none."""

_BOMS: Final = frozenset({b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0", b"\0\0\xfe\xff"})
_FOREIGN: Final = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook (.xlsx)", "unpack it, or save the sheet as CSV"),
    (b"PK\x05\x06", "an empty zip archive", "export it again"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "save the sheet as CSV (UTF-8)"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it with `zstd -d`, or compress it with gzip"),
    (b"BZh", "compressed with bzip2", "unpack it with `bunzip2`, or compress it with gzip"),
)
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file to be read."""

    path: Path
    """Where it really is, symbolic links resolved."""
    label: str
    """How people know it: the path as given."""
    size: int
    digest: str
    """BLAKE2b-256 of its bytes, hex."""
    format: Literal["csv", "parquet"]
    """By its first bytes, whatever its name; gzip counts as csv."""


def discover(patterns: Sequence[str], *, base: Path) -> tuple[SourceFile, ...]:
    """Return the files that `patterns` mean, each once, sorted by label.

    A pattern is a file, a folder (searched through, hidden and `_` names left out, only `SUFFIXES`) or a
    glob pattern, relative to `base`. A file that exists under the very name is never taken as a pattern.

    Raises:
        InputError: one message with everything that is wrong: nothing matches, unreadable, empty, or of a
            kind that can't be read.
    """
    problems: list[str] = []
    found: dict[str, str] = {}
    for pattern in patterns:
        for label, path in _matches(pattern, base, problems):
            found.setdefault(label, path)
    files = _identify_all(found, problems)
    if problems:
        raise InputError(
            "\n".join(problems),
            hint="correct `[input] files` or the file names on the command line; nothing was read",
        )
    return tuple(files)


def _identify_all(found: dict[str, str], problems: list[str]) -> list[SourceFile]:
    """Return each real file once, under the first of its labels."""
    files: dict[Path, SourceFile | None] = {}
    for label, path in sorted(found.items()):
        try:
            real = Path(path).resolve(strict=True)
            if real not in files:
                files[real] = None
                files[real] = _identify(real, label)
        except InputError as error:
            problems.append(error.message)
        except (OSError, RuntimeError, ValueError) as error:
            problems.append(f"{label}: can't be read ({_reason(error)})")
    return [file for file in files.values() if file is not None]


def _matches(pattern: str, base: Path, problems: list[str]) -> Iterator[tuple[str, str]]:
    """Yield label and path of everything that `pattern` means; say so when that is nothing."""
    count = 0
    for label, path in _named(pattern, base):
        if Path(path).is_dir():
            for inner, inner_path in _walk(label, path, frozenset(), problems):
                count += 1
                yield inner, inner_path
        else:
            count += 1
            yield label, path
    if count:
        return
    shown = _shown(pattern)
    if has_magic(pattern) and not os.path.lexists(base / pattern):
        problems.append(f"{shown}: no file matches")
    elif (base / pattern).is_dir():
        wanted = ", ".join(SUFFIXES)
        problems.append(f"{shown}: the folder has no data files ({wanted}, each also with .gz)")
    else:
        problems.append(f"{shown}: there is no such file")


def _named(pattern: str, base: Path) -> Iterator[tuple[str, str]]:
    path = base / pattern
    if not pattern or "\0" in pattern:
        return
    if os.path.lexists(path):
        yield _shown(pattern), str(path)
    elif has_magic(pattern):
        for match in sorted(glob(pattern, root_dir=base, recursive=True)):  # noqa: PTH207  Path.glob takes no absolute pattern
            if not Path(match).name.startswith((".", "_")):
                yield _shown(match), str(base / match)


def _walk(label: str, folder: str, above: frozenset[str], problems: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the data files below `folder`; a link back to a folder above is not followed."""
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError as error:
        problems.append(f"{label}: the folder can't be read ({_reason(error)})")
        return
    for name in names:
        if name.startswith((".", "_")):
            continue
        path = str(Path(folder) / name)
        inner = f"{label.rstrip('/')}/{_shown(name)}"
        if Path(path).is_dir():
            yield from _walk(inner, path, above | {real}, problems)
        elif name.lower().removesuffix(".gz").endswith(SUFFIXES):
            yield inner, path


def _identify(path: Path, label: str) -> SourceFile:
    status = path.stat()
    if not S_ISREG(status.st_mode):
        raise InputError(f"{label}: is not a regular file")
    digest = blake2b(digest_size=32)
    size = 0
    head = b""
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            head = head or piece[:8]
            if not size:
                _refuse_foreign(head, label)
            digest.update(piece)
            size += len(piece)
    if size == 0 or (size == len(head) and head in _BOMS):
        raise InputError(f"{label}: is empty")
    kind: Literal["csv", "parquet"] = "parquet" if head.startswith(b"PAR1") else "csv"
    return SourceFile(path=path, label=label, size=size, digest=digest.hexdigest(), format=kind)


def _refuse_foreign(head: bytes, label: str) -> None:
    for magic, kind, remedy in _FOREIGN:
        if head.startswith(magic):
            raise InputError(f"{label}: is {kind}, which can't be read: {remedy}")


def _shown(path: str) -> str:
    # A name that is no UTF-8 must still fit into Arrow, SQL and reports.
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
