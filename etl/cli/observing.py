"""Who watches a command: progress for people, a log for machines, or both."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from etl.cli.console import Progress, ToldError
from etl.cli.gathered import gathered
from etl.errors import EtlError, ExitCode
from etl.model.events import Event, Failed
from etl.report.log import EventLog, LogFormat, LogLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWish:
    """What the command line, or the environment, asks of the log."""

    path: Path | None
    log_format: LogFormat | None
    level: LogLevel

    @property
    def instead_of_text(self) -> bool:
        """Return whether the log goes to stderr, in the place of progress and result."""
        return self.path is None and self.log_format is not None


def log_wish(log_file: Path | None, log_format: str | None, log_level: str) -> LogWish:
    """Return the options as one value."""
    return LogWish(
        path=log_file,
        log_format=None if log_format is None else LogFormat(log_format),
        level=LogLevel(log_level),
    )


logging_options = gathered(
    "log",
    log_wish,
    click.option(
        "--log-file",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="ETL_LOG_FILE",
        show_envvar=True,
        help="Append the run's events to this file, one line each, without texts and user ids.",
    ),
    click.option(
        "--log-format",
        type=click.Choice([form.value for form in LogFormat]),
        envvar="ETL_LOG_FORMAT",
        show_envvar=True,
        help="Log events: into --log-file (json unless said), else to stderr instead of progress and result.",
    ),
    click.option(
        "--log-level",
        type=click.Choice([level.value for level in LogLevel]),
        default=LogLevel.INFO.value,
        show_default=True,
        envvar="ETL_LOG_LEVEL",
        show_envvar=True,
        help="debug has a line for each message.",
    ),
)
"""Adds --log-file, --log-format and --log-level, as `log`."""


class Watch:
    """The observer of a command: whoever takes part gets every event."""

    def __init__(self, *, progress: Progress | None, log: EventLog | None) -> None:
        self._progress = progress
        self._log = log

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if self._progress is not None:
            self._progress(event)
        if self._log is not None:
            self._log(event)

    def pause(self) -> None:
        """Make room on the terminal for a question."""
        if self._progress is not None:
            self._progress.pause()


@contextmanager
def observing(wish: LogWish, *, quiet: bool) -> Iterator[Watch]:
    """Give the observer of a command; what ends it is logged, too.

    Raises:
        UsageError: the log can't be opened.
        ToldError: in place of an error that the log on stderr has told already.
    """
    if wish.path is None and wish.log_format is None:
        with Progress(quiet=quiet) as progress:
            yield Watch(progress=progress, log=None)
        return
    log = EventLog(wish.path, log_format=wish.log_format or LogFormat.JSON, level=wish.level)
    try:
        if wish.instead_of_text:
            yield Watch(progress=None, log=log)
        else:
            with Progress(quiet=quiet) as progress:
                yield Watch(progress=progress, log=log)
    except BaseException as error:
        failed = _failure(error)
        log(failed)
        # A defect is told by `main` all the same: it knows the place.
        if wish.instead_of_text and failed.exit_code is not ExitCode.DEFECT:
            raise ToldError(failed) from error
        raise
    finally:
        log.close()


def _failure(error: BaseException) -> Failed:
    """Return what ended a command; of a defect the type alone, since its text could quote a message."""
    match error:
        case EtlError():
            return Failed(message=error.message, hint=error.hint, exit_code=error.exit_code)
        case KeyboardInterrupt():
            return Failed(message="interrupted", hint="", exit_code=ExitCode.INTERRUPTED)
        case Exception():
            return Failed(message=type(error).__name__, hint="", exit_code=ExitCode.DEFECT)
        case _:
            return Failed(message="terminated", hint="", exit_code=ExitCode.TERMINATED)
