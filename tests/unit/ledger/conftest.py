"""One ledger after another for the conformance suite, and makers of what goes into it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from etl.ledger.interface import Intent, Ledger, Outcome, PlanRecord
from etl.ledger.opening import open_ledger
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.opening import open_postgres
from etl.model.states import State
from support.postgres import fresh_address, server, shell

TARGET = "https://api.example/deployment-1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the SQLite ledger of a test lives."""
    return tmp_path / "state" / "ledger.sqlite"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for each kind of ledger that its module names in `LEDGERS`, or for SQLite's."""
    if "ledger" in metafunc.fixturenames:
        metafunc.parametrize("ledger", getattr(metafunc.module, "LEDGERS", ["sqlite"]), indirect=True)


@pytest.fixture
def address(request) -> Iterator[Address | None]:
    """Yield where the PostgreSQL ledger of a test lives, in a schema of its own; None: it needs none."""
    if request.node.callspec.params.get("ledger") != "postgres":
        yield None
        return
    with fresh_address(server()) as found:
        yield found


@pytest.fixture
def ledger(path, address) -> Iterator[Ledger]:
    """Yield an empty ledger of each kind."""
    opened: Ledger
    if address is None:
        opened = open_ledger(path, target=TARGET, create=True)
    else:
        opened = open_postgres(address, target=TARGET, create=True, patience_seconds=10)
    with closing(opened):
        yield opened


@pytest.fixture
def new_plan() -> Callable[..., PlanRecord]:
    """Return a maker of plans that were not started yet."""

    def make(digest: str = "a" * 64) -> PlanRecord:
        return PlanRecord(
            number=0, hash=digest, fingerprint="f" * 64, identity="i" * 64, source="acme",
            messages=100, lanes=10, open=False,
        )  # fmt: skip

    return make


@pytest.fixture
def started(ledger, new_plan) -> tuple[int, int]:
    """Return the numbers of an open plan and of its running run."""
    plan = ledger.start_plan(new_plan(), now_us=1_000).number
    return plan, ledger.start_run(plan, host="host", pid=1, version="0", now_us=1_001)


@pytest.fixture
def intent(started) -> Callable[..., Intent]:
    """Return a maker of intents; ten ordinals are one lane."""
    plan, run = started

    def make(ordinal: int, **changes) -> Intent:
        fields = {
            "plan": plan,
            "ordinal": ordinal,
            "run": run,
            "key": ordinal.to_bytes(16, "big"),
            "content": b"c" * 16,
            "lane": f"user-{ordinal // 10}",
            "at_us": ordinal * 1_000_000,
            "now_us": 2_000 + ordinal,
        }
        return Intent(**(fields | changes))

    return make


@pytest.fixture
def outcome(started) -> Callable[..., Outcome]:
    """Return a maker of outcomes, by default a plain acceptance."""
    plan, run = started

    def make(ordinal: int, state: State = State.ACCEPTED, **changes) -> Outcome:
        fields = {
            "plan": plan,
            "ordinal": ordinal,
            "run": run,
            "state": state,
            "now_us": 3_000 + ordinal,
            "phase": "answered",
            "reason": state.value,
        }
        return Outcome(**(fields | changes))

    return make


@pytest.fixture
def raw(ledger, path, address):  # noqa: ARG001  the ledger makes the file
    """Yield a connection of one's own to what `ledger` stores, as an operator with a SQL shell has it."""
    connection: Any = shell(address) if address else sqlite3.connect(path, isolation_level=None, timeout=0)
    with closing(connection):
        yield connection
