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
from etl.normalize.users import lane_column, precision
from etl.normalize.verdict import Fault, missing

KEY_BYTES: Final = 16

_CONTENT: Final = b"etl-message-1"
_NATIVE: Final = b"etl-native-id-1"
_PART: Final = b"etl-part-1"
_KEY_MARK: Final = b"etl-key-mark-1"

Cells = Callable[[str], pa.Array]
"""The cells of a source column, as strings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """The ids of every row beside its user, and what is wrong with them."""

    native_id: pa.Array
    conversation: pa.Array
    faults: tuple[Fault, ...]


def read_ids(job: Job, cells: Cells, rows: int) -> Ids:
    """Read conversation and message id exactly as they are; blank ones are missing."""
    columns = job.columns
    checked = dict.fromkeys((columns.user_column, columns.conversation, columns.id))
    others = (name for name in checked if name is not None and name != lane_column(job))
    return Ids(
        native_id=_optional(columns.id, cells, rows),
        conversation=_optional(columns.conversation, cells, rows),
        faults=tuple(precision(name, cells(name)) for name in others),
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


def part_digest(whole: bytes, number: int) -> bytes:
    """Return the digest of part `number` (from 2) of a message, from that of the whole."""
    return blake2b(whole + number.to_bytes(4, "big"), digest_size=KEY_BYTES, person=_PART).digest()


def identity_settings(job: Job, *, key: bytes | None = None) -> dict[str, object]:
    """Return exactly the settings that decide a row's key or content, sorted by name.

    Two jobs with different ones would not recognise each other's messages. `key` is the one of pseudonyms;
    only a digest of it is told.
    """
    zoned = job.time.zone is not None
    text, users, privacy = job.text, job.users, job.privacy
    own_lanes = users.placeholder == "conversation"
    masks = bool(privacy.mask or privacy.patterns)
    keyed = users.pseudonymize or (masks and privacy.replacement == "pseudonym")
    return {
        "ambiguous": job.time.ambiguous if zoned else None,
        "attachment": text.attachment if job.columns.attachments is not None else None,
        "html": text.html,
        "key": _mark(key) if keyed else None,
        "lane": job.message.lane,
        "mask": sorted(privacy.mask),
        "mask_as": privacy.replacement if masks else None,
        "mask_patterns": dict(sorted(privacy.patterns.items())),
        "native_id": job.columns.id is not None,
        "placeholders": sorted({name.strip().lower() for name in users.placeholders}) if own_lanes else None,
        "pseudonymize": users.pseudonymize,
        "quoted_replies": text.quoted_replies,
        "residues": text.residues,
        "source": job.source if job.columns.id is not None else None,
        "split_at": text.max_characters if text.too_long == "split" else None,
        "truncate_at": text.max_characters if text.too_long == "truncate" else None,
        "unicode": text.unicode,
        "version": [_CONTENT.decode(), _NATIVE.decode(), _PART.decode()],
        "zone": job.time.zone,
    }


def _mark(key: bytes | None) -> str | None:
    return None if key is None else blake2b(key, digest_size=KEY_BYTES, person=_KEY_MARK).hexdigest()


def _optional(column: str | None, cells: Cells, rows: int) -> pa.Array:
    if column is None:
        return pa.nulls(rows, pa.string())
    values = cells(column)
    absent = missing(values)
    return pc.if_else(absent, pa.scalar(None, pa.string()), values) if absent.any() else values


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
