"""What is remembered of a ledger outside of it, so that a lost or restored one is noticed.

Chosen: two small files, one beside the ledger and one in the user's state folder, written before a run's
first byte and at its end. Never at a message: the second would cost what the ledger's own fsync costs.
A copy made by hand in the middle of a run that was then killed is the one that can't be told.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, assert_never

from etl.errors import LedgerError
from etl.ledger.interface import LedgerName
from etl.ledger.lock import private_folder, unusable

_BESIDE: Final = "ledger.mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A ledger as it was when it was last remembered."""

    target: str
    identity: str
    generation: int
    ledger: str
    """Where it was."""


class Concern(StrEnum):
    """Why a ledger is not the one that is remembered."""

    LOST = "lost"
    OLDER = "older"
    ANOTHER = "another"


def concern(name: LedgerName | None, marks: Iterable[Mark]) -> tuple[Concern, Mark] | None:
    """Return what is wrong with a ledger (None: there is none) given what is remembered. Pure."""
    for mark in marks:
        if name is None:
            return Concern.LOST, mark
        if name.identity != mark.identity:
            return Concern.ANOTHER, mark
        if name.generation < mark.generation:
            return Concern.OLDER, mark
    return None


def explained(found: Concern, mark: Mark, ledger: str) -> LedgerError:
    """Return a concern in words, with what to do."""
    restored = "say `etl import JOB --restored` once: what it does not know as settled is then uncertain"
    match found:
        case Concern.LOST:
            return LedgerError(
                f"there is no ledger {ledger}, but this target had one: {mark.ledger}; "
                "a new one would send everything again",
                hint=f"put it back; if only a copy is left, put that back and {restored}; "
                "if nothing of this input was ever sent, say --new-ledger",
            )
        case Concern.OLDER:
            return LedgerError(
                f"the ledger {ledger} is an older copy: it does not know what was sent after it was made",
                hint=f"put the newest one back; if there is none, {restored}",
            )
        case Concern.ANOTHER:
            return LedgerError(
                f"the ledger {ledger} is not the one that knows what was sent to this target: "
                f"that was {mark.ledger}",
                hint=f"name it in the job, by `state` or `ledger`; if it is gone, {restored}",
            )
        case _:
            assert_never(found)


class Marks:
    """The marks of one target's ledger.

    Args:
        ledger: the ledger's file; the nearer mark lies beside it.
        memory: the folder of the farther marks, one file for each target; None where there is none.
        known_as: what the ledger is called where it is no file; the file is then never made.
    """

    def __init__(
        self, ledger: Path, *, target: str, memory: Path | None, known_as: str | None = None
    ) -> None:
        name = f"{hashlib.blake2b(target.encode(), digest_size=16).hexdigest()}.json"
        self._known_as = known_as or str(ledger.absolute())
        self._beside = ledger.with_name(_BESIDE)
        self._far = memory / name if memory else None

    def read(self) -> list[Mark]:
        """Return what is remembered, the nearer mark first.

        Raises:
            LedgerError: a mark is there and can't be read.
        """
        try:
            found = [_read(self._beside)]
        except OSError as error:
            raise unusable(self._beside, error) from error
        if self._far:
            # A home that can't be read, as in a container, remembers nothing.
            with suppress(OSError):
                found.append(_read(self._far))
        return [mark for mark in found if mark is not None]

    def write(self, name: LedgerName) -> bool:
        """Remember a ledger; return whether the farther mark could be written, too.

        Raises:
            LedgerError: the nearer one can't be written.
        """
        mark = Mark(
            target=name.target,
            identity=name.identity,
            generation=name.generation,
            ledger=self._known_as,
        )
        try:
            _write(self._beside, mark)
        except OSError as error:
            raise unusable(self._beside, error) from error
        if self._far is None:
            return False
        try:
            private_folder(self._far.parent)
            _write(self._far, mark)
        except (OSError, LedgerError):
            return False
        return True


def memory_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the folder of farther marks: `etl` in $XDG_STATE_HOME or ~/.local/state; None without a home."""
    stated = Path(environ.get("XDG_STATE_HOME", ""))
    if stated.is_absolute():
        return stated / "etl"
    home = Path(environ.get("HOME", ""))
    # A home that does not exist is not made: the account has none.
    return home / ".local" / "state" / "etl" if home.is_absolute() and home.is_dir() else None


def _read(path: Path) -> Mark | None:
    try:
        return Mark(**json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError):
        raise LedgerError(
            f"{path} can't be understood; it tells whether the ledger is the newest",
            hint="if you are sure that the ledger is the newest one, remove this file",
        ) from None


def _write(path: Path, mark: Mark) -> None:
    part = path.with_name(f".{path.name}.part")
    with suppress(FileNotFoundError):
        part.unlink()
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    # A file object goes on after a short write, as a nearly full disk makes them.
    with os.fdopen(descriptor, "wb") as file:
        file.write(json.dumps(asdict(mark)).encode() + b"\n")
        file.flush()
        os.fsync(descriptor)
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
