"""An iterator that works while its taker does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield the same items; the next one is made in a thread beside, one and no more.

    What making it raises is raised when its turn comes.
    """
    end = object()
    with ThreadPoolExecutor(max_workers=1) as beside:
        coming = beside.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = beside.submit(next, items, end)
            yield item  # type: ignore[misc]  # it is not the end
