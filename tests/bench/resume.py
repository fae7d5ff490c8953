"""Resuming a half-done import: CPU and memory from the start of `etl import` to its first request.

    python tests/bench/resume.py 1000000

Prints them for a plan of that many rows and for one of 1,000 (what starting costs anyway), and the
difference. What a killed run has recorded is sealed by the next one before it sends (`--killed`). Not part
of CI.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from plan import COLUMNS  # type: ignore[import-not-found] # a script's own folder

from etl.clock import SYSTEM
from etl.config.load import load_job
from etl.config.workspace import workspace
from etl.ledger.interface import Intent, Ledger, Outcome, PlanRecord
from etl.ledger.opening import open_ledger
from etl.model.plan import PlanFolder
from etl.model.states import State
from etl.plan.lanes import PlanReader
from etl.plan.store import load_plan

HERE = Path(__file__).parent
BASELINE_ROWS = 1_000
ROWS_PER_COMMIT = 5_000
TOKEN = {"ETL_TOKEN": "bench"}

JOB = f"""
source = "bench"
[target]
deployment_id = "00000000-0000-4000-8000-000000000000"
base_url = "http://127.0.0.1:{{port}}"
[input]
files = ["export.csv"]
{COLUMNS}
"""


@contextmanager
def doorstep() -> Iterator[tuple[int, threading.Event]]:
    """Give a port on which nobody answers, and an event that the first request sets."""
    arrived, leave = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived.set()
            leave.wait()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port, arrived
    finally:
        leave.set()
        server.shutdown()
        server.server_close()


def half_done(folder: Path, *, sealed: bool = True) -> int:
    """Make the plan and a ledger that has accepted its first half; return the number of messages."""
    done = subprocess.run(
        [sys.executable, "-m", "etl", "check", "job.toml", "--no-report", "--json"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    if done.returncode not in {0, 3}:
        raise SystemExit(done.stderr.decode())
    job_file = load_job(folder / "job.toml")
    space = workspace(job_file.state, job_file.job.target, sandbox=False)
    plan = load_plan(next(space.plans.glob("[!.]*/plan.json")).parent)
    if plan is None:
        raise SystemExit("no plan")
    with closing(open_ledger(space.ledger, target=space.target, create=True)) as ledger:
        accept_half(ledger, plan, sealed=sealed)
    return plan.summary.conservation.planned


def accept_half(ledger: Ledger, plan: PlanFolder, *, sealed: bool) -> None:
    """Let the ledger hold the first half of the plan's messages as accepted; a run that drained is sealed."""
    summary, now_us = plan.summary, SYSTEM.wall_us()
    record = ledger.start_plan(
        PlanRecord(
            number=0,
            hash=summary.hash,
            fingerprint=summary.fingerprint,
            identity=summary.identity,
            source=summary.source,
            messages=summary.conservation.planned,
            lanes=summary.lanes,
            open=True,
        ),
        now_us=now_us,
    )
    run = ledger.start_run(record.number, host="bench", pid=1, version="0", now_us=now_us)
    reader, half = PlanReader(plan), summary.conservation.planned // 2
    for first in range(0, half, ROWS_PER_COMMIT):
        messages = list(reader.messages(first, min(first + ROWS_PER_COMMIT, half)))
        lanes: dict[str, list[Intent | Outcome]] = {}
        for message in messages:
            lanes.setdefault(message.lane, []).extend(
                (
                    Intent(
                        plan=record.number, ordinal=message.ordinal, run=run, key=message.key,
                        content=message.content, lane=message.lane, at_us=message.at_us, now_us=now_us,
                    ),
                    Outcome(
                        plan=record.number, ordinal=message.ordinal, run=run, state=State.ACCEPTED,
                        now_us=now_us, phase="answered", reason="accepted", http_status=200,
                    ),
                ),
            )  # fmt: skip
        ledger.commit([entry for entries in lanes.values() for entry in entries])
    ledger.end_run(run, exit_code=130, now_us=now_us)
    if sealed:
        ledger.seal(now_us=now_us)


def until_first_request(folder: Path, arrived: threading.Event) -> dict[str, float]:
    """Start the import; return seconds, CPU seconds and peak memory in MB when its first request arrives."""
    began = SYSTEM.monotonic()
    with (folder / "import.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "etl", "import", "job.toml", "--json"],
            cwd=folder, stdout=log, stderr=log, env={**os.environ, **TOKEN},
        )  # fmt: skip
    while not arrived.wait(0.01):
        if process.poll() is not None:
            raise SystemExit((folder / "import.log").read_text())
    seconds = SYSTEM.monotonic() - began
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    status = Path(f"/proc/{process.pid}/status").read_text()
    peak_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    process.kill()
    process.wait()
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_mb": peak_kb // 1_024}


def measure(rows: int, *, sealed: bool) -> dict[str, float]:
    """Return what resuming a plan of that many rows costs."""
    with TemporaryDirectory() as name, doorstep() as (port, arrived):
        folder = Path(name)
        (folder / "job.toml").write_text(JOB.format(port=port))
        maker = [sys.executable, str(HERE / "history.py"), str(rows), "--csv", str(folder / "export.csv")]
        subprocess.run(maker, check=True)
        planned = half_done(folder, sealed=sealed)
        return {"planned": planned, **until_first_request(folder, arrived)}


def main() -> None:
    """Measure the baseline and the plan that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("--killed", action="store_true", help="the first run was killed, so it is not sealed")
    given = parser.parse_args()
    baseline, found = (measure(rows, sealed=not given.killed) for rows in (BASELINE_ROWS, given.rows))
    above = {name: found[name] - baseline[name] for name in ("seconds", "cpu_seconds", "peak_mb")}
    for name, figures in (("baseline", baseline), ("resume", found), ("above", above)):
        print(json.dumps({"what": name, **{key: round(value, 2) for key, value in figures.items()}}))  # noqa: T201


if __name__ == "__main__":
    main()
