"""Workers for tests of planning: this process, one call after another, each sent as to a real worker."""

import pickle
from collections.abc import Callable, Iterable
from typing import Any

from etl.cluster.embedded import EmbeddedEngine


class OneByOne(EmbeddedEngine):
    """Runs every call as an engine hands it over; `fail_at` is the number of a call that never returns."""

    def __init__(self, workers: int = 2, *, fail_at: int | None = None) -> None:
        super().__init__(workers)
        self.calls: list[str] = []
        self._fail_at = fail_at

    def map(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        *,
        each: Callable[[Any], None] = lambda _: None,
    ) -> list[Any]:
        """Return each item's result."""
        results = []
        for item in items:
            if len(self.calls) == self._fail_at:
                raise LostError
            self.calls.append(function.__name__)
            sent, told = pickle.loads(pickle.dumps((function, item)))  # noqa: S301  our own
            results.append(sent(told))
            each(results[-1])
        return results


class LostError(Exception):
    """The scheduler is gone."""
