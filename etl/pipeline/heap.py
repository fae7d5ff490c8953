"""The collector's part in sending: it has little to find, and looks again and again."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_COLLECT_EVERY: Final = 50_000
"""New objects between two looks of the collector; a thousand messages in flight are about half of it."""

_lock = threading.Lock()
_before: list[tuple[int, int, int]] = []
"""The thresholds to go back to, for each who is inside: threads of one process may send side by side."""


@contextmanager
def frozen_heap() -> Iterator[None]:
    """Keep the collector from looking again and again at what start-up has left, and at what is in flight.

    A message makes no cycles, so that there is little to find: together 10 to 20 % of the time of a message
    in a process of our own, and a worker of an engine has imported far more than it sends with.
    """
    with _lock:
        if not _before:
            gc.collect()
            gc.freeze()
        _before.append(_before[0] if _before else gc.get_threshold())
        gc.set_threshold(_COLLECT_EVERY, *_before[0][1:])
    try:
        yield
    finally:
        with _lock:
            before = _before.pop()
            if not _before:
                gc.set_threshold(*before)
                gc.unfreeze()
