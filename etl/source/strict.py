"""One line of JSON, strictly: every value as its literal digits, no key twice, no NaN."""

import json
from typing import Any, Final


class LineError(Exception):
    """The line is no record; `detail` says why, without any of its content."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


MISSING: Final = object()
"""Not even null."""

_KINDS: Final = {list: "an array", str: "a string", bool: "a boolean", type(None): "null"}


def kind_of(value: Any) -> str:  # noqa: ANN401  whatever JSON has
    """Return what a value is, in a JSON author's words; numbers are strings here."""
    return "an object" if isinstance(value, dict) else _KINDS.get(type(value), "a value")


def parse(line: str) -> dict[str, Any]:
    """Return the object of one line. Numbers are strings of their literal digits.

    Raises:
        LineError: it is no JSON object, names a key twice, or has NaN or Infinity.
    """
    try:
        value, end = _decode(line)
    except json.JSONDecodeError as error:
        raise LineError(f"no JSON from character {error.pos + 1} on") from error
    except RecursionError as error:
        raise LineError("nested too deeply") from error
    if end != len(line):
        raise LineError(f"something follows the object at character {end + 1}")
    if type(value) is not dict:
        kind = "a number or a string" if isinstance(value, str) else kind_of(value)
        raise LineError(f"{kind}, no JSON object")
    return value


def find(record: dict[str, Any], name: str) -> Any:  # noqa: ANN401  whatever JSON has
    """Return the value of a name or dotted path; of an object that is null all values are."""
    if name in record:
        return record[name]
    dot = name.find(".")
    while dot >= 0:
        inner = record.get(name[:dot], MISSING)
        if inner is None:
            return None
        if type(inner) is dict and (found := find(inner, name[dot + 1 :])) is not MISSING:
            return found
        dot = name.find(".", dot + 1)
    return MISSING


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise LineError("a key stands twice in one object")
    return found


def _no_constant(name: str) -> None:
    raise LineError(f"{name} is no JSON number")


_decode = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=str, parse_float=str, parse_constant=_no_constant
).raw_decode
