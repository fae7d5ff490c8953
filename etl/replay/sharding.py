"""Cutting a plan into shards: neighbouring lanes of one part, about equal in messages. Pure."""

from typing import Final

import numpy as np
import numpy.typing as npt

from etl.ledger.sharing import Shard

LEAST_SHARDS: Final = 64
"""Where the plan has so many lanes: few large shards would leave workers idle at the end."""

SHARDS_PER_SLOT: Final = 4
"""For each lane that is served side by side, over all workers."""

MOST_MESSAGES: Final = 50_000
"""In a shard, unless one lane has more: how its messages stand is read when it is claimed."""

Integers = npt.NDArray[np.int64]


def cut(lengths: Integers, parts: Integers, *, slots: int) -> list[Shard]:
    """Return the shards of a plan, in the order in which they are claimed.

    Args:
        lengths: messages of each lane, in the plan's order, longest first.
        parts: the part that holds each lane's messages; -1 for all where the plan is in one part.
        slots: lanes that are served side by side, over all workers.
    """
    if not len(lengths):
        return []
    wanted = max(LEAST_SHARDS, SHARDS_PER_SLOT * slots)
    share = min(-(-int(lengths.sum()) // wanted), MOST_MESSAGES)
    pieces: list[tuple[int, int, int, int]] = []
    for part in np.unique(parts):
        lanes = np.flatnonzero(parts == part)
        ends = np.cumsum(lengths[lanes])
        # A lane belongs to the piece in which it begins: pieces are whole lanes, and a long one is alone.
        piece = (ends - lengths[lanes]) // share
        firsts = np.flatnonzero(np.diff(piece, prepend=-1))
        for first, end in zip(firsts, [*firsts[1:], len(lanes)], strict=True):
            count = int(ends[end - 1] - (ends[first - 1] if first else 0))
            pieces.append((int(lanes[first]), int(lanes[end - 1]) + 1, int(part), count))
    return [
        Shard(number=number, part=part, first_lane=first, end_lane=end, messages=count)
        for number, (first, end, part, count) in enumerate(sorted(pieces))
    ]
