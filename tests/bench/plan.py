"""Planning against DuckDB's bare sorted copy of the same file: ratios, paired and alternating.

    python tests/bench/plan.py 1000000 --rounds 3

Prints for each round the wall time of both, their ratio, and the peak memory of planning; also what a check
of the plan costs; with `--naive` also those of a plain pandas loop (`naive.py`). Not part
of CI.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).parent
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
"""Whoever uses the program has it compiled once, not at each start."""

COLUMNS = """
[columns]
id = "id"
conversation = "ticket"
user = "user"
role = "role"
timestamp = "at"
text = "text"
[roles]
customer = ["customer"]
agent = ["agent"]
unknown = "reject"
"""
JOB = f"""
source = "bench"
[target]
deployment_id = "00000000-0000-4000-8000-000000000000"
[input]
files = ["export.*"]
{COLUMNS}
[plan]
memory_limit_mb = {{memory_limit_mb}}
"""

BARE = """
import duckdb, sys
source, target, memory = sys.argv[1:]
con = duckdb.connect(config={"memory_limit": memory + "MB", "temp_directory": target + ".spill"})
csv = source.endswith("csv")
reader = f"read_csv('{source}', all_varchar = true)" if csv else f"read_parquet('{source}')"
con.execute(f'COPY (SELECT * FROM {reader} ORDER BY "user", "at") TO \\'{target}\\' (FORMAT parquet)')
"""


def timed(arguments: list[str], cwd: Path) -> tuple[float, float, int]:
    """Run a command; return wall seconds, CPU seconds and peak memory in MB."""
    began = time.perf_counter()  # noqa: TID251  the thing that is measured
    process = subprocess.Popen(
        arguments, cwd=cwd, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began  # noqa: TID251
    if os.waitstatus_to_exitcode(status) not in {0, 3}:
        raise SystemExit(process.stderr.read().decode() if process.stderr else "failed")
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1_024


def rounds(folder: Path, source: Path, count: int, memory_limit_mb: int) -> list[dict[str, float]]:
    """Run both in turn and return the figures of each round."""
    (folder / "job.toml").write_text(
        JOB.format(memory_limit_mb=memory_limit_mb).replace("export.*", source.name)
    )
    figures = []
    for _ in range(count):
        bare, bare_cpu, bare_mb = timed(
            [sys.executable, "-c", BARE, str(source), str(folder / "bare.parquet"), str(memory_limit_mb)],
            folder,
        )
        subprocess.run(["/bin/rm", "-rf", str(folder / "etl-state")], check=True)
        plan, plan_cpu, plan_mb = timed([sys.executable, "-m", "etl", "plan", "job.toml", "--json"], folder)
        _, check_cpu, check_mb = timed(
            [sys.executable, "-m", "etl", "check", "job.toml", "--no-report", "--json"], folder
        )
        figures.append(
            {
                "bare_seconds": bare,
                "plan_seconds": plan,
                "wall_ratio": plan / bare,
                "cpu_ratio": plan_cpu / bare_cpu,
                "plan_cpu_seconds": plan_cpu,
                "check_cpu_seconds": check_cpu,
                "bare_mb": bare_mb,
                "plan_mb": plan_mb,
                "check_mb": check_mb,
            },
        )
        print(json.dumps({name: round(value, 2) for name, value in figures[-1].items()}), flush=True)  # noqa: T201
    return figures


def naive(folder: Path, source: Path) -> None:
    """Run the plain pandas loop and print its figures."""
    seconds, cpu, peak_mb = timed(
        [sys.executable, str(HERE / "naive.py"), str(source), str(folder / "naive.parquet")], folder
    )
    print(f"naive seconds {seconds:.2f}\nnaive cpu seconds {cpu:.2f}\nnaive mb {peak_mb}")  # noqa: T201


def main() -> None:
    """Make the export, run the rounds, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", choices=["csv", "parquet"], default="csv")
    parser.add_argument("--memory-limit-mb", type=int, default=1_024)
    parser.add_argument("--naive", action="store_true", help="run a plain pandas loop, too (CSV only)")
    given = parser.parse_args()
    with TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / f"export.{given.format}"
        maker = [sys.executable, str(HERE / "history.py"), str(given.rows), f"--{given.format}", str(source)]
        subprocess.run(maker, check=True)
        figures = rounds(folder, source, given.rounds, given.memory_limit_mb)
        if given.naive:
            naive(folder, source)
    for key in figures[0]:
        print(f"median {key} {statistics.median(entry[key] for entry in figures):.2f}")  # noqa: T201
    print(f"own peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024} MB")  # noqa: T201


if __name__ == "__main__":
    main()
