"""When workers that fail one after the other end a run: others may take over what one can't do."""

from typing import Final

_MOST: Final = 3
"""Failures of a worker with nothing accepted in between, after which it is not hoped for."""


class Failures:
    """How often each worker's call has failed since anything was accepted."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, worker: str) -> bool:
        """Count one more failure; return whether this worker is not to be hoped for."""
        self._counts[worker] = self._counts.get(worker, 0) + 1
        return self._counts[worker] >= _MOST

    def forgive(self, worker: str) -> None:
        """Take a worker whose call ended well for sound."""
        self._counts.pop(worker, None)

    def progress(self) -> None:
        """Begin anew: something was accepted."""
        self._counts.clear()

    def hopeless(self, workers: int) -> bool:
        """Return whether as many as there are workers can't work; those that are gone hide nobody."""
        return sum(count >= _MOST for count in self._counts.values()) >= max(workers, 1)
