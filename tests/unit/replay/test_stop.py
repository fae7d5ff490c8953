"""Ending a run in good order."""

import asyncio
import os
import signal
import threading

import pytest

from etl.clock import yield_once
from etl.model.events import Draining, Event
from etl.replay import stop as stop_module
from etl.replay.stop import Stop, StopKind, StopReason, on_signals
from support import loops

pytestmark = pytest.mark.usefixtures("loop")


def test_stop_keeps_its_first_reason():
    """The first cause decides the exit code, not what followed from it."""
    events: list[Event] = []
    stop = Stop(events.append)

    assert not stop.requested
    assert stop.request(StopKind.REFUSED, "no")
    assert not stop.request(StopKind.INTERRUPTED, "interrupted")
    assert StopReason(kind=StopKind.REFUSED, message="no") == stop.reason
    assert events == [Draining(reason="no")]


async def _raise_signals(stop: Stop, *numbers: signal.Signals) -> str:
    with on_signals(stop):
        try:
            for number in numbers:
                os.kill(os.getpid(), number)
                for _ in range(5):
                    await yield_once()
        except asyncio.CancelledError:
            return "left"
    return "drains"


@pytest.mark.parametrize(
    ("number", "kind"),
    [(signal.SIGINT, StopKind.INTERRUPTED), (signal.SIGTERM, StopKind.TERMINATED)],
)
def test_first_signal_drains(number, kind):
    """What is in flight is finished, so nothing becomes uncertain."""
    stop = Stop(lambda _: None)

    assert loops.run(_raise_signals(stop, number)) == "drains"
    assert stop.reason is not None
    assert kind is stop.reason.kind


@pytest.mark.parametrize("numbers", [(signal.SIGINT,), (signal.SIGTERM,), ()])
def test_drain_by_a_signal_waits_no_longer_for_a_ledger_that_is_away(numbers, monkeypatch):
    """A person's patience is shorter than a run's, also for what is written after it; else nobody hurries."""
    monkeypatch.setattr(stop_module, "_PATIENCE_SECONDS", 0.01)
    hurried = threading.Event()

    async def drained() -> None:
        with on_signals(Stop(lambda _: None), hurry=hurried.set):
            for number in numbers:
                os.kill(os.getpid(), number)
            for _ in range(5):
                await yield_once()

    loops.run(drained())

    assert bool(numbers) is hurried.wait(10 if numbers else 0.1)


def test_second_signal_leaves_at_once():
    """A person who insists is obeyed; recovery handles the rest."""
    stop = Stop(lambda _: None)

    assert loops.run(_raise_signals(stop, signal.SIGTERM, signal.SIGINT)) == "left"


def test_first_signal_during_another_drain_is_no_second_one():
    """A drain after a 401 must not lose its outcomes to one Ctrl-C."""
    stop = Stop(lambda _: None)
    stop.request(StopKind.REFUSED, "401")

    assert loops.run(_raise_signals(stop, signal.SIGINT)) == "drains"
    assert loops.run(_raise_signals(stop, signal.SIGINT, signal.SIGINT)) == "left"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_are_given_back_afterwards(number):
    """Whoever is asked for a word, or writes the report, still tells how it ended."""
    got: list[int] = []

    async def after() -> None:
        with on_signals(Stop(lambda _: None)):
            await yield_once()
        assert takes is signal.getsignal(number)
        os.kill(os.getpid(), number)
        for _ in range(5):
            await yield_once()

    def takes(taken: int, _frame: object) -> None:
        got.append(taken)

    before = signal.signal(number, takes)
    try:
        loops.run(after())
        os.kill(os.getpid(), number)
    finally:
        signal.signal(number, before)

    assert [number, number] == got


def test_ctrl_c_after_a_run_is_an_ordinary_one():
    """The loop's own handler of it goes with the loop."""
    before = signal.getsignal(signal.SIGINT)
    loops.run(_raise_signals(Stop(lambda _: None)))

    assert before is signal.getsignal(signal.SIGINT)


def test_on_signals_outside_the_main_thread_leaves_them_alone():
    """Only the main thread may handle signals; a run in another one works all the same."""

    async def play() -> str:
        with on_signals(Stop(lambda _: None)):
            return "ran"

    async def in_a_thread() -> str:
        return await asyncio.to_thread(lambda: loops.run(play()))

    assert loops.run(in_a_thread()) == "ran"
