"""The command group, and the one place where errors become exit codes."""

import gc
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from types import FrameType
from typing import Final, NoReturn

import click

from etl import __version__
from etl.cli.console import ToldError, give, say
from etl.errors import EtlError, ExitCode

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "init": ("etl.cli.init", "Look at an export and write a job file for it."),
    "check": ("etl.cli.check", "Dry run: read everything, plan it, say what an import would do."),
    "import": ("etl.cli.importing", "The main job: plan, replay, ledger, report. Run again, it resumes."),
    "plan": ("etl.cli.planning", "The first half of an import: make the plan, send nothing."),
    "replay": ("etl.cli.replaying", "The second half: send a plan that is there, without the input."),
    "status": ("etl.cli.status", "How the last plan stands, what is uncertain or held, what to type next."),
    "settle": ("etl.cli.settle", "Decide uncertain messages by your word."),
    "retry": ("etl.cli.retry", "Put rejected messages back, to be sent again in order."),
    "report": ("etl.cli.report", "A run's report from plan and ledger; --verify: was the ledger changed?"),
    "verify": ("etl.cli.verify", "Read the platform's report back: what is missing, doubled, shifted."),
    "ledger": ("etl.cli.ledger", "The results ledger: export it as a table, back it up."),
    "doctor": ("etl.cli.doctor", "Is everything ready: job, files, token, target, disk, ledger, lock?"),
    "send": ("etl.cli.send", "One message by hand, to try a deployment before trusting it."),
    "sandbox": ("etl.cli.sandbox", "Serve a stand-in for the platform on this machine."),
}
"""Name -> module that holds its `command`, and its line in the help."""


class _LazyGroup(click.Group):
    """Imports a command's module only when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        # What is imported stays: looking through it for garbage meanwhile takes a tenth of start-up.
        gc.disable()
        try:
            command = import_module(COMMANDS[cmd_name][0]).command
        finally:
            gc.enable()
        assert isinstance(command, click.Command)  # noqa: S101  for the type checker
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="etl", message="%(prog)s %(version)s")
def cli() -> None:
    """Replay a helpdesk history into Certainly as standby messages, with exact accounting.

    Start with `etl init FILES`, which writes a job file, then `etl check JOB` and `etl import JOB`. With
    --sandbox these run against a stand-in platform on this machine and need no account.
    """


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code; no exception and no traceback escapes."""
    code = _run(arguments)
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        sys.stderr = None  # nobody reads it; at exit Python would try again, and end with a code of its own
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        sys.stdout = None  # or Python would try again at exit, and complain in its own words
        if code is ExitCode.OK and not isinstance(error, BrokenPipeError):
            return _failed(f"stdout can't be written: {error.strerror}", "", ExitCode.USAGE, as_json=False)
    return code


def _run(arguments: Sequence[str]) -> ExitCode:  # noqa: PLR0911  one return for each way to end
    as_json = "--json" in arguments
    signal.signal(signal.SIGTERM, _terminate)
    try:
        result = cli.main(args=list(arguments), prog_name="etl", standalone_mode=False)
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return ExitCode.USAGE
    except (click.Abort, KeyboardInterrupt):
        return _interrupted(ExitCode.INTERRUPTED)
    except _TerminatedError:
        return _interrupted(ExitCode.TERMINATED)
    except EtlError as error:
        return _failed(error.message, error.hint, error.exit_code, as_json=as_json)
    except ToldError as error:
        _error_as_json(error.told.message, error.told.hint, error.told.exit_code, as_json=as_json)
        return error.told.exit_code
    except BrokenPipeError:
        # The reader of our output went away, as `etl ledger export JOB | head` does.
        sys.stdout = None
        return ExitCode.OK
    except Exception as error:  # noqa: BLE001  the last line: no traceback, which could quote a message
        return _failed(
            f"a defect of etl: {_place(error)}",
            "please report this line and the command; running it again is safe",
            ExitCode.DEFECT,
            as_json=as_json,
        )
    return ExitCode(result) if isinstance(result, int) else ExitCode.OK


class _TerminatedError(BaseException):
    """SIGTERM outside of a replay."""


def _terminate(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  a handler's signature
    raise _TerminatedError


def again_where_lost(lost: "sys.UnraisableHookArgs") -> None:
    """Let a signal come again that came within a finalizer: no exception gets out of there.

    It is for `sys.unraisablehook`; all else is told as Python does.
    """
    number = _SIGNALS.get(lost.exc_type)
    if number is None:
        sys.__unraisablehook__(lost)
        return
    signal.signal(signal.SIGALRM, lambda _number, _frame: signal.raise_signal(number))
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_SECONDS)


_SIGNALS: Final[dict[type[BaseException], signal.Signals]] = {
    KeyboardInterrupt: signal.SIGINT,
    _TerminatedError: signal.SIGTERM,
}
_AGAIN_SECONDS: Final = 0.01


def _interrupted(code: ExitCode) -> ExitCode:
    say("etl: stopped; nothing was sent that is not in the ledger. The same command resumes.")
    return code


def _failed(message: str, hint: str, code: ExitCode, *, as_json: bool) -> ExitCode:
    say(f"etl: {message}")
    if hint:
        say(f"     {hint}")
    _error_as_json(message, hint, code, as_json=as_json)
    return code


def _error_as_json(message: str, hint: str, code: ExitCode, *, as_json: bool) -> None:
    if as_json:
        give({"error": {"message": message, "hint": hint}, "exit_code": code})


def _place(error: BaseException) -> str:
    """Return an exception's type and where it arose, without its text, which could quote a message."""
    trace = error.__traceback__
    place = "?"
    while trace is not None:
        code = trace.tb_frame.f_code
        if f"{code.co_filename}".find("/etl/") >= 0 or place == "?":
            place = f"{code.co_filename.rsplit('/etl/', 1)[-1]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"
