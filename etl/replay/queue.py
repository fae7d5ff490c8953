"""Who waits for a slot, and whose turn it is: the most urgent, of equals who came first."""

import asyncio
import heapq
from dataclasses import dataclass, field
from itertools import count


@dataclass(order=True, slots=True)
class Place:
    """One message's place in the queue."""

    rank: int
    """Lower goes first."""
    number: int
    gone: bool = field(default=False, compare=False)
    called: asyncio.Future[None] | None = field(default=None, compare=False)


class Queue:
    """Exactly one of those who wait is first; the others need not wake up before they are."""

    def __init__(self) -> None:
        self._places: list[Place] = []
        self._numbers = count()
        self._waiting = 0

    def __len__(self) -> int:
        return self._waiting

    def join(self, rank: int) -> Place:
        """Return a new place, behind all of the same rank."""
        place = Place(rank=rank, number=next(self._numbers))
        heapq.heappush(self._places, place)
        self._waiting += 1
        return place

    def is_before_all(self, rank: int) -> bool:
        """Return whether who joins with that rank would be first."""
        return not self._waiting or rank < self._places[0].rank

    def is_first(self, place: Place) -> bool:
        """Return whether it is this one's turn."""
        return self._places[0] is place

    async def first(self, place: Place) -> None:
        """Return when a place has become the first."""
        while not self.is_first(place):
            place.called = asyncio.get_running_loop().create_future()
            await place.called

    def leave(self, place: Place) -> None:
        """Give a place up, wherever it is, and call who is first now."""
        place.gone = True
        self._waiting -= 1
        while self._places and self._places[0].gone:
            heapq.heappop(self._places)
        if self._places and (called := self._places[0].called) is not None and not called.done():
            called.set_result(None)
