"""What an error of PostgreSQL means for a person: values and passwords are never part of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from etl.errors import LedgerAwayError, LedgerError, LedgerFullError
from etl.ledger.postgres.address import Address

FENCED: Final = "ETL01"
"""The SQLSTATE of a writer whose ledger was opened by somebody else."""

_TOO_MANY_CONNECTIONS: Final = "53300"

_UNKNOWN: Final = ("can't be used", "nothing was changed; run `etl doctor` on the job")
_UNREACHABLE: Final = (
    "can't be reached",
    "check `ledger` in the job, the server and the network; the same command resumes",
)
_RIGHTS: Final = (
    "may not be used by this account",
    "name the account that made the ledger; to make one it needs: GRANT CREATE ON DATABASE … TO …",
)
_NO_TEXT: Final = (
    "can't store a text that is no Unicode",
    "check the user ids of the export for broken characters",
)

_HINTS: Final[dict[str, tuple[str, str]]] = {
    "28P01": ("refuses the password", "set PGPASSWORD, or keep it in ~/.pgpass (readable by you only)"),
    "28000": (
        "refuses the account",
        "check the user in `ledger`, the password (PGPASSWORD or ~/.pgpass) and the server's pg_hba.conf",
    ),
    "3D000": ("is in a database that does not exist", "make it: createdb --encoding=UTF8 NAME"),
    "42501": _RIGHTS,
    "53100": ("can't grow: the server's disk is full", "free some space there; the same command resumes"),
    _TOO_MANY_CONNECTIONS: (
        "gets no connection: the server has too many",
        "raise max_connections, or close other programs",
    ),
    "55P03": (
        "is kept locked by a worker that hangs, or by another program",
        "see `SELECT * FROM pg_stat_activity`, end who holds the lock; the same command resumes",
    ),
    "25006": ("is read-only: the server is a standby", "name the primary server in `ledger`"),
    "22021": _NO_TEXT,
    "22P05": _NO_TEXT,
    FENCED: (
        "was opened by another run meanwhile",
        "this run stopped and wrote nothing more; see `etl status` for what it left uncertain",
    ),
}

_DEFECT: Final = (
    "refuses a change that its rules forbid",
    "this is a defect of etl unless somebody edited the ledger; nothing was changed",
)


# libpq gives no SQLSTATE for a connection that is refused, only the server's words.
_REFUSALS: Final = (
    ("password authentication failed", "28P01"),
    ("no password supplied", "28P01"),
    ("no pg_hba.conf entry", "28000"),
    ("authentication failed", "28000"),
    ("is not permitted to log in", "28000"),
    ('role "', "28000"),
    ('database "', "3D000"),
    ("permission denied", "42501"),
    ("too many", _TOO_MANY_CONNECTIONS),
    ("connection slots", _TOO_MANY_CONNECTIONS),
)


def state_of(error: psycopg.Error) -> str:
    """Return the SQLSTATE of an error; empty where there is none: the server did not say anything."""
    if error.sqlstate is not None or not isinstance(error, psycopg.OperationalError):
        return error.sqlstate or ""
    text = str(error)
    return next((state for words, state in _REFUSALS if words in text), "")


def is_lost(error: psycopg.Error) -> bool:
    """Return whether the connection went, so that nobody knows what the server did last; or can't be made."""
    state = state_of(error)
    if not state:
        return isinstance(error, psycopg.OperationalError)
    # 57P0x: the server or an administrator ended the session; 25P03: it paused for too long, as on a machine
    # that froze; 08: the connection itself.
    return state.startswith(("57P0", "25P03", "08"))


def is_passing(error: psycopg.Error) -> bool:
    """Return whether the same attempt may work in a moment: the connection went, or there are too many."""
    return is_lost(error) or state_of(error) == _TOO_MANY_CONNECTIONS


def failure(address: Address, error: psycopg.Error) -> LedgerError:
    """Return what a driver's exception means for a person."""
    state = state_of(error)
    if state.startswith("23"):
        fault, hint = _DEFECT
    else:
        fault, hint = _HINTS.get(state) or (_UNREACHABLE if is_lost(error) else _UNKNOWN)
    kind = LedgerAwayError if is_passing(error) else LedgerFullError if state == "53100" else LedgerError
    return kind(f"the ledger {address} {fault}{said(error)}", hint=hint)


@contextmanager
def translated(address: Address) -> Iterator[None]:
    """Turn the driver's exceptions into `LedgerError`."""
    try:
        yield
    except UnicodeError:
        # Not chained: the text of this exception shows the value.
        raise LedgerError(f"the ledger {address} {_NO_TEXT[0]}", hint=_NO_TEXT[1]) from None
    except psycopg.Error as error:
        # Not chained: the server's details repeat rows.
        raise failure(address, error) from None


def said(error: psycopg.Error) -> str:
    """Return the server's own word: its first line, where the values of a row never stand."""
    if error.sqlstate == FENCED:
        return ""
    text = error.diag.message_primary or (str(error).splitlines() or [""])[0]
    # Where a server has many addresses, libpq tells of each in turn; the last part is the reason.
    return f" ({text.rpartition('FATAL: ')[2].strip()})" if text else ""
