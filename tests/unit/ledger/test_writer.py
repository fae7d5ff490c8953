"""Group commit: durable answers for an event loop."""

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from etl.clock import SYSTEM
from etl.errors import LedgerError
from etl.ledger.interface import Ledger
from etl.ledger.writer import GroupCommit
from etl.model.states import State


@dataclass
class Gate:
    """A ledger whose commits wait until they are let through, and which notes them."""

    ledger: Any
    fail_from: int = 1_000_000
    batches: list[list[Any]] = field(default_factory=list)
    entered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    opened: threading.Event = field(default_factory=threading.Event)

    def commit(self, entries) -> None:
        """Commit for real, once the gate is open."""
        self.batches.append(list(entries))
        self.entered.release()
        assert self.opened.wait(timeout=30)
        if len(self.batches) >= self.fail_from:
            raise LedgerError("the disk is full", hint="free some space")
        self.ledger.commit(entries)

    async def wait_entered(self) -> None:
        """Return when the next commit has begun."""
        await asyncio.to_thread(self.entered.acquire)


@pytest.fixture
def gate(ledger) -> Gate:
    """Return a closed gate before the ledger."""
    return Gate(ledger)


async def soon(coroutine) -> asyncio.Task[None]:
    """Return the coroutine as a task that has reached its first wait."""
    task = asyncio.create_task(coroutine)
    await SYSTEM.sleep(0)
    return task


def test_write_returns_when_the_entry_is_durable(ledger, intent, outcome):
    """Only then may the first byte leave."""

    async def play() -> None:
        async with GroupCommit(ledger) as writer:
            await writer.write(intent(0))
            assert ledger.counts() == {State.IN_FLIGHT: 1}
            await writer.write(outcome(0))
            assert ledger.counts() == {State.ACCEPTED: 1}

    asyncio.run(play())


def test_outcomes_linger_for_an_intent(gate, intent, outcome):
    """A far database is asked once for both; whoever waits for an intent waits for a slot, too."""

    async def play() -> None:
        gate.opened.set()
        async with GroupCommit(gate, linger_seconds=3_600.0) as writer:
            await writer.write(intent(0))
            settled = await soon(writer.write(outcome(0)))
            await writer.write(intent(10))
            assert settled.done()

    asyncio.run(play())
    assert [[intent(0)], [outcome(0), intent(10)]] == gate.batches


def test_outcomes_do_not_linger_for_ever(gate, intent, outcome):
    """Their lane goes on when they are durable."""

    async def play() -> None:
        gate.opened.set()
        async with GroupCommit(gate, linger_seconds=0.01) as writer:
            await writer.write(intent(0))
            await writer.write(outcome(0))

    asyncio.run(play())
    assert [[intent(0)], [outcome(0)]] == gate.batches


def test_intents_of_one_turn_share_a_commit_that_lingers_for_nothing(gate, intent):
    """Their slots come soon, and together."""

    async def play() -> None:
        gate.opened.set()
        async with GroupCommit(gate, linger_seconds=3_600.0) as writer:
            await asyncio.gather(*(writer.write(intent(ordinal)) for ordinal in (0, 10, 20)))

    asyncio.run(play())
    assert [[intent(0), intent(10), intent(20)]] == gate.batches


def test_leaving_waits_for_no_linger(gate, intent, outcome):
    """What was written is committed at once."""

    async def play() -> None:
        gate.opened.set()
        async with GroupCommit(gate, linger_seconds=3_600.0) as writer:
            await writer.write(intent(0))
            last = await soon(writer.write(outcome(0)))
        await last

    asyncio.run(play())
    assert [[intent(0)], [outcome(0)]] == gate.batches


def test_entries_that_gather_during_a_commit_share_the_next(gate, intent):
    """One fsync for all of them, in the order they were written."""

    async def play() -> None:
        async with GroupCommit(gate) as writer:
            first = await soon(writer.write(intent(0)))
            await gate.wait_entered()
            rest = [await soon(writer.write(intent(ordinal))) for ordinal in (30, 10, 20)]
            assert not first.done()
            gate.opened.set()
            await asyncio.gather(first, *rest)

    asyncio.run(play())
    assert [[entry.ordinal for entry in batch] for batch in gate.batches] == [[0], [30, 10, 20]]


def test_outcome_and_next_intent_are_durable_together(gate, intent, outcome):
    """One wait for the disk instead of two; a lane's outcome goes before its next intent."""

    async def play() -> None:
        async with GroupCommit(gate) as writer:
            gate.opened.set()
            await writer.write(intent(0))
            await gate.wait_entered()
            gate.opened.clear()
            busy = await soon(writer.write(intent(20)))
            await gate.wait_entered()
            rest = [await soon(writer.write(intent(30))), await soon(writer.write(outcome(0), intent(1)))]
            gate.opened.set()
            await asyncio.gather(busy, *rest)

    asyncio.run(play())
    assert gate.batches == [[intent(0)], [intent(20)], [outcome(0), intent(30), intent(1)]]


def test_loop_is_woken_once_per_commit(gate, intent, monkeypatch):
    """A wake-up per entry costs more than the row."""

    async def play() -> int:
        loop = asyncio.get_running_loop()
        async with GroupCommit(gate) as writer:
            first = await soon(writer.write(intent(0)))
            await gate.wait_entered()
            rest = [await soon(writer.write(intent(ordinal))) for ordinal in (10, 20, 30, 40)]
            calls: list[Any] = []
            real = loop.call_soon_threadsafe

            def counted(*args: Any) -> Any:
                calls.append(args)
                return real(*args)

            monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
            gate.opened.set()
            await asyncio.gather(first, *rest)
            monkeypatch.undo()
            return len(calls)

    assert asyncio.run(play()) == 2


def test_cancelled_waiter_does_not_lose_its_entry(gate, ledger, started, intent):
    """What was handed over is committed, whoever still waits."""

    async def play() -> None:
        async with GroupCommit(gate) as writer:
            in_commit = await soon(writer.write(intent(0)))
            await gate.wait_entered()
            gathered = await soon(writer.write(intent(10)))
            in_commit.cancel()
            gathered.cancel()
            assert [
                isinstance(result, asyncio.CancelledError)
                for result in await asyncio.gather(in_commit, gathered, return_exceptions=True)
            ] == [True, True]
            gate.opened.set()

    asyncio.run(play())
    assert ledger.progress(started[0], 0, 100)[0] == [0, 10]


def test_cancelled_waiter_does_not_keep_the_answer_from_the_others(gate, intent):
    """One lane that gives up must not hang the lanes of the same commit."""

    async def play() -> None:
        async with GroupCommit(gate) as writer:
            first = await soon(writer.write(intent(0)))
            await gate.wait_entered()
            cancelled, waiting = [await soon(writer.write(intent(ordinal))) for ordinal in (10, 20)]
            cancelled.cancel()
            gate.opened.set()
            await asyncio.wait_for(asyncio.gather(first, waiting), timeout=30)

    asyncio.run(play())


def test_failed_commit_breaks_the_writer_for_everybody(gate, ledger, intent):
    """Sending must stop everywhere: the batch, what gathered meanwhile, and all that comes later."""
    gate.fail_from = 2

    async def play() -> list[BaseException | None]:
        async with GroupCommit(gate) as writer:
            gate.opened.set()
            await writer.write(intent(0))
            await gate.wait_entered()
            gate.opened.clear()
            failing = await soon(writer.write(intent(10)))
            await gate.wait_entered()
            gathered = [await soon(writer.write(intent(ordinal))) for ordinal in (20, 30)]
            gate.opened.set()
            results = await asyncio.gather(failing, *gathered, return_exceptions=True)
            with pytest.raises(LedgerError):
                await writer.write(intent(40))
            return results

    with pytest.raises(LedgerError, match="disk is full"):
        asyncio.run(play())
    assert [[entry.ordinal for entry in batch] for batch in gate.batches] == [[0], [10]]
    assert ledger.counts() == {State.IN_FLIGHT: 1}


def test_every_waiter_of_a_refused_batch_gets_the_error(ledger, intent):
    """Nothing of the batch was applied, so nobody may send."""

    async def play() -> list[BaseException | None]:
        try:
            async with GroupCommit(ledger) as writer:
                entries = [intent(0), intent(1), intent(10)]
                return await asyncio.gather(*map(writer.write, entries), return_exceptions=True)
        except LedgerError as error:
            return [error]

    assert [LedgerError] == [type(result) for result in asyncio.run(play())]


def test_failure_that_nobody_waits_for_is_raised_at_the_end(gate, intent):
    """A run must not end well when its last outcome is not durable."""
    gate.fail_from = 1

    async def play() -> None:
        async with GroupCommit(gate) as writer:
            waiter = await soon(writer.write(intent(0)))
            await gate.wait_entered()
            waiter.cancel()
            gate.opened.set()

    with pytest.raises(LedgerError, match="disk is full"):
        asyncio.run(play())


def test_error_of_the_body_is_not_hidden(ledger, intent):
    """What stopped the run is what people need to see."""

    async def play() -> None:
        async with GroupCommit(ledger) as writer:
            await writer.write(intent(0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(play())
    assert ledger.counts() == {State.IN_FLIGHT: 1}


def test_defect_in_a_commit_reaches_its_waiter(intent):
    """A waiter without an answer would hang for ever."""

    async def play() -> None:
        async with GroupCommit(cast("Ledger", None)) as writer:
            await writer.write(intent(0))

    with pytest.raises(AttributeError):
        asyncio.run(play())


def test_closed_writer_refuses(ledger, intent):
    """An entry that no thread will commit must not be waited for."""

    async def play() -> None:
        async with GroupCommit(ledger) as writer:
            pass
        await writer.write(intent(0))

    with pytest.raises(LedgerError, match="closed"):
        asyncio.run(play())


def test_thread_ends_with_the_context(ledger):
    """No thread outlives the run."""

    async def play() -> None:
        async with GroupCommit(ledger):
            assert "etl-ledger-writer" in {thread.name for thread in threading.enumerate()}

    asyncio.run(play())
    assert "etl-ledger-writer" not in {thread.name for thread in threading.enumerate()}
