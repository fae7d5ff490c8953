"""Whether a file has the columns that the job maps; the same words for every format."""

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from etl.errors import InputError
from etl.source.discover import SourceFile

_SHOWN: Final = 40
_DELIMITERS: Final = {";": "a semicolon", "\t": "a tab", "|": "a pipe", ",": "a comma"}


def present(
    file: SourceFile, found: Sequence[str], wanted: Sequence[str], advice: str = ""
) -> tuple[str, ...]:
    """Return the wanted columns that the file itself has; the others stand in its path.

    Names are compared exactly: no case folding, no trimming. `advice` is added to the hint.

    Raises:
        InputError: a name stands twice (nameless columns may, they can't be mapped), or a wanted one is
            missing; the message lists what is there and what is near.
    """
    twice = [name for name, count in Counter(found).items() if name and count > 1]
    if twice:
        raise InputError(
            f"{file.label}: the header names {', '.join(map(repr, twice[:_SHOWN]))} more than once",
            hint="rename or remove one of them: which one is meant can't be told",
        )
    inside, path = set(found), {key for key, _ in file.partitions}
    missing = [name for name in wanted if name not in inside and name not in path]
    if missing:
        raise missing_columns(file.label, found, missing, advice)
    return tuple(name for name in wanted if name in inside)


def missing_columns(label: str, found: Sequence[str], missing: Sequence[str], advice: str = "") -> InputError:
    """Return the error that says which columns are missing, what there is and what to do."""
    shown = ", ".join(map(repr, found[:_SHOWN])) or "none"
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    message = f"{label}: no column {', '.join(map(repr, missing))}; found {shown}{more}"
    near = [f"{name!r} is near {match!r}" for name in missing for match in _near(name, found)]
    hint = "name the columns under `[columns]` as the file does"
    return InputError(message, hint="; ".join(filter(None, (hint, ", ".join(near), advice))))


def explode_advice(lists: Sequence[str]) -> str:
    """Return what to do when the missing columns may stand in one of these lists; nothing without any."""
    if not lists:
        return ""
    return f'to make rows of the elements of a list, set `[input] explode = "{lists[0]}"` and map its fields'


def single_column(label: str, found: str) -> InputError:
    """Return the error for a CSV file in which no delimiter separates anything."""
    message = f"{label}: there is one single column, {found[:_SHOWN]!r}"
    seen = next((character for character in _DELIMITERS if character in found), None)
    if seen is None:
        return InputError(
            f"{message}: no comma, semicolon, tab or pipe stands in its first line",
            hint="set `[input] delimiter` to what separates the fields, or `skip_lines` to the number of "
            "lines before the header",
        )
    return InputError(
        f"{message}: the delimiter is probably {_DELIMITERS[seen]}",
        hint=f"set `[input] delimiter = {seen!r}`".replace("'", '"'),
    )


def _near(name: str, found: Sequence[str]) -> list[str]:
    plain = {other.strip().casefold(): other for other in found}
    return [plain[match] for match in get_close_matches(name.strip().casefold(), plain, n=2)]
