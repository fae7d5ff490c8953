"""Ending a run in good order: the first reason drains, what is in flight is finished."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from etl.model.events import Draining, Event

_PATIENCE_SECONDS: Final = 5.0
"""Of somebody who wants to leave; less than the 10 s that Docker gives, the shortest before a kill."""


class StopKind(StrEnum):
    """Why a run ended before its plan did; each has one exit code."""

    INTERRUPTED = "interrupted"
    TERMINATED = "terminated"
    REFUSED = "refused"
    BREAKER = "breaker"
    BOT_REPLIED = "bot_replied"
    UNREACHABLE = "unreachable"
    THROTTLED = "throttled"
    FAILING = "failing"
    WINDOW_CLOSED = "window_closed"
    MAX_DURATION = "max_duration"
    MAX_MESSAGES = "max_messages"
    MAX_ERRORS = "max_errors"
    CANARY = "canary"
    CLUSTER_LOST = "cluster_lost"
    ABORTED = "aborted"

    @property
    def meaning(self) -> str:
        """Return what happened, in one line."""
        return _MEANINGS[self]


_MEANINGS: Final[dict[StopKind, str]] = {
    StopKind.INTERRUPTED: "Ctrl-C",
    StopKind.TERMINATED: "SIGTERM",
    StopKind.REFUSED: "the API refuses everybody: credentials, address, certificate",
    StopKind.BREAKER: "the first messages were all refused with one code, or answers in a row made no sense",
    StopKind.BOT_REPLIED: "the bot answered a standby message",
    StopKind.UNREACHABLE: "the API can't be reached, for longer than `replay.max_wait_seconds`",
    StopKind.THROTTLED: "the API said later for longer than `replay.max_wait_seconds`, or "
    "`replay.max_throttles` times in a row",
    StopKind.FAILING: "server errors or silence in a row, also after pauses of 30, 60 and 120 s",
    StopKind.WINDOW_CLOSED: "the hours of `replay.window` are over",
    StopKind.MAX_DURATION: "the time of `--max-duration` is over",
    StopKind.MAX_MESSAGES: "the messages of `--max-messages` are sent",
    StopKind.MAX_ERRORS: "more messages were rejected or are uncertain than `--max-errors` allows",
    StopKind.CANARY: "the one user of `--canary` is sent, and nobody said yes to the rest",
    StopKind.CLUSTER_LOST: "the scheduler of `--cluster` does not answer any more, or has no workers left",
    StopKind.ABORTED: "an error of etl itself or of the ledger ended sending",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StopReason:
    """A kind, and one line for a person."""

    kind: StopKind
    message: str

    @property
    def by_signal(self) -> bool:
        """Return whether a person or a supervisor wanted it."""
        return self.kind in {StopKind.INTERRUPTED, StopKind.TERMINATED}


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
def on_signals(stop: Stop, *, hurry: Callable[[], None] | None = None) -> Iterator[None]:
    """Let the first SIGINT or SIGTERM drain and the second one leave at once.

    A drain, and what is written after it, may wait for a ledger that is away: some seconds after the first
    signal a thread calls `hurry`, also where this context has ended by then. Leaving at once cancels the
    running task; what was in flight is uncertain at the next start. Afterwards signals are handled as before.
    Outside the main thread they are left alone.
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
        if not seen and hurry is not None:
            timer = threading.Timer(_PATIENCE_SECONDS, hurry)
            timer.daemon = True
            timer.start()
        # Also a run that drains already, as after a 401, gets a first signal's patience.
        seen = True
        stop.request(*names[number])

    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in names}
    try:
        for number in names:
            loop.add_signal_handler(number, handle, number)
    except (RuntimeError, ValueError):  # not the main thread
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            # It leaves what Python begins with: of SIGTERM the death of the process.
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
