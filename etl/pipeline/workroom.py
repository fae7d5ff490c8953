"""Room on this machine for one task of a worker whose plan is in an object store; gone with the task."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl.config.state import make_scratch, scratch
from etl.errors import UsageError
from etl.plan.store import building


@contextmanager
def workroom(uri: str) -> Iterator[Path]:
    """Give a private folder in this machine's scratch of the state at a URI, and remove what dead tasks left.

    Raises:
        InputError: it can't be written.
        UsageError: it can't be made for its owner alone.
    """
    folder = scratch(uri, os.environ) / "work"
    try:
        make_scratch(folder)
    except OSError as error:
        raise UsageError(
            f"{folder} can't be made: {error.strerror}",
            hint="set XDG_CACHE_HOME to a folder that you can write",
        ) from error
    with building(folder) as room:
        yield room
