"""Whose message a row is: the user id to be sent, and ids that stand for nobody in particular."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.config.job import Job
from etl.model.rejects import RejectCode
from etl.normalize.octets import counts_in, edge_bytes, octets_of, places, table
from etl.normalize.scan import longer, matches_among
from etl.normalize.verdict import (
    ID_CHARACTERS,
    Details,
    Fault,
    Mask,
    among,
    details_of,
    mask,
    missing,
    shown,
)

LANE_CHARACTERS: Final = 255
CONVERSATION_PREFIX: Final = "conversation:"
"""Before a conversation's id where it stands in for a user's; then no user's id may begin so."""

# With a comma too: spreadsheets of half of Europe write 1,23457E+17.
_SCIENTIFIC: Final = r"^\s*[+-]?\d+([.,]\d+)?[eE][+-]?\d+\s*$"
_BEGINS_NUMBER: Final = table(b"+-0123456789\t\n\v\f\r ")
_LOWER: Final = 0x20
_LOWERED: Final = np.frombuffer(bytes(range(256)).lower(), np.uint8)
_VAGUE: Final = (*range(0x21), *range(0x7F, 0x100))
"""Bytes of an edge that say nothing: white space is trimmed, and beyond ASCII lower case may be anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """The lanes of a batch and what is wrong with them."""

    lane: pa.Array
    """The user id, not yet pseudonymous."""
    placeholder: Mask
    """Which rows are sent although their id is a placeholder."""
    faults: tuple[Fault, ...]


def lane_column(job: Job) -> str:
    """Return the column that the sent user id comes from."""
    columns = job.columns
    column = columns.conversation if job.message.lane == "conversation" else columns.user_column
    if column is None:
        raise ValueError("a job without a lane column can't be built")
    return column


def read_users(job: Job, cells: Callable[[str], pa.Array], rows: int) -> Users:
    """Read the lane of every row exactly as it is, and do with placeholders as the job says."""
    column = lane_column(job)
    written = cells(column)
    lane = written
    placeholder = _placeholders(job, written)
    warned, refused = placeholder, np.zeros(rows, dtype=np.bool_)
    if job.users.placeholder == "reject":
        warned, refused = refused, placeholder
    elif job.users.placeholder == "conversation":
        warned = refused
        lane, refused = _by_conversation(job, cells, written, placeholder)
    too_long = longer(lane, LANE_CHARACTERS) & (not job.users.pseudonymize)
    return Users(
        lane=lane,
        placeholder=warned,
        faults=(
            Fault(code=RejectCode.MISSING_USER, column=column, hit=missing(written)),
            Fault(code=RejectCode.USER_TOO_LONG, column=column, hit=too_long, details=_length(lane)),
            Fault(
                code=RejectCode.MISSING_USER,
                column=column,
                hit=_with_nul(lane) & (not job.users.pseudonymize),
                details=details_of(lane, ID_CHARACTERS),
            ),
            precision(column, written),
            Fault(
                code=RejectCode.PLACEHOLDER_USER,
                column=column,
                hit=refused,
                details=details_of(written, ID_CHARACTERS),
            ),
        ),
    )


def precision(column: str, cells: pa.Array) -> Fault:
    """Return the check for ids whose digits a spreadsheet has cut."""
    return Fault(
        code=RejectCode.ID_PRECISION_LOST,
        column=column,
        hit=matches_among(cells, _may_be_scientific(cells), _SCIENTIFIC),
        details=details_of(cells, ID_CHARACTERS),
    )


def _with_nul(cells: pa.Array) -> Mask:
    """Return which cells hold a NUL, which PostgreSQL stores in no text."""
    octets, ends = octets_of(cells)
    found: Mask = counts_in(places(octets, lambda piece: piece == 0), ends) > 0
    return found


def _may_be_scientific(cells: pa.Array) -> Mask:
    """Return which cells hold an E and begin as numbers do."""
    octets, ends = octets_of(cells)
    exponents = places(octets, lambda piece: (piece | _LOWER) == ord("e"))
    if not len(exponents):
        return np.zeros(len(cells), dtype=np.bool_)
    first, _ = edge_bytes(octets, ends)
    begins: Mask = _BEGINS_NUMBER[first]
    return begins & (counts_in(exponents, ends) > 0)


def _placeholders(job: Job, lane: pa.Array) -> Mask:
    known = _compared(pa.array(job.users.placeholders, pa.string())).to_pylist()
    # Most ids are told from all placeholders by their first or last character.
    edges = [table(bytes({*_VAGUE, *(name.encode()[at] for name in known if name)})) for at in (0, -1)]
    octets, ends = octets_of(lane)
    first, last = edge_bytes(octets, ends)
    likely = (edges[0][_LOWERED[first]] & edges[1][_LOWERED[last]]) | (ends[1:] == ends[:-1])
    rows = np.flatnonzero(likely)
    hit = np.zeros(len(lane), dtype=np.bool_)
    if len(rows):
        hit[rows] = among(_compared(lane.take(pa.array(rows))), tuple(known))
    return hit


def _compared(ids: pa.Array) -> pa.Array:
    return pc.utf8_lower(pc.utf8_trim_whitespace(ids))


def _by_conversation(
    job: Job, cells: Callable[[str], pa.Array], written: pa.Array, placeholder: Mask
) -> tuple[pa.Array, Mask]:
    """Return lanes in which each conversation of nobody is a user of its own, and the rows without one."""
    # An id that looks like such a lane would melt into it.
    alike = mask(pc.starts_with(written, CONVERSATION_PREFIX))
    if job.message.lane == "conversation" or job.columns.conversation is None:
        return written, placeholder | alike
    conversation = cells(job.columns.conversation)
    nowhere = missing(conversation) | _placeholders(job, conversation)
    own = pc.binary_join_element_wise(CONVERSATION_PREFIX, conversation, "")
    return pc.if_else(pa.array(placeholder & ~nowhere), own, written), (placeholder & nowhere) | alike


def _length(cells: pa.Array) -> Details:
    def details(rows: npt.NDArray[np.int64]) -> pa.Array:
        hit = cells.take(pa.array(rows))
        length = pc.cast(pc.utf8_length(hit), pa.string())
        return pc.binary_join_element_wise(length, " characters: ", shown(hit, ID_CHARACTERS), "")

    return details
