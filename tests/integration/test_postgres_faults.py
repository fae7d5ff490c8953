"""A PostgreSQL ledger whose connection goes at any moment: each write is applied exactly once, or refused."""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from etl.errors import LedgerError
from etl.ledger.evidence import Pause
from etl.ledger.interface import Decision, Intent, Ledger, Outcome, PlanRecord, Selection, Word
from etl.ledger.postgres import long_reads
from etl.ledger.postgres.address import Address
from etl.ledger.postgres.ledger import PostgresLedger
from etl.ledger.postgres.opening import open_postgres
from etl.ledger.postgres.session import ReadOnly
from etl.model.states import State
from support.postgres import end_owner, fresh_address, server, shell
from support.wire import Side, Wire, wire

STEP = 1 if os.environ.get("ETL_CHAOS") == "full" else 6
"""Whether every chunk is tried at which a connection can be cut, or each sixth."""
TARGET = "https://api.example/deployment-1"
PLAN = PlanRecord(
    number=0, hash="a" * 64, fingerprint="f" * 64, identity="i" * 64, source="acme",
    messages=100, lanes=10, open=False,
)  # fmt: skip


@pytest.fixture
def address() -> Iterator[Address]:
    """Return a place for a ledger of the test's own."""
    with fresh_address(server()) as found:
        yield found


@pytest.fixture
def ledger(address) -> Iterator[PostgresLedger]:
    """Return an empty ledger."""
    with closing(open_postgres(address, target=TARGET, create=True, patience_seconds=20)) as opened:
        yield opened


@pytest.fixture
def laid(address) -> Iterator[Wire]:
    """Return a wire to the server; its folder's name must be short."""
    with tempfile.TemporaryDirectory(prefix="etl-wire-") as folder, wire(Path(folder), address.url) as one:
        yield one


def intent(ordinal: int, run: int = 1) -> Intent:
    """Return an intent; each message is a lane."""
    key = ordinal.to_bytes(16, "big")
    return Intent(1, ordinal, run, key, b"c" * 16, f"user-{ordinal}", ordinal, 2_000 + ordinal)


def outcome(ordinal: int, state: State = State.ACCEPTED) -> Outcome:
    """Return an outcome."""
    return Outcome(1, ordinal, 1, state, 3_000 + ordinal, "answered", state.value)


WORD = Word(state=State.SKIPPED, who="ann", why="no", now_us=5_000)
CALLS: dict[str, Callable[[Ledger], Any]] = {
    "start_plan": lambda ledger: ledger.start_plan(PLAN, now_us=1).number,
    "start_run": lambda ledger: ledger.start_run(1, host="h", pid=1, version="0", now_us=2),
    "commit": lambda ledger: ledger.commit([intent(0), intent(1), intent(2), intent(3)]),
    "group": lambda ledger: ledger.commit([outcome(0), outcome(1, State.UNCERTAIN), intent(4), intent(5)]),
    "late": lambda ledger: ledger.apply_late([outcome(2, State.REJECTED), outcome(9)]),
    "recover": lambda ledger: ledger.recover(now_us=4_000),
    "hold_off": lambda ledger: ledger.set_hold_off(9, pause=Pause(at_us=1, until_us=9, reason="http_429")),
    "learned": lambda ledger: ledger.remember_learned_rate(7.5),
    "decide": lambda ledger: ledger.decide(
        [Decision(plan=1, ordinal=1, state=State.PENDING, who="ann", why="asked", now_us=5_000)]
    ),
    "settle": lambda ledger: ledger.settle(Selection(states=frozenset({State.REJECTED})), WORD),
    "restore": lambda ledger: ledger.restore(generation=3, who="ann", why="disk", now_us=6_000),
    "end_run": lambda ledger: ledger.end_run(1, exit_code=3, now_us=7_000),
    "seal": lambda ledger: ledger.seal(now_us=8_000),
    "advance": lambda ledger: ledger.advance(),
    "progress": lambda ledger: ledger.progress(1, 0, 10),
    "counts": lambda ledger: ledger.counts(),
}
"""Every kind of call that a run makes, in the order of a life."""


def live(ledger: Ledger) -> list[Any]:
    """Make every call; return what each said."""
    return [call(ledger) for call in CALLS.values()]


def stored(address: Address) -> list[Any]:
    """Return all that a ledger holds and that does not differ from one ledger to the next."""
    questions = (
        "SELECT plan, ordinal, state, attempts, maybe_doubled, reason, run FROM message ORDER BY ordinal",
        "SELECT plan, ordinal, n, state, phase, reason FROM attempt ORDER BY ordinal, n",
        "SELECT plan, ordinal, from_state, to_state FROM decision ORDER BY ordinal",
        "SELECT number, hash, is_open FROM plan",
        "SELECT number, plan, exit_code FROM run",
        "SELECT run, until_us, reason FROM pause",
        "SELECT run, accepted, attempts FROM seal",
        "SELECT who, at_us FROM restore",
        "SELECT sum(accepted) FROM tally",
        "SELECT generation, commits, last_send_us > 0, hold_off_us > 0, learned_rate_per_second FROM meta",
    )
    with shell(address) as connection:
        return [connection.execute(question.encode()).fetchall() for question in questions]


@pytest.fixture(scope="module")
def expected() -> tuple[list[Any], list[Any]]:
    """Return what all calls say and leave behind when nothing goes wrong."""
    with fresh_address(server()) as address:
        with closing(open_postgres(address, target=TARGET, create=True)) as ledger:
            said = live(ledger)
        return said, stored(address)


def test_session_that_an_administrator_ends_comes_back_at_every_call(address, ledger, expected):
    """A restart, a failover or an idle limit of the server costs a moment, not the run."""
    said = []
    for call in CALLS.values():
        end_owner(address)
        said.append(call(ledger))
    assert expected == (said, stored(address))


@pytest.mark.parametrize("side", list(Side))
def test_each_write_is_applied_once_wherever_the_connection_is_cut(side, address, laid, expected):
    """Whether a commit whose answer is lost was applied, the ledger itself says."""
    total = at = 1
    while at <= total:
        with fresh_address(address.url) as fresh:
            through = replace(fresh, url=laid.url)
            with closing(open_postgres(through, target=TARGET, create=True, patience_seconds=20)) as ledger:
                laid.arm(side, at)
                assert expected[0] == live(ledger), f"cut at {at}"
                total = max(total, laid.passed[side])
                laid.arm()
            assert expected[1] == stored(fresh), f"cut at {at}"
        at += STEP
    assert 50 < total


def export_cut(address: Address, laid: Wire, side: Side, at: int) -> tuple[list[int] | None, int]:
    """Return the ordinals that an export gives although it is cut, or None; and what passed."""
    through = replace(address, url=laid.url)
    with closing(PostgresLedger(through, ReadOnly(through), marks=None, patience_seconds=20)) as asking:
        found: list[int] | None = []
        laid.arm(side, at)
        try:
            found = [ordinal for batch in asking.export() for ordinal in batch["ordinal"].to_pylist()]
        except LedgerError as error:
            if "in the middle of a long read" in error.message:
                found = None
        passed = laid.passed[side]
        laid.arm()
    return found, passed


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("rows", [1 << 16, 2])
def test_long_read_is_whole_wherever_the_connection_is_cut_or_says_that_it_is_not(
    side, rows, address, laid, ledger, monkeypatch
):
    """What comes in one batch is asked again; half of another snapshot is never added to a first half."""
    monkeypatch.setattr(long_reads, "BATCH_ROWS", rows)
    live(ledger)
    whole = [ordinal for batch in ledger.export() for ordinal in batch["ordinal"].to_pylist()]
    ends, at, last = set(), 1, 1
    while at <= last:
        found, passed = export_cut(address, laid, side, at)
        assert found in (whole, None)
        ends.add(found is None)
        last, at = max(last, passed), at + 1
    assert {False} | ({True} if rows < len(whole) else set()) == ends
