"""A worker, or the driver, dies at one call after the other to platform and database; others go on.

ETL_CHAOS=full takes every call instead of a sample.
"""

import signal
from dataclasses import replace

import pytest

from support.fleet import LANES, FleetScene
from support.scene import FULL, FULLY, spread
from support.shim import Fault, Kind, Mode

LONG_SECONDS = 14_400 if FULL else 300
SIZE = {"users": 6, "messages": 3}


def watched(place: FleetScene, kinds: Kind) -> Fault:
    """Return what only counts the calls to platform and database."""
    return Fault(kinds=kinds, peers=place.peers())


def survive(place: FleetScene, code: int) -> int:
    """Settle what is in doubt, resume, and return how much doubt there was."""
    place.check_sound()
    place.check_intents(in_flight=LANES)
    assert code in {0, 3}
    if code == 0:
        place.check_whole()
        return 0
    doubt = place.settle()
    resumed = place.send()
    assert 0 == resumed.code, resumed.err
    place.check_whole()
    return doubt


@pytest.mark.timeout(LONG_SECONDS)
@pytest.mark.parametrize(
    ("mode", "kinds", "samples"),
    [
        pytest.param(Mode.KILL, Kind.TALK, 4, id="before the call"),
        pytest.param(Mode.TEAR, Kind.SEND, 3, id="in the middle of what it sends"),
    ],
)
def test_worker_that_dies_at_any_call_loses_doubles_and_disorders_nothing(
    tmp_path, crew, mode, kinds, samples, request
):
    """The others take over after one lease; what it had in flight is settled by what the platform has."""
    with crew.scene(tmp_path / "watched", **SIZE) as place:
        crew.berths[0].man(watched(place, kinds))
        assert 0 == place.send().code
        ended = crew.berths[0].clear()
    assert ended is not None
    doubts: list[int] = []
    wrong: list[str] = []
    for at in spread(len(ended.points), samples=samples):
        with crew.scene(tmp_path / f"at-{at}", **SIZE) as place:
            berth = crew.berths[0]
            berth.man(replace(watched(place, kinds), mode=mode, at=at))
            ran = place.send()
            died = berth.died
            try:
                doubt = survive(place, ran.code)
                assert died is not None or doubt == 0, "in doubt without a death"
                assert died is None or died.code == -signal.SIGKILL, died.err
            except AssertionError as error:
                wrong.append(f"{at} {died and died.points[-1:]}: {error} {ran.err[-500:]}")
            else:
                doubts += [] if died is None else [doubt]

    assert [] == wrong
    told = f"{len(doubts)} deaths, {sum(doubts)} messages in doubt, 0 lost, 0 doubled, 0 out of order"
    request.node.add_report_section("call", "points", told)
    assert samples // 2 <= len(doubts)
    assert LANES >= max(doubts)


@pytest.mark.timeout(LONG_SECONDS)
@pytest.mark.parametrize(
    ("mode", "kinds", "samples"),
    [
        pytest.param(Mode.KILL, Kind.TALK, 3, id="before the call"),
        pytest.param(Mode.TEAR, Kind.SEND, 3, id="in the middle of what it sends", marks=FULLY),
    ],
)
def test_driver_that_dies_at_any_call_costs_nothing(tmp_path, crew, mode, kinds, samples, request):
    """Its workers end their messages before the next driver begins: nothing is ever in doubt."""
    with crew.scene(tmp_path / "watched", **SIZE) as place:
        ran = place.send(fault=watched(place, kinds))
        assert 0 == ran.code, ran.err
    deaths, wrong = 0, []
    for at in spread(len(ran.points), samples=samples):
        with crew.scene(tmp_path / f"at-{at}", **SIZE) as place:
            ran = place.send(fault=replace(watched(place, kinds), mode=mode, at=at))
            last = ran
            try:
                assert ran.code in {0, -signal.SIGKILL}
                place.check_sound()
                if ran.code != 0:
                    deaths += 1
                    last = place.send()
                assert 0 == last.code
                place.check_whole()
            except AssertionError as error:
                wrong.append(f"{at} {ran.points[-1:]}: {error} {last.err[-500:]}")

    assert [] == wrong
    request.node.add_report_section("call", "points", f"{deaths} deaths, 0 in doubt, 0 lost, 0 doubled")
    assert samples // 2 <= deaths
