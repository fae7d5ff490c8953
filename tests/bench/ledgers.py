"""Both kinds of ledger under group commits: two durable states a message, on the same disk. By hand.

    PYTHONPATH=tests python tests/bench/ledgers.py --rounds 5

Each commit holds the outcomes of one group and the intents of the next, as in a replay at full speed. Rounds
alternate, so that what else the machine does hits both; only the ratio means something.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from etl.ledger.interface import Intent, Ledger, Outcome, PlanRecord
from etl.ledger.opening import open_ledger
from etl.ledger.postgres.opening import open_postgres
from etl.model.states import State
from support.postgres import fresh_address, server

TARGET: Final = "https://bench.example/1"
GROUP: Final = 256


def per_second(ledger: Ledger, groups: int) -> float:
    """Return messages per second of a run through an empty ledger."""
    record = PlanRecord(
        number=0, hash="a" * 64, fingerprint="f", identity="i", source="bench",
        messages=groups * GROUP, lanes=GROUP, open=False,
    )  # fmt: skip
    plan = ledger.start_plan(record, now_us=1).number
    run = ledger.start_run(plan, host="bench", pid=1, version="0", now_us=2)
    outcomes: list[Outcome] = []
    began = time.perf_counter()  # noqa: TID251  a bench measures
    for group in range(groups):
        numbers = range(group * GROUP, (group + 1) * GROUP)
        intents = [
            Intent(plan, n, run, n.to_bytes(16, "big"), b"c" * 16, f"user-{n % GROUP}", n, 5) for n in numbers
        ]
        ledger.commit([*outcomes, *intents])
        outcomes = [
            Outcome(plan, n, run, State.ACCEPTED, 9, "answered", "accepted", 200, f"p{n}", "c1")
            for n in numbers
        ]
    ledger.commit(outcomes)
    return groups * GROUP / (time.perf_counter() - began)  # noqa: TID251


def main() -> None:
    """Print each round and the median ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--groups", type=int, default=100)
    given = parser.parse_args()
    ratios = []
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder, fresh_address(server()) as address:
            path = Path(folder) / "state" / "ledger.sqlite"
            with closing(open_ledger(path, target=TARGET, create=True)) as sqlite:
                ours = per_second(sqlite, given.groups)
            with closing(open_postgres(address, target=TARGET, create=True)) as postgres:
                theirs = per_second(postgres, given.groups)
        ratios.append(theirs / ours)
        _say({"sqlite": round(ours), "postgres": round(theirs), "ratio": round(ratios[-1], 3)})
    _say({"postgres / sqlite, median": round(statistics.median(ratios), 3)})


def _say(line: dict[str, float]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    main()
