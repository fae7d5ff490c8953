"""What to do with a known outcome that the ledger has no room for: it must not become doubt.

Chosen: first a ballast file is given up, whose space no other program could take meanwhile; if that does
not help, the outcome goes into a file of its own, which the next start reads back.
"""

import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol

from etl.ledger.interface import Outcome
from etl.ledger.lock import sync_folder
from etl.model.states import State

BALLAST_BYTES: Final = 8 * 1024 * 1024

_PREFIX: Final = "outcomes-"
KEPT: Final = f"{_PREFIX}*.jsonl"
"""The names of files that outcomes are kept in."""

_BALLAST: Final = "ballast"
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Rescue(Protocol):
    """The last resort of a writer whose ledger refuses an outcome."""

    def make_room(self) -> None:
        """Free what can be freed; may be called again."""

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        """Keep outcomes elsewhere, as well as can be; raises nothing."""


class SideFile:
    """Keeps outcomes in `<folder>/outcomes-<run>.jsonl`, and says them.

    Args:
        folder: where ledger and ballast are.
        identity: the ledger's, so that no other one takes these outcomes.
        say: gets each outcome as a line, for the case that the file can't be written either.
    """

    def __init__(self, folder: Path, *, identity: str, run: int, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._path = folder / f"{_PREFIX}{run}.jsonl"
        self._identity = identity
        self._say = say

    def make_room(self) -> None:
        """Give up the ballast."""
        with suppress(OSError):
            (self._folder / _BALLAST).unlink()

    def keep(self, outcomes: Sequence[Outcome]) -> None:
        """Append the outcomes, synced, and say each."""
        lines = [json.dumps({"ledger": self._identity, **outcome._asdict()}) for outcome in outcomes]
        if not self._append(lines):
            self.make_room()
            self._append(lines)
        for line in lines:
            self._say(f"an outcome that the ledger could not take: {line}")

    def _append(self, lines: Sequence[str]) -> bool:
        try:
            descriptor = os.open(self._path, _FLAGS | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "ab") as file:
                # Each line ends the one before, which a full disk may have cut.
                file.write("".join(f"\n{line}" for line in lines).encode())
                file.flush()
                os.fsync(descriptor)
            sync_folder(self._folder)
        except OSError:
            return False
        return True


def keep_ballast(folder: Path) -> bool:
    """Make sure that the ballast is there; return False where there is no room for it."""
    path = folder / _BALLAST
    try:
        descriptor = os.open(path, _FLAGS, 0o600)
        try:
            if os.fstat(descriptor).st_size < BALLAST_BYTES:
                os.posix_fallocate(descriptor, 0, BALLAST_BYTES)
        finally:
            os.close(descriptor)
    except OSError:
        with suppress(OSError):
            path.unlink()
        return False
    return True


def kept_outcomes(folder: Path, *, identity: str) -> dict[Path, list[Outcome]]:
    """Return the outcomes of one ledger that dead runs kept, by file; a line that was cut says nothing."""
    found = {path: _outcomes(path, identity) for path in sorted(folder.glob(KEPT))}
    return {path: outcomes for path, outcomes in found.items() if outcomes}


def _outcomes(path: Path, identity: str) -> list[Outcome]:
    found = []
    with suppress(OSError):
        for line in path.read_bytes().splitlines():
            with suppress(ValueError, TypeError, KeyError, AttributeError):
                fields: dict[str, Any] = json.loads(line)
                if fields.pop("ledger") == identity:
                    found.append(Outcome(**{**fields, "state": State(fields["state"])}))
    return found
