"""Where normalizing spends its CPU, step by step, on the rows of `history.py`; memory is not looked at.

    python tests/bench/normalize.py 400000
    python tests/bench/normalize.py 400000 --against ../other-worktree --rounds 3

CPU seconds of one thread per million rows, of the step itself without the steps it calls. With `--against`
another tree of the same project runs in turn with this one, and the ratio is printed. Not part of CI.
"""

import argparse
import functools
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__).resolve().parent

STEPS = (
    ("batch", "read_roles"), ("batch", "read_visibility"), ("batch", "read_users"), ("batch", "read_ids"),
    ("times", "TimeReader.__call__"), ("batch", "read_sequence"), ("texts", "TextReader.__call__"),
    ("texts", "_remove_controls"), ("texts", "_convert_html"), ("texts", "_compose"),
    ("texts", "read_residues"), ("texts", "TextReader._look"), ("texts", "TextReader._bounded"),
    ("privacy", "Masker.__call__"), ("privacy", "_candidates"), ("privacy", "Masker._find"),
    ("batch", "assemble"), ("messages", "content_digests"), ("messages", "message_keys"),
)  # fmt: skip
"""Module of `etl.normalize` and name of what is timed; what another tree does not have is left out."""

_own: dict[str, float] = defaultdict(float)
_inner = [0.0]


def timed(name: str, step: Callable[..., Any]) -> Callable[..., Any]:
    """Return a step that adds its own CPU time to the tally."""

    @functools.wraps(step)
    def run(*args: Any, **kwargs: Any) -> Any:
        began = time.thread_time()
        _inner.append(0.0)
        try:
            return step(*args, **kwargs)
        finally:
            whole = time.thread_time() - began
            _own[name] += whole - _inner.pop()
            _inner[-1] += whole

    return run


def watch() -> None:
    """Put the clock around every step that this tree has."""
    for module_name, path in STEPS:
        owner: Any = importlib.import_module(f"etl.normalize.{module_name}")
        *classes, name = path.split(".")
        for part in classes:
            owner = getattr(owner, part)
        if hasattr(owner, name):
            setattr(owner, name, timed(f"{module_name}.{path}", getattr(owner, name)))


def batches_of(csv: Path) -> tuple[list[Any], float]:
    """Return the file's row batches and the CPU seconds of reading them."""
    from etl.config.reading import Input  # noqa: PLC0415  which tree it is of is chosen at start
    from etl.source.discover import discover  # noqa: PLC0415
    from etl.source.reader import read  # noqa: PLC0415

    (file,) = discover([csv.name], base=csv.parent)
    columns = ("id", "ticket", "user", "role", "at", "text")
    began = time.process_time()
    items = list(read(file, columns, Input()))
    reading = time.process_time() - began
    return [item for item in items if type(item).__name__ == "RowBatch"], reading


def profile(csv: Path) -> dict[str, float]:
    """Return CPU seconds per million rows of every step, of the whole, and of reading."""
    from etl.config.load import parse_job  # noqa: PLC0415
    from etl.normalize.batch import Normalizer  # noqa: PLC0415

    watch()
    batches, reading = batches_of(csv)
    job = tomllib.loads(importlib.import_module("plan").JOB.format(memory_limit_mb=512))
    job["time"] = {"format": "iso8601"}
    normalizer = Normalizer(parse_job(job, name="bench"), now_us=1_790_000_000_000_000)
    rows = sum(batch.rows.num_rows for batch in batches)
    normalizer(batches[0])
    _own.clear()
    began = time.process_time()
    for batch in batches:
        normalizer(batch)
    whole = time.process_time() - began
    steps = {**_own, "the rest": whole - sum(_own.values()), "whole": whole, "reading": reading}
    steps["without digests"] = whole - sum(
        _own[f"messages.{name}"] for name in ("content_digests", "message_keys")
    )
    per_million = {name: seconds * 1e6 / rows for name, seconds in steps.items()}
    return per_million | {"rows per batch": rows / len(batches)}


def run(tree: Path, csv: Path) -> dict[str, float]:
    """Return the profile of a tree, made by a process of its own."""
    arguments = [sys.executable, __file__, "--one", str(csv)]
    found = subprocess.run(
        arguments, env={**os.environ, "PYTHONPATH": str(tree)}, cwd=tree, stdout=subprocess.PIPE, check=True
    )
    return dict(json.loads(found.stdout))


def main() -> None:
    """Make the export, run the rounds, print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=400_000)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--csv", type=Path, help="an export made before")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(profile(given.one)))  # noqa: T201
        return
    trees = [HERE.parents[1], *([given.against.resolve()] if given.against else [])]
    with TemporaryDirectory() as name:
        csv = given.csv or Path(name) / "export.csv"
        if not given.csv:
            maker = [sys.executable, str(HERE / "history.py"), str(given.rows), "--csv", str(csv)]
            subprocess.run(maker, check=True)
        show([[run(tree, csv) for tree in trees] for _ in range(given.rounds)])


def show(rounds: list[list[dict[str, float]]]) -> None:
    """Print the medians of every step: this tree, the other one, their ratio."""
    names = dict.fromkeys(name for one in rounds for tree in one for name in tree)
    for name in names:
        columns = [
            statistics.median(one[tree].get(name, 0.0) for one in rounds) for tree in range(len(rounds[0]))
        ]
        ratio = f"{columns[0] / columns[1]:8.2f}" if len(columns) > 1 and columns[1] else ""
        print(f"{name:28}", *(f"{value:9.3f}" for value in columns), ratio)  # noqa: T201


if __name__ == "__main__":
    main()
