"""What people see: progress on a terminal, plain lines elsewhere, nothing that a terminal would obey."""

import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TextIO, assert_never, cast

import click

from etl.clock import SYSTEM
from etl.model.events import (
    Draining,
    Event,
    Failed,
    FileProgress,
    Finished,
    HoldOff,
    LaneHeld,
    PaceChanged,
    Planned,
    PlanStep,
    RangeRead,
    Retrying,
    RunBegan,
    Settled,
    SettledElsewhere,
    Started,
    Warned,
)
from etl.model.states import State
from etl.report.visible import visible

if TYPE_CHECKING:
    from tqdm import tqdm

_PLAIN_EVERY_SECONDS = 30.0


def printable(text: str) -> str:
    """Return text with control and bidirectional characters made visible; line ends stay.

    A file name or an API's error text could otherwise move the cursor or forge a line (CVE-2009-4487).
    """
    return visible(text, kept="\n")


def say(text: str = "") -> None:
    """Print a line for people; where nobody can read it any more, the work goes on all the same."""
    with suppress(OSError):
        click.echo(printable(text), err=True)


def give(result: object, *, as_typed: bool = False) -> None:
    """Print a command's result as JSON on stdout; `as_typed` keeps characters beyond ASCII.

    By then the work is done: where it can't be written, the exit code still says how that went, and only
    instead of 0 `main.run` says that the result is missing.
    """
    if sys.stdout is None:
        return
    try:
        json.dump(result, sys.stdout, ensure_ascii=not as_typed)
        sys.stdout.write("\n")
    except OSError as error:
        sys.stdout = cast("TextIO", _Lost(error))


class _Lost:
    """A stdout that failed: it takes no more, and fails again when it is flushed."""

    def __init__(self, error: OSError) -> None:
        self._error = error

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        raise self._error


def is_screen() -> bool:
    """Return whether lines for people are drawn on a terminal; stderr may be closed from the start."""
    return sys.stderr is not None and sys.stderr.isatty()


def at_terminal() -> bool:
    """Return whether a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and is_screen()


class ToldError(Exception):
    """An end that its reader has been told already, by a log on stderr."""

    def __init__(self, told: Failed) -> None:
        super().__init__()
        self.told = told


class Progress(AbstractContextManager["Progress"]):
    """Observes a command's events: a tqdm bar on a terminal, a line now and then elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = is_screen()
        self._bar: tqdm[Any] | None = None
        self._file: str | None = None
        self._counts = dict.fromkeys((State.ACCEPTED, State.REJECTED, State.UNCERTAIN), 0)
        self._held = 0
        self._retries = 0
        self._pace = ""
        self._total = 0
        self._said_at = SYSTEM.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def __call__(self, event: Event) -> None:  # noqa: C901, PLR0912  one case for each event
        """Take one event."""
        match event:
            case FileProgress():
                self._read(event)
            case Started():
                self._close()
                self._total = event.messages
                self._note(f"sending {event.messages:,} messages to {event.target}")
            case Settled():
                self._settled(event.state, 1)
            case SettledElsewhere():
                self._settled(event.state, event.messages)
            case LaneHeld():
                self._held += event.messages
            case Retrying():
                self._retries += 1
                self._note(f"not sent ({event.reason}); trying again in {event.wait_seconds:.1f} s")
            case HoldOff():
                self._note(f"the API asks everybody to wait {event.seconds:.0f} s ({event.reason})")
            case PaceChanged():
                self._paced(event)
            case Draining():
                self._note(f"{event.reason}: finishing what is in flight; once more leaves at once")
            case Warned():
                self._note(event.message)
            case Planned() | RunBegan() | Finished() | Failed():
                pass  # the command's own lines say it
            case RangeRead():
                self._ranges(event)
            case PlanStep():
                self._planning(event)
            case _:
                assert_never(event)

    def pause(self) -> None:
        """Get the bar out of the way of a question; the next event draws it anew."""
        self._close()

    def _read(self, event: FileProgress) -> None:
        if self._quiet or not self._terminal:
            return
        if self._file != event.file:
            self._close()
            self._file = event.file
            name = printable(event.file)
            self._bar = _bar(f"reading {name}", event.bytes_total, unit="B", unit_scale=True)
        if self._bar is not None:
            self._bar.update(event.bytes_done - self._bar.n)

    def _planning(self, event: PlanStep) -> None:
        if self._quiet:
            return
        if not self._terminal:
            if event.done == event.pieces or self._is_time():
                say(f"{event.step}: {event.done:,} of {event.pieces:,} pieces")
            return
        if self._file != event.step:
            self._close()
            self._file = event.step
            self._bar = _bar(event.step, event.pieces, unit="piece")
        if self._bar is not None:
            self._bar.update(event.done - self._bar.n)

    def _is_time(self) -> bool:
        """Return whether another plain line is due."""
        due = SYSTEM.monotonic() - self._said_at >= _PLAIN_EVERY_SECONDS
        if due:
            self._said_at = SYSTEM.monotonic()
        return due

    def _settled(self, state: State, messages: int) -> None:
        self._counts[state] = self._counts.get(state, 0) + messages
        if self._quiet:
            return
        if self._terminal:
            if self._bar is None or self._file is not None:
                self._close()
                self._bar = _bar("sending", self._total, unit="msg")
            self._bar.set_postfix_str(self._postfix(), refresh=False)
            self._bar.update(messages)
        elif self._is_time():
            say(f"{sum(self._counts.values()):,} of {self._total:,} messages, {self._postfix()}")

    def _paced(self, event: PaceChanged) -> None:
        now, allowed = f"{event.per_second:.3g}/s", f"{event.allowed_per_second:.3g}/s"
        slower = event.per_second < event.allowed_per_second
        self._pace = f", pace {now} of {allowed}" if slower else ""
        if event.reason is not None:
            self._note(f"going at {now} instead of {allowed} ({event.reason})")
        elif not slower:
            self._note(f"back at {allowed}")

    def _ranges(self, event: RangeRead) -> None:
        if self._quiet or not self._terminal:
            return
        if self._bar is None:
            self._bar = _bar("reading the report", event.known, unit="range")
        self._bar.total = event.known
        self._bar.update(event.done - self._bar.n)

    def _postfix(self) -> str:
        counts = self._counts
        errors = f"rejected {counts[State.REJECTED]}, uncertain {counts[State.UNCERTAIN]}"
        return f"{errors}, held {self._held}, retries {self._retries}{self._pace}"

    def _note(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        say(text)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
        self._bar = None
        self._file = None


def _bar(text: str, total: int, *, unit: str, unit_scale: bool = False) -> "tqdm[Any]":
    from tqdm import tqdm  # noqa: PLC0415  start-up time

    return tqdm(
        desc=text,
        total=total,
        unit=unit,
        unit_scale=unit_scale,
        dynamic_ncols=True,
        mininterval=0.2,
        file=sys.stderr,
    )


Observer = Callable[[Event], None]
