"""A message that is nothing but files: their names stand in for the text."""

import json
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pyarrow as pa

_NOTHING: Final = frozenset({"", "null", "none", "nan", "0"})
_NAMES: Final = ("file_name", "filename", "fileName", "name", "title", "content_url", "url")
"""Where helpdesks keep a file's name, the best first; of an address only the last part is shown."""


def named(cells: pa.Array, template: str) -> pa.Array:
    """Return the template with each cell's file names for `{names}`; null where a cell names no file."""
    return pa.array([_text(cell, template) for cell in cells.to_pylist()], pa.string())


def file_names(cell: str | None) -> tuple[str, ...]:
    """Return the file names in a cell: plain, or a JSON list of names or of objects.

    Of an address only the last part of its path is a name: the rest may be a secret link.
    """
    stripped = (cell or "").strip()
    if stripped.lower() in _NOTHING:
        return ()
    if stripped[0] not in "[{":
        return (_short(stripped),)
    try:
        parsed = json.loads(stripped)
    except (ValueError, RecursionError):
        return (_short(stripped),)
    entries = parsed if isinstance(parsed, list) else [parsed]
    return tuple(name for name in map(_entry, entries) if name)


def _text(cell: str | None, template: str) -> str | None:
    names = file_names(cell)
    return template.replace("{names}", ", ".join(names)) if names else None


def _entry(entry: Any) -> str:  # noqa: ANN401  whatever JSON holds
    if isinstance(entry, dict):
        if not entry:
            return ""
        found = (entry.get(name) for name in _NAMES)
        entry = next((value for value in found if isinstance(value, str) and value.strip()), "?")
    return _short(str(entry).strip()) if entry is not None else ""


def _short(name: str) -> str:
    if "://" not in name or " " in name:
        return name
    try:
        path = urlsplit(name).path
    except ValueError:
        return "?"
    return unquote(path.rstrip("/").rpartition("/")[2]) or "?"
