"""Replays end to end, from a made plan to a settled ledger, through `etl import`. By hand.

The program is pinned to one core, the server to the other; all figures are ratios within one round, and the
medians over the rounds are printed. Speed is messages over the time from the first durable intent to the last
durable outcome, as the ledger has them, so that planning and start-up don't count.

    python tests/bench/replay.py speed               # ÷ lanes / latency, ÷ wrk, ÷ httpx in both ways
    python tests/bench/replay.py ledger --rows 10000000   # into a ledger with so many messages ÷ an empty one
    python tests/bench/replay.py pace --seconds 60   # achieved ÷ rate, and the worst second at the server
    python tests/bench/replay.py makespan            # ÷ max(messages / rate, longest lane x latency)

Needs nginx and wrk (apt-get install nginx-light wrk).
"""

import argparse
import os
import re
import socket
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
from http_transports import nginx  # type: ignore[import-not-found] # a script's own folder
from plan import COLUMNS  # type: ignore[import-not-found]

from etl.api.client import request_headers
from etl.api.wire import encode
from etl.clock import SYSTEM
from etl.config import state as place
from etl.config.secrets import Secret
from etl.config.sending import Message
from etl.config.target import Target
from etl.config.workspace import workspace
from etl.ledger.interface import Intent, Outcome, PlanRecord
from etl.ledger.opening import open_ledger
from etl.model.plan import PlannedMessage
from etl.model.schemas import Role
from etl.model.states import State

CLIENT_CORE, SERVER_CORE = 0, 1
LANES = 256
LATENCY_MS = 20.0
DEPLOYMENT = "00000000-0000-4000-8000-000000000000"
MOST_PER_SECOND = 100_000
HTTPX_SHARE, SHARED_SHARE = 0.1, 0.05
"""Of the messages of our own transport: enough for the slower ones."""
FILLED_PER_COMMIT = 20_000

JOB = f"""
source = "bench"
[target]
deployment_id = "{{deployment}}"
base_url = "{{url}}"
transport = "{{transport}}"
[input]
files = ["export.csv"]
{COLUMNS.replace("ticket", "user")}
[replay]
rate_per_second = {{rate}}
lanes = {{lanes}}
"""

TOKEN = "bench-0123456789"  # noqa: S105  made up
TEXT = "Your parcel left our warehouse; it should be with you soon. " * 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What one import did."""

    messages: int
    seconds: float
    """From the first durable intent to the last durable outcome."""

    @property
    def per_second(self) -> float:
        """Return its speed."""
        return self.messages / self.seconds


def write_export(folder: Path, lengths: Sequence[int], tag: str) -> None:
    """Write an export with a user for each length; `tag` makes its messages others than before."""
    users = np.repeat(np.arange(len(lengths)), lengths)
    places = np.concatenate([np.arange(length) for length in lengths])
    numbers = pa.array(np.arange(len(users))).cast(pa.string())
    at = pa.array(1_600_000_000 + 60 * places, pa.timestamp("s", tz="UTC"))
    written = pc.strftime(at, format="%Y-%m-%dT%H:%M:%SZ")
    table = pa.table(
        {
            "id": [f"{tag}-{number}" for number in range(len(users))],
            "user": [f"user-{tag}-{user}" for user in users],
            "role": np.where(places % 2, "agent", "customer"),
            "at": written,
            "text": [f"{TEXT}{number}" for number in numbers],
        },
    )
    pa_csv.write_csv(table, folder / "export.csv")


def replay(
    folder: Path, url: str, *, transport: str = "own", rate: float, lanes: int = LANES, shared: bool = False
) -> Replayed:
    """Send the folder's export, all of which must be accepted; `shared`: over one httpx client for all."""
    program = [str(Path(__file__).with_name("shared_httpx.py"))] if shared else ["-m", "etl"]
    job = JOB.format(deployment=DEPLOYMENT, url=url, transport=transport, rate=rate, lanes=lanes)
    (folder / "job.toml").write_text(job)
    env = {**os.environ, "ETL_TOKEN": TOKEN, "XDG_STATE_HOME": str(folder / "home")}
    # The plan is made without the pin, the import then finds it.
    for command in (["check"], ["import"]):
        core = [] if command == ["check"] else ["taskset", "-c", str(CLIENT_CORE)]
        words = [*core, sys.executable, *program, *command, "job.toml", "--json"]
        done = subprocess.run(words, cwd=folder, env=env, capture_output=True, check=False)
        if done.returncode != 0:
            raise SystemExit(done.stderr.decode())
    with closing(sqlite3.connect(ledger_path(folder, url))) as ledger:
        row = ledger.execute(
            "SELECT count(*), min(intent_us), max(settled_us) FROM message"
            " WHERE plan = (SELECT max(number) FROM plan) AND state = 'accepted'",
        ).fetchone()
    return Replayed(messages=row[0], seconds=(row[2] - row[1]) / 1e6)


def ledger_path(folder: Path, url: str) -> Path:
    """Return where a folder's job has its ledger."""
    return workspace(place.State(folder=folder / "etl-state"), target_of(url), sandbox=False).ledger


def target_of(url: str) -> Target:
    """Return the target of every job here."""
    return Target(deployment_id=DEPLOYMENT, base_url=url)


@contextmanager
def answering(latency_ms: float, log: Path | None = None) -> Iterator[str]:
    """Yield the address of a server that answers after a latency; `log` gets the arrivals at its end."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = [sys.executable, str(Path(__file__).with_name("answering.py")), "--port", str(port)]
    words += ["--core", str(SERVER_CORE), "--latency-ms", str(latency_ms)]
    words += [] if log is None else ["--log", str(log)]
    with subprocess.Popen(words) as server:
        try:
            _await(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _await(port: int) -> None:
    began = SYSTEM.monotonic()
    while SYSTEM.monotonic() - began < 10:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise SystemExit("the server did not start")


def wrk(folder: Path, url: str, connections: int) -> float:
    """Return the requests a second that wrk gets from a server, from the client's core.

    Each is what etl sends for a customer's message, byte for byte, but for the order of the headers.
    """
    script = folder / "post.lua"
    script.write_text(lua(url))
    words = [
        "taskset",
        "-c",
        str(CLIENT_CORE),
        "wrk",
        "-t1",
        f"-c{connections}",
        "-d3",
        "-s",
        str(script),
        target_of(url).url,
    ]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([\d.]+)", told)
    if found is None or "Non-2xx" in told:
        raise SystemExit(told)
    return float(found[1])


def lua(url: str) -> str:
    """Return the script by which wrk posts a message of the export that `write_export` writes."""
    message = PlannedMessage(
        ordinal=0, key=bytes(16), content=bytes(16), lane=f"user-a-{LANES // 2}", at_us=1_600_000_000_000_000,
        role=Role.CUSTOMER, text=f"{TEXT}12345", conversation=None, profile=None, variables=None,
    )  # fmt: skip
    headers = {**request_headers(target_of(url), Secret(TOKEN)), "Accept-Encoding": "identity"}
    lines = [f"wrk.headers[{name!r}] = {value!r}" for name, value in headers.items()]
    return "\n".join(['wrk.method = "POST"', *lines, f"wrk.body = [[{encode(message, Message()).decode()}]]"])


@contextmanager
def fresh(lengths: Sequence[int], tag: str = "a") -> Iterator[Path]:
    """Yield a folder with an export and no ledger."""
    with TemporaryDirectory(prefix="bench-replay-") as name:
        write_export(Path(name), lengths, tag)
        yield Path(name)


def speed_round(messages: int) -> dict[str, float]:
    """Return one round of the three ratios of speed, and what they are made of."""
    found = {}
    lengths = [messages // LANES] * LANES
    with answering(LATENCY_MS) as url, fresh(lengths) as folder:
        bound = LANES / (LATENCY_MS / 1_000)
        found["server of 20 ms: wrk / bound"] = wrk(folder, url, LANES) / bound
        found["20 ms: replay / bound"] = replay(folder, url, rate=MOST_PER_SECOND).per_second / bound
    with nginx(SERVER_CORE) as url:
        with fresh(lengths) as folder:
            # Before and after: the machine may have become busier meanwhile.
            before = wrk(folder, url, LANES)
            own = replay(folder, url, rate=MOST_PER_SECOND).per_second
            after = wrk(folder, url, LANES)
        found["no latency: replay / wrk"] = own / statistics.mean((before, after))
        with fresh([max(int(messages * HTTPX_SHARE) // LANES, 1)] * LANES) as folder:
            other = replay(folder, url, transport="httpx", rate=MOST_PER_SECOND).per_second
        with fresh([max(int(messages * SHARED_SHARE) // LANES, 1)] * LANES) as folder:
            plain = replay(folder, url, transport="httpx", rate=MOST_PER_SECOND, shared=True).per_second
        found["no latency: own / httpx, a client for each lane"] = own / other
        found["no latency: own / httpx, one client as it ships"] = own / plain
        found["(no latency: own, messages/s)"] = own
        found["(no latency: httpx by lane, messages/s)"] = other
        found["(no latency: httpx shared, messages/s)"] = plain
        found["(no latency: wrk, requests/s)"] = statistics.mean((before, after))
    return found


def speed(given: argparse.Namespace) -> list[dict[str, float]]:
    """Compare with what wire and server allow, and with the other transport."""
    return [speed_round(given.messages) for _ in range(given.rounds)]


def ledger(given: argparse.Namespace) -> list[dict[str, float]]:
    """Compare a ledger that holds many messages with an empty one, in turn."""
    lengths = [given.messages // LANES] * LANES
    rounds = []
    with nginx(SERVER_CORE) as url, TemporaryDirectory(prefix="bench-replay-") as name:
        full = Path(name)
        fill(full, url, given.rows)
        for number in range(given.rounds):
            with fresh(lengths) as empty:
                small = replay(empty, url, rate=MOST_PER_SECOND).per_second
            write_export(full, lengths, f"r{number}")
            large = replay(full, url, rate=MOST_PER_SECOND).per_second
            rounds.append({f"ledger of {given.rows:,} / empty": large / small, "(empty, messages/s)": small})
    return rounds


def fill(folder: Path, url: str, rows: int) -> None:
    """Make a ledger that has accepted so many messages."""
    path, now_us = ledger_path(folder, url), SYSTEM.wall_us()
    with closing(open_ledger(path, target=target_of(url).url, create=True)) as filled:
        record = PlanRecord(
            number=0, hash="f" * 64, fingerprint="f" * 64, identity="f" * 64, source="filler",
            messages=rows, lanes=rows, open=True,
        )  # fmt: skip
        plan = filled.start_plan(record, now_us=now_us).number
        run = filled.start_run(plan, host="bench", pid=1, version="0", now_us=now_us)
        for first in range(0, rows, FILLED_PER_COMMIT):
            ordinals = range(first, min(first + FILLED_PER_COMMIT, rows))
            intents = [
                Intent(
                    plan=plan, ordinal=ordinal, run=run, key=ordinal.to_bytes(16, "big"), content=bytes(16),
                    lane=f"filler-{ordinal}", at_us=ordinal, now_us=now_us,
                )
                for ordinal in ordinals
            ]  # fmt: skip
            outcomes = [
                Outcome(
                    plan=plan, ordinal=ordinal, run=run, state=State.ACCEPTED, now_us=now_us,
                    phase="answered", reason="accepted", http_status=200, platform_id=f"{ordinal}",
                    conversation_id=f"{ordinal}",
                )
                for ordinal in ordinals
            ]  # fmt: skip
            filled.commit([*intents, *outcomes])
        filled.end_run(run, exit_code=0, now_us=now_us)


def pace(given: argparse.Namespace) -> list[dict[str, float]]:
    """Compare the arrivals at a server with the rate."""
    found = {}
    for rate in (10, 100, 1_000):
        count = rate * given.seconds
        lanes = min(64, count // 10)
        with ExitStack() as stack:
            folder = stack.enter_context(fresh([count // lanes] * lanes))
            with answering(5.0, folder / "arrivals") as url:
                replay(folder, url, rate=rate, lanes=lanes)
            arrivals = np.fromfile(folder / "arrivals")
        achieved = (len(arrivals) - 1) / (arrivals[-1] - arrivals[0])
        within = np.searchsorted(arrivals, arrivals + 1.0) - np.arange(len(arrivals))
        found[f"{rate}/s: achieved / rate"] = achieved / rate
        found[f"{rate}/s: worst sliding second / rate"] = within.max() / rate
    return [found]


def makespan(given: argparse.Namespace) -> list[dict[str, float]]:
    """Compare the time of a skewed plan with what rate and longest lane allow at best."""
    rounds = []
    latency_seconds = 0.3
    for _ in range(given.rounds):
        found = {}
        for name, rate, users, longest in (("rate", 30, 400, 40), ("longest lane", 30, 60, 60)):
            ranks = np.arange(1, users + 1)
            lengths = np.maximum(longest / ranks**0.8, 1).astype(int).tolist()
            with answering(1_000 * latency_seconds) as url, fresh(lengths) as folder:
                done = replay(folder, url, rate=rate, lanes=64)
            bounds = (done.messages / rate, lengths[0] * latency_seconds)
            found[f"bound by {name}: makespan / bound"] = done.seconds / max(bounds)
            found[f"({name}: messages / rate, s)"] = bounds[0]
            found[f"({name}: longest lane x latency, s)"] = bounds[1]
        rounds.append(found)
    return rounds


def main() -> None:
    """Run what is asked for and print the median of each figure, with the range over the rounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    benches = {"speed": speed, "ledger": ledger, "pace": pace, "makespan": makespan}
    parser.add_argument("bench", choices=benches)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=30_720)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=60)
    given = parser.parse_args()
    if os.geteuid() == 0:
        os.nice(-15)  # so that other programs of the machine disturb client and server less
    rounds = benches[given.bench](given)
    for name in rounds[0]:
        values = [found[name] for found in rounds]
        line = f"{name:<48}{statistics.median(values):>12,.3f}   {min(values):,.3f} to {max(values):,.3f}"
        print(line)  # noqa: T201  a benchmark reports


if __name__ == "__main__":
    main()
