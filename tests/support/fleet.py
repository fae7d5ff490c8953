"""A Dask cluster whose workers and drivers are forked, so that each may meet a fault at any of its calls."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from etl.ledger.postgres.address import Address
from support.cluster import Cluster, cluster, wait_for
from support.history import rows, write_csv, write_job
from support.leaks import leaks
from support.postgres import drop, keep_in, schema_of, server, stored
from support.recorder import Reply, platform
from support.scene import ENV, SECOND, SECRETS, Scene
from support.shim import Fault, Ran, Zygote, zygote

RATE, LANES = 40, 3
LEASE_SECONDS = 2
LATENCY_SECONDS = 0.06
"""More than twice the pace, so that faults of order can show."""
_START_SECONDS = 40


class Berth:
    """A place for one worker at a time; who dies in it is replaced at once, as a nanny does it."""

    def __init__(self, zygote_: Zygote, home: Cluster, number: int) -> None:
        self._zygote = zygote_
        self._home = home
        self._local = home.folder / f"berth-{number}"
        self.cache = home.cache(number)
        self._pid = 0
        self._thread: threading.Thread | None = None
        self._changing = threading.Lock()
        self._armed = self._leaving = False
        self.died: Ran | None = None
        """The worker that met its fault, and what it did."""

    def man(self, fault: Fault | None = None) -> None:
        """Put a new worker here that meets a fault, and wait until the scheduler knows it."""
        self.clear()
        self.died = None
        self._armed, self._leaving = fault is not None, False
        self._start(fault)
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def man_soundly(self) -> None:
        """Put a new worker here unless the one that is here can meet no fault any more."""
        if self._thread is None or (self._armed and self.died is None):
            self.man()

    def clear(self) -> Ran | None:
        """End the worker that is here, and return what it did."""
        if self._thread is None:
            return None
        with self._changing:
            self._leaving = True
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
        self._thread.join()
        self._thread = None
        return self._last

    def _start(self, fault: Fault | None) -> None:
        words = [
            self._home.address, "--no-nanny", "--nthreads", "2", "--memory-limit", "0", "--no-dashboard",
            "--local-directory", str(self._local), "--death-timeout", "30",
        ]  # fmt: skip
        env = {**self._home.env, "XDG_CACHE_HOME": str(self.cache)}
        self.cache.mkdir(exist_ok=True)
        self._pid = self._zygote.start(
            words, folder=self._home.folder, env=env, fault=fault, program="dask worker"
        )
        wait_for(lambda: "Registered to" in self._zygote.said(), seconds=_START_SECONDS)

    def _watch(self) -> None:
        self._last = self._zygote.end()
        with self._changing:
            if self._leaving:
                return
            self.died = self._last
            self._start(None)
        self._last = self._zygote.end()


@dataclass(kw_only=True)
class Fleet:
    """A scheduler, two berths, and a zygote of drivers and other commands."""

    home: Cluster
    berths: tuple[Berth, Berth]
    commands: Zygote
    ledger: str
    """The URL of the database."""

    @contextmanager
    def scene(
        self, folder: Path, *, users: int = 8, messages: int = 4, ledger: str = "", **replay: float | str
    ) -> Iterator["FleetScene"]:
        """Set a scene in a new folder and take it down again; `replay` are settings of that table.

        What an earlier scene's workers were to meet is off. `ledger`: a database instead of the fleet's.
        """
        folder.mkdir()
        for berth in self.berths:
            berth.man_soundly()
        ledger = ledger or self.ledger
        settings = {"rate_per_second": RATE, "lanes": LANES, "lease_seconds": LEASE_SECONDS, **replay}
        with platform() as server:
            server.answer = lambda _arrival, _number: Reply(delay_seconds=LATENCY_SECONDS)
            write_csv(folder / "history.csv", rows(users=users, messages=messages))
            write_job(folder, server.base_url, **settings)
            keep_in(ledger, folder)
            yield FleetScene(
                folder=folder,
                server=server,
                zygote=self.commands,
                users=users,
                messages=messages,
                fleet=self,
                ledger=ledger,
                rate=int(settings["rate_per_second"]),
            )
        drop(Address(url=ledger, schema=schema_of(ledger, folder)))
        shutil.rmtree(folder)


@dataclass(kw_only=True)
class FleetScene(Scene):
    """A scene whose messages are sent by a fleet, with its ledger in a database."""

    fleet: Fleet
    ledger: str
    """The URL of its database."""
    rate: int

    def peers(self) -> dict[str, str]:
        """Return what the sockets of platform and database are connected to, by name."""
        url = urlsplit(self.ledger)
        port = str(url.port or 5432)
        host = parse_qs(url.query).get("host", [""])[0]
        place = f"{host}/.s.PGSQL.{port}" if host.startswith("/") else port
        return {"api": str(urlsplit(self.server.base_url).port), "ledger": place}

    def send(self, *words: str, fault: Fault | None = None) -> Ran:
        """Import by the fleet; the driver meets the fault."""
        return self.run("import", "job.toml", "--cluster", self.fleet.home.address, *words, fault=fault)

    def states(self) -> dict[str, str]:
        """Return the state of every message that the database knows, by its id."""
        return stored(self.ledger, self.folder)

    def check_whole(self) -> None:
        """All that holds for one process, the rate over all workers, and what they wrote."""
        super().check_whole()
        assert [] == leaks(self.fleet.home.folder, [self.fleet.home.logs()], SECRETS)

    def check_sound(self) -> None:
        """Nothing is there twice or out of order, and never more in a second than allowed."""
        super().check_sound()
        assert self.rate >= self.server.most_within(SECOND)


@contextmanager
def fleet(library: Path, folder: Path) -> Iterator[Fleet]:
    """Run a scheduler with two sound workers; no process outlives the context."""
    ledger = server()
    with ExitStack() as stack:
        home = stack.enter_context(cluster(folder / "cluster", ENV, nodes=0))
        zygotes = [stack.enter_context(zygote(library, folder / f"zygote-{n}")) for n in range(3)]
        berths = (Berth(zygotes[0], home, 0), Berth(zygotes[1], home, 1))
        for berth in berths:
            stack.callback(berth.clear)
            berth.man()
        yield Fleet(home=home, berths=berths, commands=zygotes[2], ledger=ledger)
