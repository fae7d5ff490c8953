"""Sending by two workers of a real cluster against one process, both with PostgreSQL: CPU time as a ratio.

    PYTHONPATH=tests python tests/bench/cluster_replay.py --messages 100000 --rate 1000

Prints for each round the CPU time of all processes of `etl` together (command, scheduler, nannies and
workers, their own start included; the database and the server, which both sides have, are left out), the
ratio, and how much of the rate was reached; then, with `--few 1000`, what is left of it when as little is
sent, and so what a message costs. The plan is made before. Dask has the settings that the README advises;
variables of its own (`DASK_CONFIG=/dev/null`: its defaults) go before them.
Fails unless all was accepted. Not part of CI; needs nginx.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psycopg
from cluster import DASK, spent  # type: ignore[import-not-found] # a script's own folder
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


def prepare(folder: Path, url: str, address: str, given: argparse.Namespace, messages: int) -> None:
    """Write job and history, and make the plan."""
    job = JOB.format(deployment=DEPLOYMENT, url=address, transport="own", rate=given.rate, lanes=LANES)
    job = job.replace("[input]", 'token_file = "token"\n[input]', 1)
    (folder / "job.toml").write_text(f'ledger = "{url}"\n{job}', encoding="utf-8")
    (folder / "token").write_text("bench-0123456789", encoding="utf-8")
    (folder / "token").chmod(0o600)
    write_export(folder, [MESSAGES_OF_A_LANE] * (messages // MESSAGES_OF_A_LANE), "a")
    check = [sys.executable, "-m", "etl", "check", "job.toml"]
    subprocess.run(check, cwd=folder, check=True, capture_output=True)


def by_one(folder: Path, url: str) -> dict[str, float]:
    """Send with one process; return its figures."""
    wall, cpu = sent(folder, url)
    return {"wall": wall, "cpu": cpu}


def by_many(folder: Path, url: str) -> dict[str, float]:
    """Send with two workers; return their figures, and those of each kind of process."""
    env = DASK | {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "HOME", "PYTHONPATH"} or name.startswith("DASK_")
    }
    with cluster(folder / "cluster", env, nodes=2, threads=2) as running:
        wall, command = sent(folder, url, words=("--cluster", running.address))
        scheduler = spent([running.scheduler.pid]).cpu_seconds
        workers = spent([node.worker() for node in running.nodes]).cpu_seconds
        nannies = spent([node.process.pid for node in running.nodes]).cpu_seconds - workers
    cpu = command + scheduler + nannies + workers
    return {
        "wall": wall,
        "cpu": cpu,
        "command": command,
        "scheduler": scheduler,
        "nannies": nannies,
        "workers": workers,
    }


def measure(given: argparse.Namespace, name: str, address: str, messages: int) -> dict[str, float]:
    """Send the same history with one process and with two workers, each to a ledger of its own."""
    figures: dict[str, float] = {}
    for side, by in (("one", by_one), ("cluster", by_many)):
        with TemporaryDirectory() as place:
            url = database(server(), f"bench_{os.getpid()}_{name}_{side}")
            prepare(Path(place), url, address, given, messages)
            figures |= {f"{side}_{key}": round(value, 1) for key, value in by(Path(place), url).items()}
        figures[f"{side}_share_of_rate"] = round(messages / given.rate / figures[f"{side}_wall"], 3)
    figures["ratio"] = round(figures["cluster_cpu"] / figures["one_cpu"], 2)
    return figures


def apart(many: dict[str, float], few: dict[str, float], messages: int) -> dict[str, float]:
    """Return CPU µs of each message, and what the rest of the ratio is without the start."""
    each = {side: (many[f"{side}_cpu"] - few[f"{side}_cpu"]) / messages for side in ("one", "cluster")}
    return {f"{side}_us": round(1e6 * seconds) for side, seconds in each.items()} | {
        "ratio_of_messages": round(each["cluster"] / each["one"], 2)
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=1_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--few", type=int, default=0, help="Send as many besides, to tell the start apart.")
    given = parser.parse_args()
    ratios = []
    with nginx(SERVER_CORE) as address:
        for round_ in range(given.rounds):
            many = measure(given, f"{round_}", address, given.messages)
            ratios.append(many["ratio"])
            print(json.dumps(many), flush=True)  # noqa: T201  a script
            if given.few:
                few = measure(given, f"{round_}_few", address, given.few)
                print(json.dumps(few), flush=True)  # noqa: T201
                print(json.dumps(apart(many, few, given.messages - given.few)), flush=True)  # noqa: T201
    print(f"two workers used {statistics.median(ratios):.2f} times the CPU time of one process")  # noqa: T201


if __name__ == "__main__":
    main()
