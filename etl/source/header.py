"""Whether a file has the columns that the job maps; the same words for CSV and Parquet."""

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

from etl.errors import InputError

_SHOWN: Final = 40
_DELIMITERS: Final = {";": "a semicolon", "\t": "a tab", "|": "a pipe", ",": "a comma"}


def positions(label: str, found: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Return where each wanted column stands. Names are compared exactly: no case folding, no trimming.

    Raises:
        InputError: a name stands twice (nameless columns may, they can't be mapped), or a wanted one is
            missing; the message lists what is there and what is near.
    """
    twice = [name for name, count in Counter(found).items() if name and count > 1]
    if twice:
        raise InputError(
            f"{label}: the header names {', '.join(map(repr, twice[:_SHOWN]))} more than once",
            hint="rename or remove one of them: which one is meant can't be told",
        )
    where = {name: position for position, name in enumerate(found)}
    missing = [name for name in wanted if name not in where]
    if missing:
        raise _missing(label, found, missing)
    return [where[name] for name in wanted]


def _missing(label: str, found: Sequence[str], missing: Sequence[str]) -> InputError:
    shown = ", ".join(map(repr, found[:_SHOWN]))
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    message = f"{label}: no column {', '.join(map(repr, missing))}; found {shown}{more}"
    if len(found) == 1 and (delimiter := next((c for c in _DELIMITERS if c in found[0]), None)):
        return InputError(
            f"{message}. There is one column only: the delimiter is probably {_DELIMITERS[delimiter]}",
            hint=f"set `[input] delimiter = {delimiter!r}`".replace("'", '"'),
        )
    near = [f"{name!r} is near {match!r}" for name in missing for match in _near(name, found)]
    hint = "name the columns under `[columns]` as the first line of the file does"
    return InputError(message, hint=f"{hint}; {', '.join(near)}" if near else hint)


def _near(name: str, found: Sequence[str]) -> list[str]:
    plain = {other.strip().casefold(): other for other in found}
    return [plain[match] for match in get_close_matches(name.strip().casefold(), plain, n=2)]
