"""Hashes that name a plan: by what will be sent, and by what it was made from."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

PLAN_VERSION: Final = 3
"""Part of every hash; a change of a plan's meaning needs a new number."""

HASHED_COLUMNS: Final = ("key", "content", "at_us", "characters", "conversation", "profile", "variables")
"""`content` is a digest of (lane, time, role, text); where one text was cut into several messages, their
lengths say where."""


def digest_of(settings: Mapping[str, Any]) -> str:
    """Return SHA-256, hex, of a JSON-able mapping, whatever the order of its keys."""
    text = json.dumps(settings, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class PlanHasher:
    """Hash the ordered messages column by column, so that batch boundaries don't matter.

    Per column one hash runs over the lengths (nulls marked) and one over the bytes; `hexdigest` joins them.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = {"plan_version": PLAN_VERSION, **settings}
        self._lengths = {name: hashlib.sha256() for name in HASHED_COLUMNS}
        self._bytes = {name: hashlib.sha256() for name in HASHED_COLUMNS}

    def update(self, batch: pa.RecordBatch) -> None:
        """Add the next messages of the plan."""
        for name in HASHED_COLUMNS:
            lengths, data = _parts(batch.column(name))
            self._lengths[name].update(lengths)
            self._bytes[name].update(data)

    def hexdigest(self) -> str:
        """Return the plan's hash over everything added so far."""
        columns = {
            name: [self._lengths[name].hexdigest(), self._bytes[name].hexdigest()] for name in HASHED_COLUMNS
        }
        return digest_of({"settings": self._settings, "columns": columns})


def _parts(array: pa.Array) -> tuple[bytes, memoryview]:
    """Return the values' lengths (-1 for null) and their bytes end to end.

    Takes integers without nulls, string and binary: what the hashed columns are.
    """
    if pa.types.is_integer(array.type):
        return b"", memoryview(array.to_numpy().astype("<i8").tobytes())
    nulls = array.is_null().to_numpy(zero_copy_only=False)
    if nulls.any():
        array = array.fill_null(b"" if pa.types.is_binary(array.type) else "")  # a null may hide bytes
    _, offset_buffer, data = array.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int32)[array.offset : array.offset + len(array) + 1]
    lengths = np.where(nulls, -1, np.diff(offsets)).astype("<i4")
    view = memoryview(data)[offsets[0] : offsets[-1]] if data is not None else memoryview(b"")
    return lengths.tobytes(), view
