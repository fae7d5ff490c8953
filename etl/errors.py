"""Every error that a person sees, grouped by what to do next.

`EtlError` is never raised itself. Each group is one exit code; `hint` is the next thing to do. The
command line prints `message`, then `hint`, and leaves with `exit_code`. Foreign exceptions (httpx,
sqlite3, pyarrow, duckdb, pydantic) are turned into these at the edge of the package that meets them.

    EtlError
    ├── UsageError      2   the command line or the job file must change
    ├── InputError      4   a source file must change, or what the job says of it
    ├── LedgerError     5   the results ledger can't be used: nothing was sent that is not in it
    │   ├── LedgerAwayError     its database can't be reached, or went away: try again once it is back
    │   └── LedgerFullError     its disk has no room
    ├── RefusedError    6   the API refused the run: credentials, address, contract
    ├── LaterError     75   nothing is wrong: another run is active, or the API said "later"
    │   └── EngineError         the cluster of --cluster is gone, or lost a part of the work
    └── LeftError     130   a person wanted to leave, and the ledger could not be asked any more
        └── LeftByTermError    143   likewise, at SIGTERM
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the process says when it ends; the README has the same table."""

    OK = 0
    DEFECT = 1
    USAGE = 2
    INCOMPLETE = 3
    INPUT = 4
    LEDGER = 5
    REFUSED = 6
    LATER = 75
    INTERRUPTED = 130
    TERMINATED = 143

    @property
    def meaning(self) -> str:
        """Return what the code tells a script, in one line."""
        return _MEANINGS[self]


_MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "everything asked for was done; for `import`: all messages are accepted",
    ExitCode.DEFECT: "a defect of etl itself; the message says how to report it",
    ExitCode.USAGE: "the command line or the job file is wrong; nothing was done",
    ExitCode.INCOMPLETE: "finished, or ended by `--max-…` or `--canary`, but something was rejected, is "
    "uncertain, held or still pending",
    ExitCode.INPUT: "the input can't be read or fails validation; nothing was sent",
    ExitCode.LEDGER: "the ledger can't be used; sending stopped",
    ExitCode.REFUSED: "the API refused the run (credentials, address, contract); sending stopped",
    ExitCode.LATER: "another run holds the lock, the API can't be reached, is in trouble or said later, "
    "`replay.window` is closed, or the cluster is gone; try again later",
    ExitCode.INTERRUPTED: "interrupted (Ctrl-C) and drained; the same command resumes",
    ExitCode.TERMINATED: "terminated (SIGTERM) and drained; the same command resumes",
}


class EtlError(Exception):
    """The base of all errors that people see.

    Attributes:
        message: what is wrong and where, without any message text and without the token.
        hint: what to do next; may be empty.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.DEFECT

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(EtlError):
    """The command line or the job file must change."""

    exit_code = ExitCode.USAGE


class InputError(EtlError):
    """A source file must change, or what the job says of it."""

    exit_code = ExitCode.INPUT


class LedgerError(EtlError):
    """The ledger can't be used, so nothing may be sent."""

    exit_code = ExitCode.LEDGER


class LedgerAwayError(LedgerError):
    """Its database can't be reached, or went away; the same command works once it is back."""


class LedgerFullError(LedgerError):
    """The disk has no room for it; nothing of the refused change stays."""


class RefusedError(EtlError):
    """The API refused the run as a whole."""

    exit_code = ExitCode.REFUSED


class LaterError(EtlError):
    """Nothing is wrong; the same command works later."""

    exit_code = ExitCode.LATER


class LeftError(EtlError):
    """A signal ended the run, and the ledger can't say how it stands."""

    exit_code = ExitCode.INTERRUPTED


class LeftByTermError(LeftError):
    """The signal was SIGTERM."""

    exit_code = ExitCode.TERMINATED


class EngineError(LaterError):
    """The cluster is gone, or lost a part of the work; what is recorded stands."""
