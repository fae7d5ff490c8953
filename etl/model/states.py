"""States of a message, and the moves between them that the ledger allows."""

from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where a message stands. Only touched messages are stored; untouched ones are `PENDING` by absence."""

    PENDING = "pending"
    IN_FLIGHT = "in_flight"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    SKIPPED = "skipped"

    @property
    def meaning(self) -> str:
        """Return the state in words, as the README prints it."""
        return _MEANINGS[self]


_MEANINGS: Final[dict[State, str]] = {
    State.PENDING: "not sent yet, or surely not taken: it will be sent",
    State.IN_FLIGHT: "the intent is on disk, the outcome is not yet",
    State.ACCEPTED: "the API took it; final",
    State.REJECTED: "the API refused this message for good",
    State.UNCERTAIN: "sent, outcome unknown; never sent again without proof or somebody's word",
    State.SKIPPED: "left out by a person's word",
}

MOVES: Final[frozenset[tuple[State, State]]] = frozenset(
    {
        (State.PENDING, State.IN_FLIGHT),
        (State.PENDING, State.SKIPPED),
        (State.PENDING, State.UNCERTAIN),  # only after a restore: it may have been sent since the copy
        (State.IN_FLIGHT, State.ACCEPTED),
        (State.IN_FLIGHT, State.REJECTED),
        (State.IN_FLIGHT, State.UNCERTAIN),
        (State.IN_FLIGHT, State.PENDING),
        (State.UNCERTAIN, State.ACCEPTED),
        (State.UNCERTAIN, State.PENDING),
        (State.UNCERTAIN, State.SKIPPED),
        (State.REJECTED, State.PENDING),
        (State.REJECTED, State.SKIPPED),
    },
)
"""Every allowed (from, to); the ledger's triggers hold the same list and a test compares them."""

SETTLED: Final[frozenset[State]] = frozenset({State.ACCEPTED, State.REJECTED, State.SKIPPED})
"""States behind which a lane goes on."""
