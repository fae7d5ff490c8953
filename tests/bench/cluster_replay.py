"""Sending by two workers of a real cluster against one process, both with PostgreSQL: CPU time as a ratio.

    PYTHONPATH=tests python tests/bench/cluster_replay.py --messages 100000 --rate 1000

Prints for each round the CPU time of all processes of `etl` together (command, scheduler, nannies and
workers, their own start included; the database and the server, which both sides have, are left out), the
ratio, and how much of the rate was reached. The plan is made before. Fails unless all was accepted. Not part
of CI; needs nginx.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psycopg
from cluster import spent  # type: ignore[import-not-found] # a script's own folder
from http_transports import nginx  # type: ignore[import-not-found]
from plan import timed  # type: ignore[import-not-found]
from replay import DEPLOYMENT, JOB, write_export  # type: ignore[import-not-found]

from support.cluster import cluster
from support.postgres import server

SERVER_CORE = 1
LANES = 64
MESSAGES_OF_A_LANE = 20


def database(url: str, name: str) -> str:
    """Make an empty database beside the given one; return where it is."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def sent(folder: Path, url: str, *, words: tuple[str, ...] = ()) -> tuple[float, float]:
    """Send the folder's plan; return wall and CPU seconds of the command."""
    wall, cpu, _ = timed([sys.executable, "-m", "etl", "import", "job.toml", "--json", *words], folder)
    with psycopg.connect(url) as connection:
        (schema,) = connection.execute(
            "SELECT table_schema FROM information_schema.tables WHERE table_name = 'message'"
        ).fetchone() or ("",)
        connection.execute("SELECT set_config('search_path', %s, false)", [schema])
        row = connection.execute("SELECT count(*) FROM message WHERE state <> 'accepted'").fetchone()
        if row is None or row[0]:
            raise SystemExit("not all was accepted")
    return wall, cpu


def prepare(folder: Path, url: str, address: str, given: argparse.Namespace) -> None:
    """Write job and history, and make the plan."""
    job = JOB.format(deployment=DEPLOYMENT, url=address, transport="own", rate=given.rate, lanes=LANES)
    job = job.replace("[input]", 'token_file = "token"\n[input]', 1)
    (folder / "job.toml").write_text(f'ledger = "{url}"\n{job}', encoding="utf-8")
    (folder / "token").write_text("bench-0123456789", encoding="utf-8")
    (folder / "token").chmod(0o600)
    write_export(folder, [MESSAGES_OF_A_LANE] * (given.messages // MESSAGES_OF_A_LANE), "a")
    check = [sys.executable, "-m", "etl", "check", "job.toml"]
    subprocess.run(check, cwd=folder, check=True, capture_output=True)


def measure(given: argparse.Namespace, round_: int, address: str) -> dict[str, float]:
    """Send the same history with one process and with two workers, each to a ledger of its own."""
    figures: dict[str, float] = {}
    with TemporaryDirectory() as name:
        for side in ("one", "cluster"):
            folder = Path(name) / side
            folder.mkdir()
            url = database(server(), f"bench_{os.getpid()}_{round_}_{side}")
            prepare(folder, url, address, given)
            if side == "one":
                wall, cpu = sent(folder, url)
            else:
                env = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH")}
                with cluster(folder / "cluster", env, nodes=2, threads=2) as running:
                    wall, cpu = sent(folder, url, words=("--cluster", running.address))
                    roots = [running.scheduler.pid, *(node.process.pid for node in running.nodes)]
                    cpu += spent(roots).cpu_seconds
            figures[f"{side}_cpu"] = round(cpu, 1)
            figures[f"{side}_wall"] = round(wall, 1)
            figures[f"{side}_share_of_rate"] = round(given.messages / given.rate / wall, 3)
            shutil.rmtree(folder)
    figures["ratio"] = round(figures["cluster_cpu"] / figures["one_cpu"], 2)
    return figures


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=1_000)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    ratios = []
    with nginx(SERVER_CORE) as address:
        for round_ in range(given.rounds):
            figures = measure(given, round_, address)
            ratios.append(figures["ratio"])
            print(json.dumps(figures), flush=True)  # noqa: T201  a script
    print(f"two workers used {statistics.median(ratios):.2f} times the CPU time of one process")  # noqa: T201


if __name__ == "__main__":
    main()
