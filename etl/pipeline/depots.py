"""What other machines see of a target's folder where the state is in an object store.

There are its plans, reports and what was sent by hand. The folder on this machine is scratch then: what a
killed command could not publish is published by the next one here, and may be lost with the machine, because
plans and reports can be made again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from etl.config.workspace import Workspace
from etl.errors import EtlError
from etl.ledger.rescue import KEPT
from etl.model.events import Event, Warned
from etl.storage.files import placed
from etl.storage.remote import RemoteDepot

CHECKS: Final = "check-*.json"
"""What a run report compares the run with."""

_OUTCOMES: Final = "outcomes"
"""The folder there of outcomes that the ledger had no room for."""


def depot_of(space: Workspace) -> RemoteDepot | None:
    """Return the store's folder of a target; None where the state is a folder of this machine.

    Its copies lie in the target's folder here, each under the same name.

    Raises:
        UsageError: the state is in no store that is known.
    """
    return None if space.uri is None else RemoteDepot.of(space.uri, cache=space.folder)


def by_hand(space: Workspace) -> Path:
    """Return the folder of records of what was sent by hand, one file for each message."""
    return space.folder / "sent-by-hand"


def record_of_all(space: Workspace) -> Path:
    """Return the one record of what was sent by hand, where the state is a folder of this machine."""
    return space.folder / "sent-by-hand.jsonl"


def records_by_hand(space: Workspace) -> list[Path]:
    """Return the records of all that was sent by hand, brought to this machine.

    Raises:
        LaterError: the store can't be reached.
        UsageError: it may not be read.
    """
    depot = depot_of(space)
    if depot is None:
        return list(_files(record_of_all(space)))
    for name in depot.names(by_hand(space).name):
        depot.fetch(name)
    return list(_files(by_hand(space)))


def make_ready(space: Workspace) -> None:
    """Make the target's folder, and publish the reports that a killed command has left in it.

    Raises:
        LaterError: the store can't be reached.
        UsageError: it can't be used, or the folder can't be made.
    """
    space.create()
    depot = depot_of(space)
    if depot is None:
        return
    depot.reach()
    made = [*_files(space.reports), *_files(by_hand(space))]
    left = [path for path in made if not depot.cache.noted(_name(space, path))]
    publish(space, *left)


def publish(space: Workspace, *paths: Path) -> None:
    """Publish files of the target's folder, and all that is in folders.

    Raises:
        LaterError: the store can't be reached.
        UsageError: it may not be written.
    """
    depot = depot_of(space)
    if depot is None:
        return
    for path in paths:
        for file in _files(path):
            depot.publish(file, _name(space, file))


def publish_or_warn(space: Workspace, *paths: Path, observe: Callable[[Event], None]) -> None:
    """Publish as `publish`; say what went wrong where nothing else depends on it."""
    try:
        publish(space, *paths)
    except EtlError as error:
        places = ", ".join(str(path) for path in paths)
        observe(Warned(message=f"{error.message}: still only here: {places}"))


def fetch_reports(space: Workspace, pattern: str) -> None:
    """Bring the reports whose file names fit to this machine.

    Raises:
        LaterError: the store can't be reached.
        UsageError: it may not be read.
    """
    depot = depot_of(space)
    if depot is None:
        return
    for name in depot.names(space.reports.name):
        if fnmatchcase(name, f"{space.reports.name}/{pattern}"):
            depot.fetch(name)


@contextmanager
def rescued(space: Workspace, observe: Callable[[Event], None]) -> Iterator[None]:
    """Share the outcomes that a ledger had to refuse, beside which they lie on one machine.

    On entry those that others kept are brought here; on exit those that are left are published.

    Raises:
        LaterError: the store can't be reached; nothing is done yet.
        UsageError: it can't be read, or this machine has no room.
    """
    depot = depot_of(space)
    if depot is None:
        yield
        return
    for name in depot.names(_OUTCOMES):
        path = space.folder / name.rpartition("/")[2]
        if not path.exists():  # else it comes from here
            with placed(path, durable=True) as sink:
                sink.write(depot.read(name))
    try:
        yield
    finally:
        _leave(space, depot, observe)


def forget_rescued(space: Workspace, path: Path) -> None:
    """Remove outcomes from the store that the ledger has now.

    Raises:
        LaterError: the store can't be reached; they are read back once more, which changes nothing.
        UsageError: it can't be written.
    """
    depot = depot_of(space)
    if depot is not None:
        depot.remove(f"{_OUTCOMES}/{path.name}")


def _leave(space: Workspace, depot: RemoteDepot, observe: Callable[[Event], None]) -> None:
    for path in sorted(space.folder.glob(KEPT)):
        try:
            depot.publish(path, f"{_OUTCOMES}/{path.name}")
        except EtlError as error:
            observe(Warned(message=f"{error.message}: outcomes that the ledger lacks are only here: {path}"))


def _files(path: Path) -> Iterator[Path]:
    """Yield a file, or the files in a folder that have taken their place; nothing there is none."""
    if path.is_dir():
        yield from sorted(one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
    elif path.exists():
        yield path


def _name(space: Workspace, path: Path) -> str:
    return path.relative_to(space.folder).as_posix()
