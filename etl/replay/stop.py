"""Ending a run in good order: the first reason drains, what is in flight is finished."""

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from etl.model.events import Draining, Event


class StopKind(StrEnum):
    """Why a run ended before its plan did; each has one exit code."""

    INTERRUPTED = "interrupted"
    TERMINATED = "terminated"
    REFUSED = "refused"
    """The API refuses everybody: credentials, address, certificate."""
    BREAKER = "breaker"
    BOT_REPLIED = "bot_replied"
    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    """The API asked for a longer pause than `max_wait_seconds`."""
    ABORTED = "aborted"
    """An error ended sending; it is raised when everything in flight is finished."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReason:
    """A kind, and one line for a person."""

    kind: StopKind
    message: str


class Stop:
    """Asked for once; the first reason stays."""

    def __init__(self, observe: Callable[[Event], None]) -> None:
        self.reason: StopReason | None = None
        self._observe = observe

    def request(self, kind: StopKind, message: str) -> bool:
        """Ask that no new message is started; return whether this was the first word."""
        if self.reason is not None:
            return False
        self.reason = StopReason(kind=kind, message=message)
        self._observe(Draining(reason=message))
        return True

    @property
    def requested(self) -> bool:
        """Return whether the run drains."""
        return self.reason is not None


@contextmanager
def on_signals(stop: Stop) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM drain and the second one leave at once.

    Leaving at once cancels the running task; what was in flight is uncertain at the next start.
    Outside the main thread signals are left alone.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    names = {
        signal.SIGINT: (StopKind.INTERRUPTED, "interrupted"),
        signal.SIGTERM: (StopKind.TERMINATED, "terminated"),
    }

    seen = False

    def handle(number: signal.Signals) -> None:
        nonlocal seen
        if seen and task is not None:
            task.cancel()
        # Also a run that drains already, as after a 401, gets a first signal's patience.
        seen = True
        stop.request(*names[number])

    try:
        for number in names:
            loop.add_signal_handler(number, handle, number)
    except (RuntimeError, ValueError):  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for number in names:
            loop.remove_signal_handler(number)
