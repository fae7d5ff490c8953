"""A Dask cluster of separate processes, started as people start one: a scheduler, workers with nannies."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_START_SECONDS = 40


@dataclass
class Node:
    """A nanny and its worker."""

    process: "subprocess.Popen[bytes]"

    def worker(self) -> int:
        """Return the worker's process id."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        found = [child for child in children if "resource_tracker" not in " ".join(child.cmdline())]
        return int(found[0].pid)

    def kill_worker(self) -> None:
        """End the worker at once; the nanny starts another one."""
        os.kill(self.worker(), signal.SIGKILL)

    def kill(self) -> None:
        """End nanny and worker at once, as when a machine goes."""
        _kill_tree(self.process)


@dataclass
class Cluster:
    """A running cluster."""

    address: str
    folder: Path
    env: Mapping[str, str]
    scheduler: "subprocess.Popen[bytes]"
    nodes: list[Node] = field(default_factory=list)
    threads: int = 2
    """Calls that a worker runs at once."""

    def add(self) -> Node:
        """Start one more node, as `dask worker` does."""
        number = len(self.nodes)
        local = self.folder / f"worker-{number}-{os.urandom(3).hex()}"
        env = {**self.env, "XDG_CACHE_HOME": str(self.cache(number))}
        with (self.folder / f"worker-{number}.log").open("wb") as log:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "distributed.cli.dask_worker", self.address,
                    "--nworkers", "1", "--nthreads", str(self.threads),
                    "--memory-limit", "0", "--no-dashboard",
                    "--local-directory", str(local), "--death-timeout", "30",
                ],
                cwd=self.folder, env=env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.nodes.append(Node(process))
        return self.nodes[-1]

    def cache(self, number: int) -> Path:
        """Return the scratch folder of a node, which no other one sees."""
        return self.folder / f"cache-{number}"

    def logs(self) -> str:
        """Return what scheduler and workers said."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


@contextmanager
def cluster(folder: Path, env: Mapping[str, str], *, nodes: int = 2, threads: int = 2) -> Iterator[Cluster]:
    """Run a cluster on loopback whose processes see only `env`; none outlives the context."""
    folder.mkdir(exist_ok=True)
    # Dask and its parts warn as they like; the program's own warnings are errors in its own processes.
    env = {name: value for name, value in env.items() if name != "PYTHONWARNINGS"}
    scheduler, address = _scheduler(folder, env)
    running = Cluster(address=address, folder=folder, env=env, scheduler=scheduler, threads=threads)
    try:
        for _ in range(nodes):
            running.add()
        yield running
    finally:
        for process in [*(node.process for node in running.nodes), running.scheduler]:
            _kill_tree(process)


def _scheduler(folder: Path, env: Mapping[str, str]) -> tuple["subprocess.Popen[bytes]", str]:
    said = folder / "scheduler.log"
    with said.open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "distributed.cli.dask_scheduler",
                "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
            ],
            cwd=folder, env=dict(env), stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip

    def address() -> str:
        lines = (line for line in said.read_text().splitlines() if "Scheduler at:" in line)
        return next((line.split("Scheduler at:")[1].strip() for line in lines), "")

    wait_for(lambda: bool(address()) or process.poll() is not None, seconds=_START_SECONDS)
    assert address(), said.read_text()
    return process, address()


def wait_for(reached: Callable[[], bool], *, seconds: float) -> None:
    """Wait until something is so, by asking; an assertion says that it never was."""
    for _ in range(int(seconds / 0.05)):
        if reached():
            return
        pause(0.05)
    raise AssertionError(f"not so within {seconds} s")


def pause(seconds: float) -> None:
    """Let so much time pass, where time itself is what the test is about."""
    threading.Event().wait(seconds)


def _kill_tree(process: "subprocess.Popen[bytes]") -> None:
    """End a process and all that it started, at once."""
    with suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        for one in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
