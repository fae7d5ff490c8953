"""The program is killed at one system call after the other; the platform's log says what it was worth.

ETL_CHAOS=full takes every call instead of a sample.
"""

import signal

import pytest

from support.scene import FULL, LANES, SECOND, Scene, Trials, scene
from support.shim import Fault, Kind, Mode, Ran


def survive(place: Scene, killed: Ran) -> int | None:
    """Settle what is in doubt, resume, and return how much doubt there was; None: it was not killed."""
    if killed.code == 0:
        return None
    assert -signal.SIGKILL == killed.code, killed.err
    place.check_sound()
    place.check_intents(in_flight=LANES)
    doubt = place.settle()
    resumed = place.run("import", "job.toml")
    assert 0 == resumed.code, resumed.err
    place.check_whole()
    return doubt


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
    tmp_path, zygotes, mode, samples, seeds, request
):
    """Settled by what the platform has, the same command ends with every message there once, in order."""
    trials = Trials(tmp_path, zygotes)
    fault = Fault(mode=mode, within="" if FULL else "ledger")
    faults = [
        Fault(mode=mode, within=fault.within, at=at, seed=at * seed)
        for at in trials.points(fault, samples=samples)
        for seed in seeds
    ]

    doubts = [doubt for doubt in trials.each(faults, survive) if doubt is not None]

    told = f"{len(doubts)} deaths, {sum(doubts)} messages in doubt, 0 lost, 0 doubled, 0 out of order"
    request.node.add_report_section("call", "points", told)
    assert samples // 2 <= len(doubts)
    assert 1 <= max(doubts) <= LANES


def test_rate_holds_over_deaths_and_restarts(tmp_path, zygotes):
    """In any sliding second over all runs together, settled and restarted at once each time."""
    with scene(tmp_path / "scene", zygotes[0], rate_per_second=4) as place:
        for at in (16, 14, 14):
            dead = Fault(mode=Mode.TEAR, at=at, kinds=Kind.SYNC | Kind.SEND, within="sqlite-wal")
            assert -signal.SIGKILL == place.run("import", "job.toml", fault=dead).code
            place.settle()
        ran = place.run("import", "job.toml")
        assert 0 == ran.code, ran.err
        place.check_whole()
        assert 4 >= place.server.most_within(SECOND)
