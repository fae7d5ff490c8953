"""Planning by two workers of a real cluster against one process, on the same files: CPU time as a ratio.

    PYTHONPATH=tests python tests/bench/cluster.py 1000000 --rounds 2

Prints for each round the CPU time of all processes together (command, scheduler, nannies and workers, their
own start included), the ratio, and the peak memory of the two largest processes of the cluster.
Fails if the plans differ. Not part of CI.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
import pyarrow.csv as pa_csv
from history import chunks  # type: ignore[import-not-found] # a script's own folder
from plan import JOB, timed  # type: ignore[import-not-found] # a script's own folder

from support.cluster import cluster

DASK = {"DASK_CONFIG": str(Path(__file__).parents[2] / "configs" / "dask.yaml")}
"""The settings that the README advises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What processes have used so far."""

    cpu_seconds: float
    peak_mb: tuple[int, ...]
    """Of each, the largest first."""


def spent(roots: Sequence[int]) -> Spent:
    """Return what processes and those below them have used; workers that have died are not counted."""
    processes = [root for pid in roots for root in [psutil.Process(pid)]]
    processes += [child for root in processes for child in root.children(recursive=True)]
    times = [process.cpu_times() for process in processes]
    return Spent(
        cpu_seconds=sum(time.user + time.system for time in times),
        peak_mb=tuple(sorted((_peak_mb(process.pid) for process in processes), reverse=True)),
    )


def _peak_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) // 1_024 for line in lines if line.startswith("VmHWM"))


@contextmanager
def planned(folder: Path, *words: str) -> Iterator[tuple[float, float, str]]:
    """Plan anew; give wall seconds, CPU seconds of the command, and the plan's hash."""
    subprocess.run(["/bin/rm", "-rf", str(folder / "etl-state")], check=True)
    wall, cpu, _ = timed([sys.executable, "-m", "etl", "plan", "job.toml", "--json", *words], folder)
    (summary,) = folder.glob("etl-state/*/plans/[!.]*/plan.json")
    yield wall, cpu, json.loads(summary.read_text(encoding="utf-8"))["hash"]


def measure(folder: Path, rounds: int) -> list[dict[str, float]]:
    """Plan in turn with one process and with two workers; return the figures of each round."""
    figures = []
    code = str(Path(__file__).parents[2])
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": code, **DASK}
    for _ in range(rounds):
        with planned(folder) as (one_wall, one_cpu, one_hash):
            pass
        with cluster(folder / "cluster", env, nodes=2, threads=1) as running:
            roots = [running.scheduler.pid, *(node.process.pid for node in running.nodes)]
            with planned(folder, "--cluster", running.address) as (wall, cpu, found):
                after = spent(roots)
        if found != one_hash:
            raise SystemExit(f"the plans differ: {one_hash[:12]} and {found[:12]}")
        figures.append(
            {
                "one_wall": round(one_wall, 1),
                "one_cpu": round(one_cpu, 1),
                "cluster_wall": round(wall, 1),
                "cluster_cpu": round(cpu + after.cpu_seconds, 1),
                "command_cpu": round(cpu, 1),
                "ratio": round((cpu + after.cpu_seconds) / one_cpu, 2),
                "worker_mb": after.peak_mb[0],
                "other_worker_mb": after.peak_mb[1],
            }
        )
        print(json.dumps(figures[-1]), flush=True)  # noqa: T201  a script
    return figures


def main() -> None:
    """Make the input, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory-limit-mb", type=int, default=1_024)
    parser.add_argument("--folder", type=Path, help="Where to work; on a disk, not in memory.")
    given = parser.parse_args()
    with TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        export = folder / "export"
        export.mkdir()
        for number, table in enumerate(chunks(given.rows)):
            pa_csv.write_csv(table, export / f"{number:04}.csv")
        job = JOB.format(memory_limit_mb=given.memory_limit_mb).replace("export.*", "export")
        (folder / "job.toml").write_text(job, encoding="utf-8")
        figures = measure(folder, given.rounds)
    ratio = statistics.median(figure["ratio"] for figure in figures)
    print(f"{given.rows:,} rows: two workers used {ratio:.2f} times the CPU time of one process")  # noqa: T201


if __name__ == "__main__":
    main()
