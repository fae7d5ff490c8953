"""The program is killed at one system call after the other; the platform's log says what it was worth.

ETL_CHAOS=full takes every call instead of a sample.
"""

import os
import queue
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.scene import scene, spread
from support.shim import Fault, Mode, Zygote

FULL = os.environ.get("ETL_CHAOS") == "full"
LANES = 3
SPARE = 25
"""Commits group differently each time, so runs have more or fewer points."""


class Crashes:
    """Kills a run at given points, on as many cores as there are zygotes."""

    def __init__(self, folder: Path, zygotes: tuple[Zygote, ...]) -> None:
        self._folder = folder
        self._zygotes: queue.SimpleQueue[Zygote] = queue.SimpleQueue()
        for one in zygotes:
            self._zygotes.put(one)
        self._pool = len(zygotes)

    def count(self, within: str) -> int:
        """Return how many points an undisturbed run has."""
        zygote = self._zygotes.get()
        with scene(self._folder / "count", zygote) as place:
            ran = place.run("import", "job.toml", fault=Fault(within=within))
            assert 0 == ran.code, ran.err
            place.check_whole()
        self._zygotes.put(zygote)
        return len(ran.points)

    def all(self, faults: list[Fault]) -> list[int]:
        """Return what each fault left in doubt; those that came too late are left out."""
        with ThreadPoolExecutor(self._pool) as pool:
            return [doubt for doubt in pool.map(self._one, faults) if doubt is not None]

    def _one(self, fault: Fault) -> int | None:
        zygote = self._zygotes.get()
        try:
            with scene(self._folder / f"{fault.mode.name}-{fault.at}-{fault.seed}", zygote) as place:
                killed = place.run("import", "job.toml", fault=fault)
                if killed.code == 0:
                    return None
                try:
                    assert -signal.SIGKILL == killed.code, killed.err
                    place.check_sound()
                    place.check_intents(in_flight=LANES)
                    doubt = place.settle()
                    resumed = place.run("import", "job.toml")
                    assert 0 == resumed.code, resumed.err
                    place.check_whole()
                except AssertionError as error:
                    raise AssertionError(f"{fault} at {killed.points[-1:]}: {error}") from error
                return doubt
        finally:
            self._zygotes.put(zygote)


@pytest.mark.timeout(7_200 if FULL else 180)
@pytest.mark.parametrize(
    ("mode", "samples", "seeds"),
    [
        pytest.param(Mode.KILL, 26, (0,), id="killed"),
        pytest.param(Mode.TEAR, 10, (0,), id="killed in the middle of a write"),
        pytest.param(Mode.POWER, 14, (0,), id="power cut: all that is unsynced is lost"),
        pytest.param(Mode.POWER, 14, (1, 2), id="power cut: some sectors of it are lost"),
    ],
)
def test_death_at_any_call_loses_doubles_and_disorders_nothing(
    tmp_path, zygotes, mode, samples, seeds, record_property
):
    """Settled by what the platform has, the same command ends with every message there once, in order."""
    crashes = Crashes(tmp_path, zygotes)
    within = "" if FULL else "ledger"
    points = crashes.count(within)
    chosen = range(1, points + SPARE) if FULL else spread(points, samples=samples)

    doubts = crashes.all(
        [Fault(mode=mode, at=at, within=within, seed=at * seed) for at in chosen for seed in seeds]
    )

    record_property("points", len(doubts))
    assert samples // 2 <= len(doubts)
    assert 1 <= max(doubts) <= LANES
