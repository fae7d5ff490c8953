"""Runs of the program in which chosen system calls fail, lie or are the last: see `shim.c`."""

import errno
import itertools
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from pathlib import Path

import etl
from support.command import Finished, environment

_HERE = Path(__file__).parent


class Mode(IntEnum):
    """What happens at the chosen point."""

    WATCH = 0
    KILL = 1
    """SIGKILL before the call."""
    TEAR = 2
    """Half of a write is done, then SIGKILL."""
    POWER = 3
    """What was never synced is lost, then SIGKILL: all of it, or with a seed what falls to each sector."""
    FAIL = 4
    SHORTEN = 5
    """Half of a write is done and said to be done."""
    JUMP = 6
    """The wall clock is set."""


class Kind(IntFlag):
    """Which calls are points."""

    WRITE = 1
    SYNC = 2
    SIZE = 4
    NAME = 8
    SEND = 16
    RECEIVE = 32
    """Only with peers, as the next one."""
    CONNECT = 64
    TALK = SEND | RECEIVE | CONNECT
    FILE = WRITE | SYNC | SIZE | NAME
    ANY = FILE | SEND


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What one run meets.

    Attributes:
        at: the number of the point, from 1; 0: never.
        within: only files whose path holds this.
        peers: only sockets to these ports or paths, by name; without any, all sockets of the internet.
        ever: every later point meets it, too.
        until_ballast: with `ever`: until the ballast is given up, as on a disk that is full.
    """

    mode: Mode = Mode.WATCH
    at: int = 0
    kinds: Kind = Kind.ANY
    within: str = ""
    peers: Mapping[str, str] = field(default_factory=dict)
    error: int = errno.ENOSPC
    ever: bool = False
    until_ballast: bool = False
    seed: int = 0
    jump_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran(Finished):
    """A run that ended, and the points that it passed: `pwrite ledger.sqlite-wal`, `send socket`."""

    points: tuple[str, ...]


class Zygote:
    """Forks runs of the program, one after the other."""

    def __init__(self, library: Path, folder: Path) -> None:
        self._library = library
        self._folder = folder
        self._numbers = itertools.count()
        # Coverage's own files would be points; and a killed process has none to tell.
        kept = {name: value for name, value in environment().items() if not name.startswith("COVERAGE_")}
        paths = {"PYTHONPATH": str(Path(etl.__file__).parents[1]), "LD_PRELOAD": str(library)}
        self._process = subprocess.Popen(
            [sys.executable, str(_HERE / "zygote.py")],
            env={**kept, **paths},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert "ready" == self._line()

    def run(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        env: Mapping[str, str],
        fault: Fault | None = None,
    ) -> Ran:
        """Run `etl …` in a folder to its end; only files below it are points."""
        self.start(arguments, folder=folder, env=env, fault=fault)
        return self.end()

    def start(
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        env: Mapping[str, str],
        fault: Fault | None = None,
        program: str = "etl",
    ) -> int:
        """Start `etl …` or `dask worker …`, as `run` does, and return its process id; one at a time."""
        self._said = self._folder / str(next(self._numbers))
        order = {
            "program": program,
            "arguments": list(arguments),
            "folder": str(folder),
            "environment": dict(env),
            "out": f"{self._said}.out",
            "err": f"{self._said}.err",
            "peers": " ".join(f"{name}={place}" for name, place in fault.peers.items()) if fault else "",
            "arm": _words(fault, folder, self._said.with_suffix(".points")) if fault else None,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def said(self) -> str:
        """Return what the running program has told people so far."""
        err = self._said.with_suffix(".err")
        return err.read_text(encoding="utf-8") if err.exists() else ""

    def end(self) -> Ran:
        """Wait for the end of what was started."""
        code = int(self._line())
        log = self._said.with_suffix(".points")
        points = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        return Ran(
            code=code,
            out=self._said.with_suffix(".out").read_text(encoding="utf-8"),
            err=self.said(),
            points=tuple(point.partition(" ")[2] for point in points),
        )

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=30)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def why_not() -> str | None:
    """Return why the shim can't be built here, if so."""
    if sys.platform != "linux":
        return "the shim is for Linux"
    return None if shutil.which("cc") else "no C compiler (cc): the shim can't be built"


def build(folder: Path) -> Path:
    """Compile the shim into a folder and return the library."""
    library = folder / "shim.so"
    words = ["cc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([*words, "-o", str(library), str(_HERE / "shim.c"), "-ldl", "-lpthread"], check=True)
    return library


@contextmanager
def zygote(library: Path, folder: Path) -> Iterator[Zygote]:
    """Run a zygote that keeps its outputs in a folder."""
    folder.mkdir()
    running = Zygote(library, folder)
    try:
        yield running
    finally:
        running.close()


def _words(fault: Fault, folder: Path, log: Path) -> list[str | int]:
    return [
        str(folder.resolve()),
        fault.within,
        str(log),
        int(fault.mode),
        fault.at,
        int(fault.kinds),
        fault.error,
        2 if fault.until_ballast else int(fault.ever),
        fault.seed,
        int(fault.jump_seconds * 1_000_000),
    ]
