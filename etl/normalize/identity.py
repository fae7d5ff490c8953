"""Which user and which message a row is: ids, their checks, and the keys that recognise a message again.

The two digests are fixed for ever: a ledger knows its messages by nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.config.job import Job
from etl.model.rejects import RejectCode
from etl.normalize.verdict import ID_CHARACTERS, Details, Fault, details_of, matches, missing, shown

LANE_CHARACTERS: Final = 255
KEY_BYTES: Final = 16

_CONTENT: Final = b"etl-message-1"
_NATIVE: Final = b"etl-native-id-1"
# With a comma too: spreadsheets of half of Europe write 1,23457E+17.
_SCIENTIFIC: Final = r"^\s*[+-]?\d+([.,]\d+)?[eE][+-]?\d+\s*$"

Cells = Callable[[str], pa.Array]
"""The cells of a source column, as strings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """The ids of every row and what is wrong with them."""

    lane: pa.Array
    native_id: pa.Array
    conversation: pa.Array
    user_faults: tuple[Fault, ...]
    id_faults: tuple[Fault, ...]


def read_ids(job: Job, cells: Cells, rows: int) -> Ids:
    """Read user, conversation and message id exactly as they are; blank ones are missing."""
    columns = job.columns
    lane_column = columns.conversation if job.message.lane == "conversation" else columns.user
    if lane_column is None:
        raise ValueError("a job without a lane column can't be built")
    lane = cells(lane_column)
    others = dict.fromkeys(
        name
        for name in (columns.user, columns.conversation, columns.id)
        if name is not None and name != lane_column
    )
    too_long = pc.fill_null(pc.greater(pc.utf8_length(lane), LANE_CHARACTERS), fill_value=False)
    return Ids(
        lane=lane,
        native_id=_optional(columns.id, cells, rows),
        conversation=_optional(columns.conversation, cells, rows),
        user_faults=(
            Fault(code=RejectCode.MISSING_USER, column=lane_column, hit=missing(lane)),
            Fault(
                code=RejectCode.USER_TOO_LONG,
                column=lane_column,
                hit=too_long.to_numpy(zero_copy_only=False),
                details=_length(lane),
            ),
            _precision(lane_column, lane),
        ),
        id_faults=tuple(_precision(name, cells(name)) for name in others),
    )


def content_digests(lane: pa.Array, at_us: npt.NDArray[np.int64], role: pa.Array, text: pa.Array) -> pa.Array:
    """Return BLAKE2b-128 of (lane, time, role, text without any prefix), the same on every machine."""
    instants = _fixed(at_us.astype(">i8"), 8)
    return _digests(_framed(lane, instants, role, text), _CONTENT)


def native_digests(source: str, native_id: pa.Array) -> pa.Array:
    """Return BLAKE2b-128 of (source, id)."""
    return _digests(_framed(pa.repeat(source, len(native_id)), native_id), _NATIVE)


def message_keys(source: str, native_id: pa.Array, content: pa.Array) -> pa.Array:
    """Return each message's key: by its native id where it has one, else its content digest."""
    known = pc.is_valid(native_id)
    if native_id.null_count == len(native_id):
        return content
    native = native_digests(source, pc.drop_null(native_id))
    return pc.replace_with_mask(content, known, native)


def identity_settings(job: Job) -> dict[str, object]:
    """Return exactly the settings that decide a row's key or content, sorted by name.

    Two jobs with different ones would not recognise each other's messages.
    """
    zoned = job.time.zone is not None
    return {
        "ambiguous": job.time.ambiguous if zoned else None,
        "html": job.text.html,
        "lane": job.message.lane,
        "native_id": job.columns.id is not None,
        "source": job.source if job.columns.id is not None else None,
        "truncate_at": job.text.max_characters if job.text.too_long == "truncate" else None,
        "version": [_CONTENT.decode(), _NATIVE.decode()],
        "zone": job.time.zone,
    }


def _optional(column: str | None, cells: Cells, rows: int) -> pa.Array:
    if column is None:
        return pa.nulls(rows, pa.string())
    values = cells(column)
    return pc.if_else(missing(values), pa.scalar(None, pa.string()), values)


def _precision(column: str, cells: pa.Array) -> Fault:
    return Fault(
        code=RejectCode.ID_PRECISION_LOST,
        column=column,
        hit=matches(cells, _SCIENTIFIC),
        details=details_of(cells, ID_CHARACTERS),
    )


def _length(cells: pa.Array) -> Details:
    def details(rows: npt.NDArray[np.int64]) -> pa.Array:
        hit = cells.take(pa.array(rows))
        length = pc.cast(pc.utf8_length(hit), pa.string())
        return pc.binary_join_element_wise(length, " characters: ", shown(hit, ID_CHARACTERS), "")

    return details


def _framed(*fields: pa.Array) -> pa.Array:
    parts: list[pa.Array] = []
    for field in fields:
        octets = field.cast(pa.binary())
        lengths = pc.binary_length(octets).to_numpy(zero_copy_only=False)
        parts += [_fixed(lengths.astype(">u4"), 4), octets]
    return pc.binary_join_element_wise(*parts, b"")


def _fixed(values: npt.NDArray[np.generic], width: int) -> pa.Array:
    buffers = [None, pa.py_buffer(values.tobytes())]
    return pa.Array.from_buffers(pa.binary(width), len(values), buffers).cast(pa.binary())


def _digests(framed: pa.Array, person: bytes) -> pa.Array:
    begin = blake2b(digest_size=KEY_BYTES, person=person).copy
    _, offsets, data = framed.buffers()
    octets = memoryview(data if data is not None else b"")
    start = framed.offset
    ends = np.frombuffer(offsets, np.int32)[start : start + len(framed) + 1].tolist() if len(framed) else [0]

    def digest(first: int, end: int) -> bytes:
        state = begin()
        state.update(octets[first:end])
        return state.digest()

    digests = b"".join(map(digest, ends, ends[1:]))
    return pa.Array.from_buffers(pa.binary(KEY_BYTES), len(framed), [None, pa.py_buffer(digests)])
