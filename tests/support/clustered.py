"""An import by a cluster that meets a fault; the platform's log and the ledger are the judges."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Final

from support.cluster import Cluster, wait_for
from support.command import Finished, environment, etl, finish, start
from support.history import rows, write_csv, write_job
from support.leaks import leaks, loose_modes
from support.ledger import states
from support.postgres import keep_in
from support.recorder import TOKEN, Platform, Reply, platform
from support.scene import SECOND, SECRETS, disordered

ENV: Final = environment(ETL_TOKEN=TOKEN)
USERS, MESSAGES, RATE, LANES = 20, 6, 40, 3
ALL: Final = USERS * MESSAGES
LEASE_SECONDS: Final = 2
LATENCY_SECONDS: Final = 0.06
"""More than twice the pace, so that faults of order can show."""


@dataclass(kw_only=True)
class ClusterScene:
    """A folder with a history, the platform it goes to, and the cluster that sends it."""

    folder: Path
    server: Platform
    cluster: Cluster
    outputs: list[str] = field(default_factory=list)

    def start(self, *words: str) -> "Popen[str]":
        """Start the import and return its driver."""
        typed = ["import", "job.toml", "--json", "--cluster", self.cluster.address, *words]
        return start(typed, cwd=self.folder, env=ENV)

    def end(self, driver: "Popen[str]", *, timeout_seconds: float = 60) -> Finished:
        """Wait for a driver's end; what it said is kept for the scanner."""
        ran = finish(driver, timeout_seconds=timeout_seconds)
        self.outputs += [ran.out, ran.err]
        assert "Traceback" not in ran.err, ran.err
        assert 1 != ran.code, ran.err
        return ran

    def run(self, *words: str) -> Finished:
        """Run the import to its end."""
        return self.end(self.start(*words))

    def when_arrived(self, number: int) -> None:
        """Wait until so many requests have arrived."""
        wait_for(lambda: len(self.server.arrivals) >= number, seconds=40)

    def settle(self) -> int:
        """Decide what is in doubt by what the platform has; return how many that were."""
        self.server.quiet()
        doubt = {key for key, state in states(self.folder).items() if state in {"in_flight", "uncertain"}}
        there = doubt & {arrival.body["id"] for arrival in self.server.taken}
        for keys, word in ((there, "--accepted"), (doubt - there, "--resend")):
            if keys:
                settled = etl("settle", "job.toml", *sorted(keys), word, cwd=self.folder, env=ENV)
                assert 0 == settled.code, settled.err
        return len(doubt)

    def finish(self, ran: Finished) -> int:
        """Bring an import to its end, whatever it left in doubt; return how many messages were."""
        if ran.code == 0:
            return 0
        doubted = self.settle()
        last = self.run()
        assert 0 == last.code, last.err
        return doubted

    def check_sound(self) -> None:
        """Nothing is there twice or out of order, and never more in a second than allowed."""
        ids = [arrival.body["id"] for arrival in self.server.taken]
        assert len(ids) == len(set(ids)), "doubled"
        assert [] == disordered(self.server.taken)
        assert 0 == self.server.overlaps
        assert RATE >= self.server.most_within(SECOND)

    def check_whole(self) -> None:
        """Everything is there once, in order, and the ledger knows it; nothing leaks."""
        self.check_sound()
        stored = states(self.folder)
        assert ALL == len(stored), "lost"
        assert {"accepted"} == set(stored.values())
        assert {arrival.body["id"] for arrival in self.server.taken} == stored.keys()
        assert [] == leaks(self.folder, self.outputs, SECRETS)
        assert [] == leaks(self.cluster.folder, [self.cluster.logs()], SECRETS)
        assert [] == loose_modes(self.folder / "etl-state")


@contextmanager
def cluster_scene(folder: Path, workers: Cluster, url: str) -> Iterator[ClusterScene]:
    """Set a scene in a new folder for a running cluster, with its ledger in the database of `url`."""
    folder.mkdir(exist_ok=True)
    with platform() as server:
        server.answer = lambda _arrival, _number: Reply(delay_seconds=LATENCY_SECONDS)
        write_csv(folder / "history.csv", rows(users=USERS, messages=MESSAGES))
        write_job(folder, server.base_url, rate_per_second=RATE, lanes=LANES, lease_seconds=LEASE_SECONDS)
        keep_in(url, folder)
        yield ClusterScene(folder=folder, server=server, cluster=workers)
