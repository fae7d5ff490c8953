"""Which user and which message a row is: ids, their checks, and the settings that keys depend on."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from etl.config.job import Job
from etl.model.keys import CONTENT, KEY_BYTES, NATIVE, PART
from etl.normalize.users import lane_column, precision
from etl.normalize.verdict import Fault, missing

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
        "version": [CONTENT, NATIVE, PART],
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
