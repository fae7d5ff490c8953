"""Patience with a database that went away: it restarts, fails over, or the network has a gap."""

import threading
from collections.abc import Callable
from typing import Final, TypeVar

import psycopg

from etl.clock import SYSTEM
from etl.ledger.postgres.failures import is_passing

PATIENCE_SECONDS: Final = 120.0
"""Longer than a restart or a failover takes."""

_FIRST_WAIT_SECONDS: Final = 0.02
_LONGEST_WAIT_SECONDS: Final = 2.0

T = TypeVar("T")


def patiently(attempt: Callable[[], T], *, seconds: float, hurried: threading.Event | None = None) -> T:
    """Return what an attempt to connect gives, trying again as long as the database can't be reached.

    Args:
        attempt: connects.
        seconds: how long to try.
        hurried: ends the waiting as soon as it is set.

    Raises:
        psycopg.Error: it still can't, or it refuses for another reason.
    """
    until = SYSTEM.monotonic() + seconds
    hurried = hurried or threading.Event()
    wait = _FIRST_WAIT_SECONDS
    while True:
        try:
            return attempt()
        except psycopg.Error as error:
            if not is_passing(error) or SYSTEM.monotonic() + wait > until:
                raise
            if hurried.wait(wait):
                raise
        wait = min(2 * wait, _LONGEST_WAIT_SECONDS)
