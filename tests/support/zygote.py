"""A process that has the program loaded and forks a run of it for each line: start-up is paid once.

Run as a script with the shim preloaded. A line in is a run as JSON; lines out: its pid, then its exit code.
"""

import ctypes
import importlib
import json
import os
import pkgutil
import signal
import sys
import warnings
from typing import Any, NoReturn

_LEFT_OUT = ("etl.__main__", "etl.sandbox")
_HEAVY = (
    "distributed.cli.dask_worker",
    "duckdb",
    "pandas",
    "pyarrow.csv",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "pyarrow.compute",
)


def load() -> None:
    """Import all that a run may need."""
    import etl  # noqa: PLC0415  nothing is imported before the shim's functions can be called

    names = [module.name for module in pkgutil.walk_packages(etl.__path__, "etl.")]
    for name in (
        *_HEAVY,
        "distributed.cli.dask_worker",
        *(name for name in names if not name.startswith(_LEFT_OUT)),
    ):
        importlib.import_module(name)


def become(order: dict[str, Any]) -> NoReturn:
    """Run one command line in this process, under the faults that are ordered, and leave."""
    for stream, name in enumerate(("in", "out", "err")):
        mode = os.O_RDONLY if name == "in" else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        os.dup2(os.open(os.devnull if name == "in" else order[name], mode, 0o600), stream)
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if order["arm"]:
        names, numbers = order["arm"][:3], order["arm"][3:]
        shim = ctypes.CDLL(None)
        shim.chaos_peers(order["peers"].encode())
        shim.chaos_arm.argtypes = [*[ctypes.c_char_p] * 3, *_NUMBERS]
        shim.chaos_arm(*(name.encode() for name in names), *numbers)
    code = _PROGRAMS[order["program"]](order["arguments"])
    sys.stderr.flush()
    os._exit(code)


def run_etl(arguments: list[str]) -> int:
    """Run `etl …`."""
    from etl.cli.main import run  # noqa: PLC0415  loaded already

    return int(run(arguments))


def run_worker(arguments: list[str]) -> int:
    """Run `dask worker …` until somebody ends it."""
    from distributed.cli.dask_worker import main  # noqa: PLC0415  loaded already

    warnings.resetwarnings()  # Dask and its parts warn as they like
    main(arguments, standalone_mode=False)
    return 0


_PROGRAMS = {"etl": run_etl, "dask worker": run_worker}


_NUMBERS = (
    ctypes.c_int,
    ctypes.c_long,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_ulonglong,
    ctypes.c_longlong,
)


def serve() -> None:
    """Fork a run for each line of stdin and report how it ended."""
    load()
    say("ready")
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            become(json.loads(line))
        say(pid)
        _, status = os.waitpid(pid, 0)
        say(os.waitstatus_to_exitcode(status))


def say(word: object) -> None:
    """Answer with a line."""
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    serve()
