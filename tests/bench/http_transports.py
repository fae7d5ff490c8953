"""Messages a second and CPU time a message of each transport, against nginx on loopback. By hand.

nginx answers a constant JSON from one core, each variant runs in a fresh process on another; the variants
alternate, and the ratios are medians over the rounds. `httpx-shared` is the reference: httpx's default
transport behind one client that all workers share, which is what its documentation shows. All variants but
`own-asyncio` run on the loop that etl chooses: uvloop, where it is installed.

    python tests/bench/http_transports.py --workers 64 --rounds 5
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import httpx
from answering import BODY  # type: ignore[import-not-found] # a script's own folder

from etl.api.client import Client
from etl.api.wire import decode, encode
from etl.config.secrets import Secret
from etl.config.sending import Message
from etl.config.target import Target
from etl.model.exchange import Answer, Envelope, Exchange
from etl.model.plan import PlannedMessage
from etl.model.schemas import Role
from etl.pipeline import loops

VARIANTS = ("own", "own-asyncio", "httpx", "httpx-shared", "httpx-kept")
REFERENCE = "httpx-shared"
WARM_UP_SECONDS = 0.4
TOKEN = "tok-0123456789"  # noqa: S105  made up

CONFIG = """
daemon off; worker_processes 1; worker_cpu_affinity {mask}; pid {folder}/pid; error_log {folder}/errors;
events {{ worker_connections 4096; }}
http {{
    access_log off; keepalive_requests 1000000000; default_type application/json;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 '{answer}'; }} }}
}}
"""

Send = Callable[[PlannedMessage], Awaitable[Exchange]]


@contextmanager
def nginx(core: int) -> Iterator[str]:
    """Yield the address of a server on a core of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="bench-nginx-") as folder:
        config = Path(folder, "nginx.conf")
        text = CONFIG.format(mask=f"{1 << core:b}", folder=folder, port=port, answer=BODY.decode())
        config.write_text(text, "utf-8")
        with subprocess.Popen(["nginx", "-c", str(config)]) as server:  # noqa: S607  Debian's nginx-light
            try:
                _wait(port)
                yield f"http://127.0.0.1:{port}"
            finally:
                server.terminate()


def _wait(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)  # noqa: TID251  a server starts
    raise SystemExit("nginx did not start")


def message() -> PlannedMessage:
    """Return a message of average size."""
    return PlannedMessage(
        ordinal=0,
        key=bytes(range(16)),
        content=b"c" * 16,
        lane="user-123456",
        at_us=1_654_251_574_000_000,
        role=Role.AGENT,
        text="Your parcel left our warehouse yesterday; it should be with you tomorrow. " * 2,
        conversation="ticket-9",
        profile=None,
        variables=None,
    )


async def senders(variant: str, url: str, workers: int, stack: AsyncExitStack) -> list[Send]:
    """Return one way to send for each worker."""
    settings, token = Message(), Secret(TOKEN)
    if variant in {"own", "own-asyncio", "httpx"}:
        target = Target(deployment_id="d", base_url=url, transport="httpx" if variant == "httpx" else "own")
        client = Client(target, settings=settings, token=token, timeout_seconds=30.0, folder=Path())
        await stack.enter_async_context(client)
        return [client.sender().send for _ in range(workers)]

    def sending(http: httpx.AsyncClient) -> Send:
        async def send(planned: PlannedMessage) -> Exchange:
            answer = await http.post("/messages/", content=encode(planned, settings))
            return decode(
                answer.status_code, dict(answer.headers), answer.content, message=planned, secret=TOKEN
            )

        return send

    headers = {"Authorization": f"bearer {TOKEN}", "Content-Type": "application/json"}
    limits = httpx.Limits(max_connections=workers, max_keepalive_connections=workers)
    clients = 1 if variant == "httpx-shared" else workers
    opened = [
        await stack.enter_async_context(httpx.AsyncClient(base_url=url, headers=headers, limits=limits))
        for _ in range(clients)
    ]
    return [sending(opened[number % clients]) for number in range(workers)]


async def measure(variant: str, url: str, workers: int, seconds: float) -> dict[str, float]:
    """Return requests a second, CPU microseconds a message and the largest memory of one variant."""
    planned = message()
    done, wrong, running = 0, 0, True

    async def work(send: Send) -> None:
        nonlocal done, wrong
        while running:
            exchange = await send(planned)
            wrong += not (isinstance(exchange, Answer) and exchange.envelope is Envelope.ACCEPTANCE)
            done += 1

    async with AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        for send in await senders(variant, url, workers, stack):
            group.create_task(work(send))
        await asyncio.sleep(WARM_UP_SECONDS)  # noqa: TID251  a benchmark measures time
        gc.collect()
        gc.freeze()
        before, cpu, began = done, time.process_time(), time.perf_counter()  # noqa: TID251
        await asyncio.sleep(seconds)  # noqa: TID251
        count, cpu, took = done - before, time.process_time() - cpu, time.perf_counter() - began  # noqa: TID251
        running = False
    if wrong:
        raise SystemExit(f"{wrong} of {done} messages were not accepted")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"per_second": count / took, "cpu_us": cpu * 1e6 / max(count, 1), "memory_mb": memory}


def run_pinned(variant: str, url: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Return what a fresh process on the client's core measured."""
    command = [sys.executable, __file__, "--child", variant, "--url", url]
    command += ["--workers", str(arguments.workers), "--seconds", str(arguments.seconds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def main() -> None:
    """Run the variants in turn and print medians and paired ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variants", nargs="+", default=VARIANTS, choices=VARIANTS)
    parser.add_argument("--child", choices=VARIANTS, help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        os.sched_setaffinity(0, {0})
        measuring = measure(arguments.child, arguments.url, arguments.workers, arguments.seconds)
        measured = loops.run(measuring, "asyncio" if arguments.child == "own-asyncio" else "auto")
        print(json.dumps(measured))  # noqa: T201  for the parent
        return
    rounds: list[dict[str, dict[str, float]]] = []
    with nginx(core=1) as url:
        for number in range(arguments.rounds):
            order = arguments.variants if number % 2 == 0 else arguments.variants[::-1]
            rounds.append({variant: run_pinned(variant, url, arguments) for variant in order})
    for variant in arguments.variants:
        rows = [each[variant] for each in rounds]
        speed, cpu, memory = (
            statistics.median(row[name] for row in rows) for name in ("per_second", "cpu_us", "memory_mb")
        )
        line = f"{variant:<13}{speed:>9,.0f}/s{cpu:>9,.0f} us CPU{memory:>7,.0f} MB"
        if REFERENCE in arguments.variants:
            ratio = statistics.median(each[REFERENCE]["cpu_us"] / each[variant]["cpu_us"] for each in rounds)
            line += f"{ratio:>9.1f}x {REFERENCE}"
        print(line)  # noqa: T201  a benchmark reports


if __name__ == "__main__":
    main()
