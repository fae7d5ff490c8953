"""A payload in the order of the plan, out of core: what does not fit into memory is first dealt out to piles.

Rows are dealt in order of arrival, so nothing is read at random; then one pile after another is put in order.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.plan import tables
from etl.plan.ahead import ahead
from etl.plan.payload import WRITTEN, Rows
from etl.plan.strewn import Numbers, Strewn

_LEAST_ROWS_PER_GROUP: Final = 2_048
"""With fewer the footers of a large plan become what is large."""

_PILES: Final = 16
"""So small a part of the memory is a pile: while one is put in order, the next is gathered out of pieces."""
_BLOCK_ROWS: Final = 1_024
"""Piles end at multiples of it, so that weighing them takes no number per row."""
_DEALT_ROWS: Final = 65_536
_DEALT_BYTES: Final = 32 << 20
_FIXED_BYTES: Final = 128
"""What a row weighs beside its long columns."""
LONG: Final = ("text", "profile", "variables")
_ORDINAL: Final = pa.field("ordinal", pa.int64())
_DEALT: Final = WRITTEN.append(_ORDINAL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Where each row of a payload stands in the plan."""

    ordinals: npt.NDArray[np.signedinteger[Any]]
    """By row; -1: it is not in the plan."""
    planned: int
    repeats: pa.Table
    """`ordinal`, rising, and the `key` that replaces the one in the payload."""


def arranged(
    payload: Rows, order: Order, *, memory_bytes: int, spill: Path, fraction: int = 1
) -> Iterator[pa.RecordBatch]:
    """Yield the planned rows by `WRITTEN`, in order, each batch fit for one row group, or a `fraction` of it.

    A payload of more than `memory_bytes` is dealt out to `spill`, a file that does not exist yet.
    """
    if payload.octets() <= memory_bytes:
        yield from _sorted(list(payload.mapped()), order.ordinals, order, 0, fraction)
        return
    ends = _ends(payload, order, memory_bytes // _PILES)
    start = 0
    for pile, end in zip(ahead(_dealt(payload, order, ends, spill)), ends.tolist(), strict=True):
        ordinals = [piece.column("ordinal").to_numpy() - start for piece in pile]
        if ordinals:
            yield from _sorted(pile, np.concatenate(ordinals), order, start, fraction)
        start = end


def _dealt(payload: Rows, order: Order, ends: Numbers, spill: Path) -> Iterator[list[pa.RecordBatch]]:
    """Yield the pieces of each pile, once all are dealt."""
    piles = _deal(payload, order, ends, spill)
    with pa.OSFile(str(spill)) as file:
        for pile in piles:
            yield [pa.ipc.read_record_batch(file.read_at(size, at), _DEALT) for at, size in pile]


def _sorted(
    batches: list[pa.RecordBatch],
    ordinals: npt.NDArray[np.signedinteger[Any]],
    order: Order,
    start: int,
    fraction: int,
) -> Iterator[pa.RecordBatch]:
    """Yield rows in order; `ordinals` count from `start`, those below 0 are not in the plan."""
    if not batches:
        return
    planned = np.flatnonzero(ordinals >= 0)
    rows_in_order = np.empty(len(planned), np.int64)
    rows_in_order[ordinals[planned]] = planned
    weights = np.cumsum(np.concatenate([_octets(batch) for batch in batches])[rows_in_order])
    rows = Strewn(batches, WRITTEN)
    fewer = max(tables.ROWS_PER_GROUP // fraction, _LEAST_ROWS_PER_GROUP)
    most_rows = min(tables.ROWS_PER_GROUP, fewer)
    begin = 0
    while begin < len(rows_in_order):
        room = (weights[begin - 1] if begin else 0) + tables.BYTES_PER_GROUP // fraction
        fitting = int(np.searchsorted(weights, room, side="right"))
        end = min(begin + most_rows, max(fitting, begin + 1))
        yield _renamed(rows.take(rows_in_order[begin:end]), order.repeats, start + begin)
        begin = end


def _renamed(rows: pa.RecordBatch, repeats: pa.Table, first: int) -> pa.RecordBatch:
    """Return rows, which stand from `first` on, with the keys of repeats in place."""
    places = repeats.column("ordinal").to_numpy()
    begin, end = np.searchsorted(places, [first, first + rows.num_rows]).tolist()
    if begin == end:
        return rows
    hit = np.zeros(rows.num_rows, np.bool_)
    hit[places[begin:end] - first] = True
    keys = repeats.column("key").slice(begin, end - begin).combine_chunks()
    number = rows.schema.get_field_index("key")
    return rows.set_column(number, "key", pc.replace_with_mask(rows.column("key"), pa.array(hit), keys))


def _ends(payload: Rows, order: Order, pile_bytes: int) -> Numbers:
    """Return before which ordinals piles end: at multiples of a block, each of about so many bytes."""
    blocks = np.zeros(order.planned // _BLOCK_ROWS + 1, np.int64)
    row = 0
    for batch in payload.mapped():
        ordinals = order.ordinals[row : row + batch.num_rows]
        planned = ordinals >= 0
        blocks += np.bincount(
            ordinals[planned] // _BLOCK_ROWS, weights=_octets(batch)[planned], minlength=len(blocks)
        ).astype(np.int64)
        row += batch.num_rows
    number = np.cumsum(blocks) // max(pile_bytes, 1)
    last = np.flatnonzero(np.diff(number, append=number[-1] + 1))
    return np.minimum((last + 1) * _BLOCK_ROWS, order.planned)


def _deal(payload: Rows, order: Order, ends: Numbers, spill: Path) -> list[list[tuple[int, int]]]:
    """Write each pile's rows, with their ordinals; return per pile where its pieces begin and their sizes."""
    piles: list[list[tuple[int, int]]] = [[] for _ in ends]
    spill.touch(mode=0o600)
    row = 0
    with pa.OSFile(str(spill), "wb") as file:
        for rows in _gathered(payload):
            ordinals = order.ordinals[row : row + rows.num_rows].astype(np.int64)
            row += rows.num_rows
            pile = np.searchsorted(ends, ordinals, side="right").astype(np.uint16)
            pile[ordinals < 0] = len(ends)  # not in the plan: behind all piles
            by_pile = np.argsort(pile, kind="stable")
            dealt = _with_ordinals(rows, by_pile, ordinals[by_pile])
            cuts = np.searchsorted(pile[by_pile], np.arange(len(ends) + 1)).tolist()
            for number, (begin, end) in enumerate(pairwise(cuts)):
                if begin < end:
                    at = file.tell()
                    file.write(dealt.slice(begin, end - begin).serialize())
                    piles[number].append((at, file.tell() - at))
    return piles


def _with_ordinals(rows: pa.RecordBatch, chosen: Numbers, ordinals: Numbers) -> pa.RecordBatch:
    """Return chosen rows by `_DEALT`."""
    return rows.take(pa.array(chosen)).append_column(_ORDINAL, pa.array(ordinals))


def _gathered(payload: Rows) -> Iterator[pa.RecordBatch]:
    """Yield a payload in pieces that are worth dealing out."""
    batches: list[pa.RecordBatch] = []
    for batch in payload.loaded():
        batches.append(batch)
        rows, octets = sum(one.num_rows for one in batches), sum(one.nbytes for one in batches)
        if rows >= _DEALT_ROWS or octets >= _DEALT_BYTES:
            yield pa.concat_batches(batches)
            batches = []
    if batches:
        yield pa.concat_batches(batches)


def _octets(rows: pa.RecordBatch) -> Numbers:
    """Return about how many bytes each row takes."""
    octets = np.full(rows.num_rows, _FIXED_BYTES, np.int64)
    for name in LONG:
        column = rows.column(name)
        if column.null_count < len(column):
            offsets = np.frombuffer(column.buffers()[1], np.int32)
            octets += np.diff(offsets[column.offset : column.offset + len(column) + 1])
    return octets
