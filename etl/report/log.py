"""A run's events as log lines for machines: one JSON object a line, or one line of `key=value`.

Numbers, reasons and file names; no texts, no user ids, of a plan's hash the first 12 digits.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Final, TextIO, assert_never

from etl.errors import ExitCode, UsageError
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

_HASH_DIGITS: Final = 12


class LogFormat(StrEnum):
    """How a line is written."""

    JSON = "json"
    TEXT = "text"


class LogLevel(StrEnum):
    """The least that is written; `debug` has a line for each message."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What an event becomes; the time is the log's own."""

    level: int
    event: str
    fields: Mapping[str, str | int | float | Mapping[str, int] | None]


class EventLog:
    """Observes a command's events and writes them. A log that can't be written ends no run.

    Raises:
        UsageError: the file can't be opened.
    """

    def __init__(self, path: Path | None, *, log_format: LogFormat, level: LogLevel) -> None:
        """Open the log; without a path it goes to stderr."""
        self._handler = _opened(path)
        self._handler.setFormatter(_Json() if log_format is LogFormat.JSON else _Text())
        # Of its own, not from the tree of loggers: libraries that log would otherwise write here too.
        self._logger = logging.Logger("etl", level.value.upper())  # noqa: LOG001
        self._logger.addHandler(self._handler)
        self._plan: str | None = None
        self._run: int | None = None
        self._file: str | None = None

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, Planned):
            self._plan = event.plan[:_HASH_DIGITS]
        if isinstance(event, RunBegan):
            self._run = event.run
        if isinstance(event, FileProgress) and self._file == event.file:
            return  # its end is told more than once
        line = line_of(event)
        if line is not None:
            self._file = event.file if isinstance(event, FileProgress) else self._file
            data = {"event": line.event, "run": self._run, "plan": self._plan, **line.fields}
            self._logger.log(line.level, "%s", line.event, extra={"etl": data})

    def close(self) -> None:
        """Release the file; what could not be written stays unwritten."""
        with suppress(OSError):
            self._handler.close()


def line_of(event: Event) -> Line | None:  # noqa: C901, PLR0911, PLR0912  one case for each event
    """Return what an event becomes; None for what is no line. Pure."""
    match event:
        case FileProgress():
            if event.bytes_done < event.bytes_total:
                return None
            return _info("file_read", file=event.file, bytes=event.bytes_total)
        case Planned():
            return _info("planned", messages=event.messages, lanes=event.lanes, rejects=event.rejects)
        case Started():
            return _info("started", messages=event.messages, target=event.target)
        case RunBegan():
            return _info("run_began", loop=event.loop)
        case Settled():
            level = logging.DEBUG if event.state is State.ACCEPTED else logging.WARNING
            latency = round(event.latency_seconds, 3)
            return Line(
                level=level,
                event="settled",
                fields={"ordinal": event.ordinal, "state": event.state.value, "latency_seconds": latency},
            )
        case SettledElsewhere():
            level = logging.DEBUG if event.state is State.ACCEPTED else logging.WARNING
            return Line(
                level=level,
                event="settled_elsewhere",
                fields={"state": event.state.value, "messages": event.messages},
            )
        case LaneHeld():
            return _warning("lane_held", messages=event.messages)
        case Retrying():
            wait = round(event.wait_seconds, 3)
            return _warning("retrying", ordinal=event.ordinal, reason=event.reason, wait_seconds=wait)
        case HoldOff():
            return _warning("hold_off", seconds=round(event.seconds, 3), reason=event.reason)
        case PaceChanged():
            fields = {"per_second": round(event.per_second, 3), "allowed": event.allowed_per_second}
            if event.reason is None:
                return _info("pace_raised", **fields)
            return _warning("pace_cut", **fields, reason=event.reason)
        case PlanStep():
            return _info("plan_step", step=event.step, done=event.done, pieces=event.pieces)
        case RangeRead():
            return _info("range_read", done=event.done, known=event.known)
        case Draining():
            return _warning("draining", reason=event.reason)
        case Warned():
            return _warning("warned", message=event.message)
        case Finished():
            level = logging.INFO if event.exit_code == ExitCode.OK else logging.WARNING
            return Line(
                level=level,
                event="finished",
                fields={"exit_code": int(event.exit_code), "counts": event.counts, "report": event.report},
            )
        case Failed():
            return Line(
                level=logging.ERROR,
                event="failed",
                fields={"exit_code": int(event.exit_code), "message": event.message, "hint": event.hint},
            )
        case _:
            assert_never(event)


def _info(event: str, **fields: str | float | None) -> Line:
    return Line(level=logging.INFO, event=event, fields=fields)


def _warning(event: str, **fields: str | float | None) -> Line:
    return Line(level=logging.WARNING, event=event, fields=fields)


class _Json(logging.Formatter):
    """One JSON object: time, level, event, run, plan, and what the event has."""

    def format(self, record: logging.LogRecord) -> str:
        data: dict[str, object] = record.__dict__["etl"]
        return json.dumps({"time": _time(record), "level": record.levelname.lower(), **data})


class _Text(logging.Formatter):
    """Time, level and event, then `key=value`; values are JSON, so no line can be forged."""

    def format(self, record: logging.LogRecord) -> str:
        data: dict[str, object] = record.__dict__["etl"]
        pairs = [f"{name}={json.dumps(value)}" for name, value in data.items() if name != "event"]
        return " ".join([_time(record), record.levelname, str(data["event"]), *pairs])


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _PrivateFile(WatchedFileHandler):
    """Appends to a file that only its owner can read; opens it anew when logrotate has moved it away."""

    _complained = False

    def _open(self) -> TextIO:  # type: ignore[override]
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8")

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line; opening the file anew may fail, too."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  logging's signature
        """Say once that the log can't be written, and let the run go on."""
        if self._complained:
            return
        self._complained = True
        error = sys.exc_info()[1]
        reason = getattr(error, "strerror", None) or type(error).__name__
        with suppress(OSError):
            sys.stderr.write(f"etl: the log can't be written ({reason}); the run goes on without it\n")


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to stderr; whoever closed it wants no log."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  logging's signature
        """Say nothing: there is nobody left to say it to."""


def _opened(path: Path | None) -> logging.Handler:
    try:
        return _Stderr(sys.stderr) if path is None else _PrivateFile(path, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"the log {path} can't be opened: {error.strerror}") from error
