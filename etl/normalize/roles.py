"""Who wrote a row, and whether customers saw it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.config.job import Job
from etl.config.reading import Roles
from etl.model.rejects import RejectCode
from etl.model.schemas import Role
from etl.normalize.verdict import SHOWN_CHARACTERS, Details, Fault, Mask, Rows, among, mask, missing, shown

_SKIP = "skip"
_TEXT: Final = r"@|\S\s+\S+\s+\S+\s+\S+\s+\S"
"""What no role and no flag has: an address, or five words."""
_TOLD: Final = "(a text)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a check says of every row: which to skip, which to reject."""

    skip: Mask
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleReading(Reading):
    """The same, and the role."""

    role: pa.Array
    """A `Role` value; null where there is none."""


def read_roles(job: Job, cells: pa.Array | None, rows: int) -> RoleReading:
    """Map every row to a role by the job's lists, compared exactly.

    A listed value counts even if it is blank. With `customers-only` agents and bots are skipped.
    """
    if cells is None:
        role = pa.repeat(pa.scalar(job.roles.everyone, pa.string()), rows)
        meaning = role
        faults: tuple[Fault, ...] = ()
    else:
        meaning = _meaning(job.roles, cells)
        unlisted = mask(pc.is_null(meaning))
        blank = missing(cells) if unlisted.any() else unlisted
        details = _words_of(cells)
        column = job.columns.role
        faults = (
            Fault(code=RejectCode.MISSING_ROLE, column=column, hit=unlisted & blank),
            Fault(code=RejectCode.UNKNOWN_ROLE, column=column, hit=unlisted & ~blank, details=details),
        )
        skipped = pc.equal(meaning, _SKIP)
        role = meaning
        if mask(skipped).any():
            role = pc.if_else(skipped, pa.scalar(None, pa.string()), meaning)
    out = [_SKIP]
    if job.message.speaker == "customers-only":
        out += [Role.AGENT, Role.BOT]
    return RoleReading(skip=among(meaning, tuple(out)), faults=faults, role=role)


def read_visibility(job: Job, cells: pa.Array | None, rows: int) -> Reading:
    """Tell public rows from private ones; what is neither by the job is a reject, for it may be a note."""
    if cells is None:
        return Reading(skip=np.zeros(rows, dtype=np.bool_), faults=())
    private = among(cells, job.visibility.private)
    unknown = ~private & ~among(cells, job.visibility.public)
    fault = Fault(
        code=RejectCode.UNKNOWN_VISIBILITY,
        column=job.columns.visibility,
        hit=unknown,
        details=_words_of(cells),
    )
    return Reading(skip=private, faults=(fault,))


def _words_of(cells: pa.Array) -> Details:
    """Return details that show values; a column of texts that was mapped by mistake is not quoted."""

    def details(rows: Rows) -> pa.Array:
        values = cells.take(pa.array(rows))
        long = pc.greater(pc.utf8_length(values), SHOWN_CHARACTERS)
        is_text = pc.or_(long, pc.match_substring_regex(values, _TEXT))
        return pc.if_else(is_text, _TOLD, shown(values, SHOWN_CHARACTERS))

    return details


def _meaning(roles: Roles, cells: pa.Array) -> pa.Array:
    listed = (
        *((value, Role.CUSTOMER.value) for value in roles.customer),
        *((value, Role.AGENT.value) for value in roles.agent),
        *((value, Role.BOT.value) for value in roles.bot),
        *((value, _SKIP) for value in roles.skip),
    )
    values = pa.array([value for value, _ in listed], pa.string())
    meanings = pa.array([meaning for _, meaning in listed], pa.string())
    return meanings.take(pc.index_in(cells, value_set=values))
