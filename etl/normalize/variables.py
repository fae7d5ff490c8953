"""Columns that travel along: JSON objects of strings, written for all rows at once."""

import json
from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from etl.config.job import Job
from etl.normalize.verdict import matches

SPEAKER: Final = "speaker"

_CONTROLS: Final = r"[\x00-\x1f]"


def names_speaker(job: Job) -> bool:
    """Return whether the job sends the role as a variable."""
    return job.message.speaker in {"variables", "both"}


def json_objects(cells: Mapping[str, pa.Array], rows: int) -> pa.Array:
    """Return one JSON object a row, name = exact cell; null and empty cells are left out.

    Without any name every row is null.
    """
    if not cells:
        return pa.nulls(rows, pa.string())
    members = [_member(name, values) for name, values in cells.items()]
    # Not `null_handling="skip"`: Arrow drops a row whose values are all null, and the rest move up.
    body = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*members, ""), 1)
    return pc.binary_join_element_wise("{", body, "}", "")


def _member(name: str, values: pa.Array) -> pa.Array:
    given = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    return pc.fill_null(pc.binary_join_element_wise(f',{json.dumps(name)}:"', _escaped(given), '"', ""), "")


def _escaped(values: pa.Array) -> pa.Array:
    escaped = pc.replace_substring(pc.replace_substring(values, "\\", "\\\\"), '"', '\\"')
    if not matches(escaped, _CONTROLS).any():
        return escaped
    for code in range(0x20):
        escaped = pc.replace_substring(escaped, chr(code), f"\\u{code:04x}")
    return escaped
