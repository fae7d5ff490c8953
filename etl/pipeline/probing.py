"""Is each worker of a cluster fit for a run: its versions, and what it can see from where it is?"""

import os
import platform
import socket
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final
from urllib.parse import urlsplit

from etl import __version__
from etl.cluster.interface import Engine
from etl.config.secrets import read_token
from etl.config.target import Target, is_loopback
from etl.errors import EtlError, UsageError
from etl.storage.remote import RemoteDepot

_PACKAGES: Final = ("duckdb", "pyarrow", "pandas", "pydantic", "psycopg", "httpx")
"""Those whose values travel, or whose versions decide what a plan holds."""

_SECONDS: Final = 3.0
_HTTP_PORT: Final = 80

_MOUNT_IT: Final = (
    "set `state` to a folder that all machines mount at the same path, or to a place in an object store"
)
_LET_IT_IN: Final = (
    "each worker reads and writes the store of `state` by its own credentials and settings, such as "
    "AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL or the machine's role: give them to the worker's process"
)
_GIVE_IT_THERE: Final = (
    "each worker reads the token from its own environment, file or keyring, so that it never crosses the "
    "network: give it to the worker's process, as a Kubernetes Secret does"
)
_LOOPBACK: Final = "--sandbox, and other targets on loopback, need workers on the machine of the command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What a worker is asked; None: that is not needed."""

    store: str | None = field(default=None, repr=False)
    """The URI of a place in an object store that every worker must read. May hold credentials."""
    writes: bool = False
    """Whether it must write there, too."""
    folder: Path | None = None
    """A folder that every worker must see."""
    token_file: str = ""
    """The name of a file in either, and what it holds: another machine may have a folder of that name."""
    token_text: str = ""
    target: Target | None = None
    """Whose token every worker must find."""
    job_folder: Path | None = None
    """What the token's path starts from."""
    address: str | None = None
    """One on this machine, `http://127.0.0.1:port`, that a worker must reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What a worker answers."""

    versions: dict[str, str]
    problems: tuple[tuple[str, str], ...]
    """Each with a remedy."""


def look(probe: Probe) -> Sight:
    """Return what this process is and sees."""
    problems = [
        *_store_problem(probe),
        *_folder_problem(probe),
        *_token_problem(probe),
        *_address_problem(probe),
    ]
    return Sight(versions=versions(), problems=tuple(problems))


def versions() -> dict[str, str]:
    """Return what must be the same everywhere."""
    found = {"etl": __version__, "python": ".".join(platform.python_version_tuple()[:2])}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def require(engine: Engine, probe: Probe) -> None:
    """Make sure that every worker can take part.

    Raises:
        UsageError: naming the first worker that can't, why, and what to do.
    """
    ours = versions()
    for worker, sight in sorted(engine.survey(look, probe).items()):
        if isinstance(sight, EtlError):
            raise UsageError(f"worker {worker}: {sight.message}", hint=sight.hint)
        if isinstance(sight, BaseException):
            raise UsageError(
                f"worker {worker} can't run etl: {type(sight).__name__}",
                hint=f"pip install 'etl[cluster]=={__version__}' on every worker",
            )
        _require_same(worker, ours, sight.versions)
        if sight.problems:
            fault, remedy = sight.problems[0]
            raise UsageError(f"worker {worker}: {fault}", hint=remedy)


def _require_same(worker: str, ours: Mapping[str, str], theirs: Mapping[str, str]) -> None:
    other = [
        f"{name} {theirs.get(name)} (here {mine})" for name, mine in ours.items() if theirs.get(name) != mine
    ]
    if other:
        raise UsageError(
            f"worker {worker} has other versions: {', '.join(other)}",
            hint="install the same ones everywhere, as one container image or one lock file does",
        )


def _folder_problem(probe: Probe) -> list[tuple[str, str]]:
    if probe.folder is None:
        return []
    with suppress(OSError):
        if (probe.folder / probe.token_file).read_text(encoding="ascii") == probe.token_text:
            return []
    return [(f"it does not see the state folder {probe.folder}", _MOUNT_IT)]


def _store_problem(probe: Probe) -> list[tuple[str, str]]:
    if probe.store is None:
        return []
    try:
        with NamedTemporaryFile() as file:
            own = f"{probe.token_file}-{Path(file.name).name}"
            depot = RemoteDepot.of(probe.store, cache=Path(file.name))
            with suppress(FileNotFoundError):
                if depot.read(probe.token_file) == probe.token_text.encode("ascii"):
                    if probe.writes:
                        depot.publish(Path(file.name), own)
                        depot.remove(own)
                    return []
    except EtlError as error:
        return [(error.message, _LET_IT_IN)]
    except OSError as error:
        return [(f"it has no room for temporary files: {type(error).__name__}", "free disk space there")]
    return [(f"{depot.location}: it does not find there what this command has just written", _LET_IT_IN)]


def _token_problem(probe: Probe) -> list[tuple[str, str]]:
    if probe.target is None or probe.job_folder is None:
        return []
    try:
        read_token(probe.target, folder=probe.job_folder, environ=os.environ)
    except EtlError as error:
        return [(error.message, _GIVE_IT_THERE)]
    return []


def _address_problem(probe: Probe) -> list[tuple[str, str]]:
    if probe.address is None or not is_loopback(probe.address):
        return []
    parts = urlsplit(probe.address)
    with suppress(OSError):
        place = (parts.hostname or "", parts.port or _HTTP_PORT)
        with closing(socket.create_connection(place, timeout=_SECONDS)):
            return []
    return [(f"it does not reach {probe.address}, which is this machine", _LOOPBACK)]
