"""Whose turn it is."""

import asyncio

from etl.clock import yield_once
from etl.replay.queue import Queue


def test_who_comes_first_is_first_among_equals():
    """Nobody is overtaken without a reason."""
    queue = Queue()
    places = [queue.join(0) for _ in range(3)]
    order = []
    while len(queue):
        order.append(next(place for place in places if queue.is_first(place)))
        queue.leave(order[-1])

    assert places == order


def test_lower_rank_is_before_all():
    """The message that a run waits for."""
    queue = Queue()
    assert queue.is_before_all(0)
    queue.join(0)

    assert not queue.is_before_all(0)
    assert queue.is_before_all(-5)
    assert queue.is_first(queue.join(-5))
    assert not queue.is_before_all(-5)


def test_place_can_be_given_up_from_the_middle():
    """A message whose run is cancelled, or that tries for all."""
    queue = Queue()
    first, second, third = (queue.join(0) for _ in range(3))
    queue.leave(second)
    queue.leave(first)

    assert queue.is_first(third)
    assert 1 == len(queue)
    queue.leave(third)
    assert 0 == len(queue)
    assert queue.is_before_all(0)


def test_next_one_is_called_when_the_first_leaves():
    """Those behind it sleep until then."""
    queue, called = Queue(), []

    async def wait(number: int) -> None:
        place = queue.join(0)
        await queue.first(place)
        called.append(number)
        await yield_once()
        queue.leave(place)

    async def scene() -> None:
        first = queue.join(0)
        waiting = [asyncio.create_task(wait(number)) for number in range(3)]
        await yield_once()
        assert called == []
        queue.leave(first)
        await asyncio.gather(*waiting)

    asyncio.run(scene())

    assert [0, 1, 2] == called


def test_cancelled_one_lets_the_next_go_on():
    """Also the one that was called already."""
    queue, called = Queue(), []

    async def wait(number: int) -> None:
        place = queue.join(0)
        try:
            await queue.first(place)
            called.append(number)
        finally:
            queue.leave(place)

    async def scene() -> None:
        first = queue.join(0)
        waiting = [asyncio.create_task(wait(number)) for number in range(2)]
        await yield_once()
        queue.leave(first)
        waiting[0].cancel()
        await asyncio.wait(waiting)

    asyncio.run(scene())

    assert [1] == called
