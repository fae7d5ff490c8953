"""Which files a job means, what they are and what identifies their content."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from glob import glob, has_magic
from pathlib import Path

import pyarrow as pa

from etl.errors import InputError
from etl.source.digest import FileDigest, pieces
from etl.source.formats import Compression, Format, compression_of, foreign, format_of, is_nothing
from etl.source.partitions import Partitions, partitions_of
from etl.source.places import Place, shown
from etl.source.remote import named_remote
from etl.source.suffixes import SUFFIXES, is_data, is_hidden
from etl.storage.stores import is_uri, local_path, reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file to be read."""

    place: Place
    label: str
    """How people know it: the path as given, without options and credentials."""
    size: int
    digest: str
    """64 hex digits, of its bytes; where folders of its path are `key=value`, of these as well."""
    format: Format
    """By its first bytes, unpacked; `[input] format` may overrule it."""
    compression: Compression
    partitions: Partitions = ()
    row_groups: tuple[int, int] | None = None
    """Of a Parquet file only the row groups from the first number up to the second, that one excluded."""


def _silent(_: str) -> None:
    """Tell nobody."""


def discover(
    patterns: Sequence[str], *, base: Path, pass_over: Callable[[str], None] = _silent
) -> tuple[SourceFile, ...]:
    """Return the files that `patterns` mean, each once, sorted by label.

    A pattern is a file, a folder (searched through, hidden and `_` names left out, only `SUFFIXES`) or a
    glob pattern, relative to `base` or a URI. A file that exists under the very name is never taken as a
    pattern. `pass_over` is told the label of each other file in a folder.

    Raises:
        InputError: one message with everything that is wrong: nothing matches, unreadable, empty, or of a
            kind that can't be read.
    """
    problems: list[str] = []
    found: dict[str, Place] = {}
    for pattern in patterns:
        for label, place in _matches(pattern, base, problems, pass_over):
            found.setdefault(label, place)
    files = _identify_all(found, problems)
    if problems:
        raise InputError(
            "\n".join(problems),
            hint="correct `[input] files` or the file names on the command line; nothing was read",
        )
    return tuple(files)


def listed(patterns: Sequence[str], *, base: Path) -> dict[str, int]:
    """Return label -> bytes of the files that `discover` would read, without opening them.

    Raises:
        InputError: one message with everything that is wrong so far.
    """
    problems: list[str] = []
    sizes: dict[str, int] = {}
    for pattern in patterns:
        for label, place in _matches(pattern, base, problems, _silent):
            try:
                sizes[label] = place.size()
            except (OSError, RuntimeError, ValueError, pa.ArrowException) as error:
                problems.append(f"{label}: can't be read ({reason(error)})")
    if problems:
        raise InputError("\n".join(problems), hint="correct `[input] files`, or put the export there")
    return sizes


def _identify_all(found: dict[str, Place], problems: list[str]) -> list[SourceFile]:
    """Return each real file once, under the first of its labels."""
    files: dict[Place, SourceFile | None] = {}
    for label, place in sorted(found.items()):
        try:
            real = place if place.remote else Place(path=str(Path(place.path).resolve(strict=True)))
            if real not in files:
                files[real] = None
                files[real] = _identify(real, label, partitions_of(place.path))
        except InputError as error:
            problems.append(error.message)
        except (OSError, RuntimeError, ValueError, pa.ArrowException) as error:
            problems.append(f"{label}: can't be read ({reason(error)})")
    return [file for file in files.values() if file is not None]


def _matches(
    pattern: str, base: Path, problems: list[str], pass_over: Callable[[str], None]
) -> Iterator[tuple[str, Place]]:
    """Yield label and place of everything that `pattern` means; say so when that is nothing."""
    if is_uri(pattern) and not pattern.lower().startswith("file://"):
        yield from named_remote(pattern, problems, pass_over)
        return
    pattern = local_path(pattern) if is_uri(pattern) else pattern
    count = 0
    for label, path in _named(pattern, base):
        inner = _walk(label, path, frozenset(), problems) if Path(path).is_dir() else [(label, path)]
        for name, inner_path in inner:
            if inner_path is None:
                pass_over(name)
                continue
            count += 1
            yield name, Place(path=os.path.abspath(inner_path))  # noqa: PTH100  links are resolved later
    if not count:
        problems.append(f"{shown(pattern)}: {_nothing(pattern, base)}")


def _nothing(pattern: str, base: Path) -> str:
    if has_magic(pattern) and not os.path.lexists(base / pattern):
        return "no file matches"
    if pattern and "\0" not in pattern and (base / pattern).is_dir():
        return f"the folder has no data files ({', '.join(SUFFIXES)}, each also with .gz, .zst or .bz2)"
    return "there is no such file"


def _named(pattern: str, base: Path) -> Iterator[tuple[str, str]]:
    path = base / pattern
    if not pattern or "\0" in pattern:
        return
    if os.path.lexists(path):
        yield shown(pattern), str(path)
    elif has_magic(pattern):
        for match in sorted(glob(pattern, root_dir=base, recursive=True)):  # noqa: PTH207  Path.glob takes no absolute pattern
            if not is_hidden(Path(match).name):
                yield shown(match), str(base / match)


def _walk(
    label: str, folder: str, above: frozenset[str], problems: list[str]
) -> Iterator[tuple[str, str | None]]:
    """Yield the data files below `folder`, and without a path all others.

    Hidden folders are one name; a link back to a folder above is not followed.
    """
    real = os.path.realpath(folder)
    if real in above:
        return
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError as error:
        problems.append(f"{label}: the folder can't be read ({reason(error)})")
        return
    for name in names:
        path = str(Path(folder) / name)
        inner = f"{label.rstrip('/')}/{shown(name)}"
        if not is_hidden(name) and Path(path).is_dir():
            yield from _walk(inner, path, above | {real}, problems)
        else:
            yield inner, path if is_data(name) and not is_hidden(name) else None


def _identify(place: Place, label: str, partitions: Partitions) -> SourceFile:
    place.size()
    size = 0
    head = b""
    with FileDigest() as digest, place.open() as stream:
        for piece in pieces(stream):
            if not size:
                head = piece
                _refuse_foreign(head, label)
            digest.update(piece)
            size += len(piece)
    if is_nothing(head):
        raise InputError(f"{label}: is empty")
    compression = compression_of(head)
    return SourceFile(
        place=place,
        label=label,
        size=size,
        digest=digest.hexdigest(repr(partitions).encode() if partitions else b""),
        format=format_of(head, compression),
        compression=compression,
        partitions=partitions,
    )


def _refuse_foreign(head: bytes, label: str) -> None:
    if found := foreign(head):
        kind, remedy = found
        raise InputError(f"{label}: is {kind}, which can't be read: {remedy}")
