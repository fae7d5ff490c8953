"""Files in an object store: one by name, a folder, or a glob pattern."""

from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from glob import has_magic

import pyarrow as pa
from pyarrow import fs

from etl.errors import InputError
from etl.source.places import Place, shown
from etl.source.suffixes import is_data, is_hidden
from etl.storage.stores import filesystem, reason, split_uri


def named_remote(
    uri: str, problems: list[str], pass_over: Callable[[str], None]
) -> Iterator[tuple[str, Place]]:
    """Yield label and place of every file that a URI means; say so when there is none or no access.

    `pass_over` is told each other file below a folder.
    """
    label = uri.partition("://")[0] + "://"
    try:
        root, path, label = split_uri(uri)
        store = filesystem(root)
        paths = sorted(_files(store, path, pass_over))
        if not paths:
            problems.append(f"{label}: {_nothing(store, path)}")
    except InputError as error:
        problems.append("\n".join(filter(None, (error.message, error.hint))))
    except (OSError, pa.ArrowException) as error:
        problems.append(f"{label}: can't be read ({reason(error)})")
    else:
        scheme = label.partition("://")[0]
        yield from ((shown(f"{scheme}://{found}"), Place(root=root, path=found)) for found in paths)


def _files(store: fs.FileSystem, path: str, pass_over: Callable[[str], None]) -> Iterator[str]:
    info = store.get_file_info([path])[0]
    if info.type is fs.FileType.File:
        yield path
    elif info.type is fs.FileType.Directory:
        yield from _below(store, path, pass_over)
    elif has_magic(path):
        yield from _matching(store, path.split("/"), pass_over)


def _below(store: fs.FileSystem, folder: str, pass_over: Callable[[str], None]) -> Iterator[str]:
    """Yield the data files below a folder."""
    for info in store.get_file_info(fs.FileSelector(folder, recursive=True)):
        inner = info.path.removeprefix(folder).strip("/").split("/")
        if info.type is not fs.FileType.File:
            continue
        if is_data(inner[-1]) and not any(map(is_hidden, inner)):
            yield info.path
        else:
            pass_over(shown(info.path))


def _matching(store: fs.FileSystem, parts: Sequence[str], pass_over: Callable[[str], None]) -> Iterator[str]:
    fixed = next(number for number, part in enumerate(parts) if has_magic(part))
    folder, pattern = "/".join(parts[:fixed]), parts[fixed:]
    selector = fs.FileSelector(folder, recursive=len(pattern) > 1, allow_not_found=True)
    for info in store.get_file_info(selector):
        names = info.path.removeprefix(folder).strip("/").split("/")
        if any(map(is_hidden, names)) or not _fits(names, pattern):
            continue
        if info.type is fs.FileType.Directory and "**" not in pattern:
            yield from _below(store, info.path, pass_over)
        elif info.type is fs.FileType.File:
            yield info.path


def _fits(names: Sequence[str], pattern: Sequence[str]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return _fits(names, pattern[1:]) or (bool(names) and _fits(names[1:], pattern))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and _fits(names[1:], pattern[1:])


def _nothing(store: fs.FileSystem, path: str) -> str:
    bucket = path.partition("/")[0]
    if store.get_file_info([bucket])[0].type is fs.FileType.NotFound:
        return f"there is no bucket {bucket!r}, or these credentials may not see it"
    return "no file matches" if has_magic(path) else "there is no such file, and no data file below it"
