"""The engine that is always there: threads of this process, for a trial and for tests."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Final, Self, TypeVar

from etl.cluster.guarded import Done, Failed, guarded, result_of

Item = TypeVar("Item")
Result = TypeVar("Result")

_LOOK_EVERY_SECONDS: Final = 0.1
_AGAIN_SECONDS: Final = 0.5
"""Between the end of a call and the next one."""


class EmbeddedEngine:
    """So many threads, each a worker."""

    def __init__(self, threads: int) -> None:
        self.name = "local"
        self._threads = threads

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    @property
    def workers(self) -> int:
        """Return how many threads."""
        return self._threads

    def map(
        self,
        function: Callable[[Item], Result],
        items: Iterable[Item],
        *,
        each: Callable[[Result], None] = lambda _: None,
    ) -> list[Result]:
        """Return each item's result, in order."""
        with ThreadPoolExecutor(self._threads, thread_name_prefix="etl-worker") as pool:
            futures = [pool.submit(guarded, function, item) for item in items]
            try:
                for future in as_completed(futures):
                    each(result_of(future.result()))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return [result_of(future.result()) for future in futures]

    def survey(self, function: Callable[[Item], Result], argument: Item) -> dict[str, Result | BaseException]:
        """Return what a short function says; all threads are the same worker in that."""
        end = guarded(function, argument)
        return {"this process": end.error if isinstance(end, Failed) else end.value}

    def tend(
        self,
        function: Callable[[Item], Result],
        argument: Item,
        *,
        until: Callable[[], bool],
        told: Callable[[str, Result | BaseException], None] = lambda _worker, _ended: None,
    ) -> None:
        """Keep one call running in each thread; returns when all have ended after `until`."""
        over = threading.Event()
        ends: list[tuple[str, Done[Result] | Failed]] = []

        def keep(name: str) -> None:
            while not over.is_set():
                ends.append((name, guarded(function, argument)))
                over.wait(_AGAIN_SECONDS)

        names = [f"thread {number}" for number in range(1, self._threads + 1)]
        threads = [threading.Thread(target=keep, args=(name,), name=name, daemon=True) for name in names]
        for thread in threads:
            thread.start()
        try:
            while not until():
                over.wait(_LOOK_EVERY_SECONDS)
                _tell(ends, told)
        finally:
            over.set()
        for thread in threads:
            thread.join()
        _tell(ends, told)


def _tell(
    ends: list[tuple[str, Done[Result] | Failed]],
    told: Callable[[str, Result | BaseException], None],
) -> None:
    while ends:
        name, end = ends.pop(0)
        told(name, end.error if isinstance(end, Failed) else end.value)
