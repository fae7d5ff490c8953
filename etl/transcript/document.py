"""JSON cells, read strictly: no key twice, no NaN, no half characters, no depth that exhausts the stack."""

import json
from typing import Any, NoReturn, TypeGuard

from etl.transcript.entry import Flaw


def read_json(cell: str) -> Any | Flaw:  # noqa: ANN401  JSON is anything
    """Return the document in a cell, or why there is none; never raises."""
    try:
        document = json.loads(cell, object_pairs_hook=_object, parse_constant=_refused)
    except json.JSONDecodeError as problem:
        return Flaw(detail=f"no JSON: {problem.msg} at character {problem.pos + 1}")
    except ValueError:
        return Flaw(detail="no strict JSON: a key twice in one object, a NaN, or a number of endless digits")
    except RecursionError:
        return Flaw(detail="JSON that is nested too deeply")
    return document


def is_text(value: object) -> TypeGuard[str]:
    """Say whether a value is a string that can be stored: a lone surrogate is half a character."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError
    return made


def _refused(_: str) -> NoReturn:
    raise ValueError
