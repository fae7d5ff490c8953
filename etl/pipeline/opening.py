"""Opening a target's ledger for writing: the lock, what is remembered of it, what a dead run left."""

import getpass
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

from etl.clock import MICROSECONDS, SYSTEM
from etl.config.workspace import Workspace
from etl.errors import LedgerError, UsageError
from etl.ledger.interface import Ledger, LedgerName
from etl.ledger.lock import TargetLock
from etl.ledger.marks import Mark, Marks, concern, explained, memory_folder
from etl.ledger.place import Place, place
from etl.ledger.rescue import keep_ballast, kept_outcomes
from etl.model.events import Event, Warned
from etl.pipeline.depots import forget_rescued, rescued


class Trust(StrEnum):
    """What the command line says of the ledger."""

    REMEMBERED = "remembered"
    """It must be the one that is remembered; where nothing is, a first one may be made."""
    NEW = "new"
    """Begin anew although one is remembered."""
    RESTORED = "restored"
    """It was put back from a copy: what it does not know as settled is in doubt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A ledger that only this process writes."""

    ledger: Ledger
    recovered: int
    """Messages whose outcome a dead run left unknown."""
    mark: str
    """The ledger's before that: a plan holds no message in flight and no uncertain one, so it is as old."""
    clock_ahead_seconds: float = 0.0
    """By how much the wall clock was set forward since the target was last used: what was stamped before
    seems to be so much older than it is."""


@contextmanager
def opened(
    space: Workspace,
    *,
    create: bool,
    observe: Callable[[Event], None],
    trust: Trust = Trust.REMEMBERED,
) -> Iterator[Opened]:
    """Hold the target's lock and its ledger, ready to go on.

    Raises:
        LaterError: another run holds the lock.
        LedgerError: the ledger can't be used, or is not the one that is remembered.
        UsageError: there is no ledger, or `trust` does not fit what is there.
    """

    def warn(message: str) -> None:
        observe(Warned(message=message))

    where = place_of(space)
    if not create and where.is_missing():
        raise UsageError(f"there is no ledger {where}", hint="etl import JOB makes it")
    if space.uri is not None:
        space.create()
    with TargetLock(space.folder) as lock, rescued(space, observe):
        marks = marks_of(space)
        known = marks.read()
        fresh = where.is_missing()
        _refuse_missing(where, known, trust, fresh=fresh)
        with closing(where.open(create=create, marks=marks, warn=warn)) as ledger:
            _vouch(where, ledger, known, trust)
            if fresh and (trust is Trust.NEW or not known):
                _begin(space, marks, ledger.name(), trust, observe)
            keep_ballast(space.folder)
            where.end_workers(warn)
            _read_back(space, ledger, observe)
            mark = ledger.mark()
            recovered = ledger.recover(now_us=SYSTEM.wall_us())
            # A server's clock is its own.
            ahead_us = 0 if ledger.distant else lock.clock_ahead_us
            _prolong_hold_off(ledger, ahead_us)
            yield Opened(
                ledger=ledger,
                recovered=recovered,
                mark=mark,
                clock_ahead_seconds=ahead_us / MICROSECONDS,
            )
            # At the end: a killed run's million messages are read for it, and the first request would wait.
            seal(ledger)


def seal(ledger: Ledger) -> None:
    """Seal what can be; what there is no room for now the next command that writes seals."""
    with suppress(LedgerError):
        ledger.seal(now_us=SYSTEM.wall_us())


@contextmanager
def read(space: Workspace) -> Iterator[Ledger]:
    """Give the ledger for questions, also beside a running import.

    Raises:
        UsageError: nothing was imported yet.
        LedgerError: the ledger was lost, or can't be read.
    """
    where = place_of(space)
    ledger = where.read()
    if ledger is None:
        found = concern(None, marks_of(space).read())
        if found:
            raise explained(*found, str(where))
        raise UsageError(
            f"nothing was imported to {space.target} yet: there is no ledger {where}",
            hint="etl check JOB, then etl import JOB; for the sandbox's ledger say --sandbox",
        )
    with closing(ledger):
        yield ledger


def place_of(space: Workspace) -> Place:
    """Return where a target's ledger is.

    Raises:
        UsageError: the job's `ledger` can't be read, or needs a package that is not installed.
    """
    return place(space.ledger, space.ledger_url, target=space.target)


def marks_of(space: Workspace) -> Marks:
    """Return where a target's ledger is remembered."""
    memory = memory_folder(os.environ) if space.lasting else None
    known_as = None if space.ledger_url is None else str(place_of(space))
    return Marks(space.ledger, target=space.target, memory=memory, known_as=known_as)


def ledger_concern(space: Workspace, ledger: Ledger | None) -> str | None:
    """Return in one line why a ledger (None: there is none) is not the one that is remembered, if so."""
    found = concern(ledger.name() if ledger else None, marks_of(space).read())
    return explained(*found, str(place_of(space))).message if found else None


def who() -> str:
    """Return who gives a word: user@host."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _refuse_missing(where: Place, known: list[Mark], trust: Trust, *, fresh: bool) -> None:
    if trust is Trust.NEW and not fresh:
        raise UsageError(
            f"there is a ledger {where}: --new-ledger only begins anew where none is",
            hint="leave --new-ledger out; or, if it is really not to be used, move it away first",
        )
    if trust is Trust.RESTORED and fresh:
        raise UsageError(f"there is no ledger {where}", hint="put the copy there first")
    found = concern(None, known) if fresh and trust is Trust.REMEMBERED else None
    if found:
        raise explained(*found, str(where))


def _vouch(where: Place, ledger: Ledger, known: list[Mark], trust: Trust) -> None:
    if trust is Trust.RESTORED:
        generation = max((mark.generation for mark in known), default=0)
        ledger.restore(generation=generation, who=who(), why="--restored", now_us=SYSTEM.wall_us())
        return
    found = concern(ledger.name(), known) if trust is Trust.REMEMBERED else None
    if found:
        raise explained(*found, str(where))


def _begin(
    space: Workspace,
    marks: Marks,
    name: LedgerName,
    trust: Trust,
    observe: Callable[[Event], None],
) -> None:
    if trust is Trust.NEW:
        observe(Warned(message="a new ledger: nothing that was sent before is known, so it is sent again"))
        marks.write(name)
    if space.lasting and memory_folder(os.environ) is None:
        observe(Warned(message=f"no home folder: the loss of {space.folder} as a whole would not be noticed"))


def _prolong_hold_off(ledger: Ledger, clock_ahead_us: int) -> None:
    """Keep what is left of a pause that the API asked for when the clock was set forward since."""
    until_us = ledger.hold_off_us()
    if clock_ahead_us and until_us is not None and until_us > SYSTEM.wall_us() - clock_ahead_us:
        ledger.set_hold_off(until_us + clock_ahead_us)


def _read_back(space: Workspace, ledger: Ledger, observe: Callable[[Event], None]) -> None:
    """Take in the outcomes that dead runs knew and could not store, before `recover` makes them doubt."""
    for path, outcomes in kept_outcomes(space.folder, identity=ledger.name().identity).items():
        count = ledger.apply_late(outcomes)
        with suppress(OSError):
            path.unlink()
        forget_rescued(space, path)
        observe(Warned(message=f"{count} outcomes that the ledger had no room for were read back"))
