"""Where a lane stands, and walking it: message k leaves only when 1 … k-1 are settled (promise P3)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from etl.model.plan import Lane
from etl.model.states import SETTLED, State

_BLOCK_MESSAGES: Final = 100_000
"""Counted in one question of some milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A lane against the ledger."""

    next_ordinal: int
    """The first message that is not settled; the lane's end when none is left."""
    settled_beyond: frozenset[int]
    """Settled messages after that one."""
    open_messages: int
    """How many of the lane are not settled."""
    held: int
    """Of these, how many wait when the lane is blocked: all but the uncertain ones."""
    blocked: bool
    """A message of it is uncertain (or rejected, where the job holds lanes for that)."""


def blocking_states(*, hold_rejected: bool) -> frozenset[State]:
    """Return the states that hold all later messages of a lane."""
    states = {State.UNCERTAIN, State.IN_FLIGHT}
    return frozenset(states | {State.REJECTED} if hold_rejected else states)


def standing(
    lane: Lane,
    ordinals: Iterable[int],
    states: Iterable[State],
    *,
    blocking: frozenset[State],
) -> Standing:
    """Return where a lane stands, given its stored messages in order. Pure."""
    next_ordinal = lane.first
    settled: set[int] = set()
    blocked = False
    uncertain = 0
    for ordinal, state in zip(ordinals, states, strict=True):
        blocked = blocked or state in blocking
        uncertain += state in {State.UNCERTAIN, State.IN_FLIGHT}
        if state not in SETTLED:
            continue
        if ordinal == next_ordinal:
            next_ordinal += 1
        else:
            settled.add(ordinal)
    open_messages = lane.length - (next_ordinal - lane.first) - len(settled)
    return Standing(
        next_ordinal=next_ordinal,
        settled_beyond=frozenset(settled),
        open_messages=open_messages,
        held=open_messages - uncertain,
        blocked=blocked,
    )


def unfinished(lanes: Sequence[Lane], count_settled: Callable[[int, int], int]) -> Iterator[Lane]:
    """Yield the lanes that have a message left, in order.

    Asks for whole blocks of neighbours, and looks closer only where something is left: a resume passes over
    a million settled messages with ten questions instead of one for each lane.

    Args:
        lanes: neighbours in the plan, in its order.
        count_settled: how many messages with ordinals in [first, end) are settled.
    """
    if not lanes:
        return
    first, end = lanes[0].first, lanes[-1].first + lanes[-1].length
    if len(lanes) == 1 or end - first <= _BLOCK_MESSAGES:
        settled = count_settled(first, end)
        if settled == end - first:
            return
        if settled == 0 or len(lanes) == 1:
            yield from lanes
            return
    middle = len(lanes) // 2
    yield from unfinished(lanes[:middle], count_settled)
    yield from unfinished(lanes[middle:], count_settled)
