"""One call after the other on the ledger's files fails or does half of what it should.

Nothing of that may cost more than the run: what the platform answered is known, so nothing is left in doubt.
"""

import errno
from dataclasses import replace

import pytest

from support.scene import FULL, Scene, Trials
from support.shim import Fault, Kind, Mode, Ran

CALLS = Kind.WRITE | Kind.SYNC | Kind.SIZE


def resume(place: Scene, ran: Ran) -> int:
    """Go on without a word on anything, and return how the run under the fault ended."""
    place.check_sound()
    resumed = place.run("import", "job.toml")
    assert 0 == resumed.code, resumed.err
    place.check_whole()
    return ran.code


@pytest.mark.timeout(7_200 if FULL else 180)
@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        pytest.param(Fault(mode=Mode.FAIL, error=errno.ENOSPC, kinds=CALLS), {0, 5}, id="full once"),
        pytest.param(Fault(mode=Mode.FAIL, error=errno.ENOSPC, kinds=CALLS, ever=True), {0, 5}, id="full"),
        pytest.param(
            Fault(mode=Mode.FAIL, within="etl-state", kinds=CALLS, ever=True, until_ballast=True),
            {0, 2, 4, 5},
            id="all full until the ballast is freed",
        ),
        pytest.param(Fault(mode=Mode.FAIL, error=errno.EIO, kinds=CALLS), {0, 5}, id="broken once"),
        pytest.param(Fault(mode=Mode.FAIL, error=errno.EIO, kinds=CALLS, ever=True), {0, 5}, id="broken"),
        pytest.param(Fault(mode=Mode.FAIL, error=errno.EIO, kinds=Kind.SYNC), {0, 5}, id="no sync once"),
        pytest.param(Fault(mode=Mode.FAIL, error=errno.EINTR, kinds=Kind.WRITE), {0}, id="interrupted"),
        pytest.param(Fault(mode=Mode.SHORTEN, kinds=Kind.WRITE, ever=True), {0}, id="short writes"),
        pytest.param(Fault(mode=Mode.SHORTEN, kinds=Kind.SEND, ever=True), {0}, id="short sends"),
    ],
)
def test_disk_that_fails_at_any_call_leaves_nothing_in_doubt(tmp_path, zygotes, fault, codes, request):
    """The run stops or goes on; the next one ends it without asking anybody."""
    trials = Trials(tmp_path, zygotes)
    points = trials.points(replace(fault, within=fault.within or "ledger"), samples=6)

    ends = trials.each([replace(fault, within=fault.within or "ledger", at=at) for at in points], resume)

    request.node.add_report_section("call", "points", f"{len(ends)} faults, 0 in doubt, 0 lost, 0 doubled")
    assert codes >= set(ends)
    assert max(codes) in ends


@pytest.mark.parametrize("ever", [False, True])
def test_full_disk_while_planning_is_no_defect(tmp_path, zygotes, ever):
    """Nothing is sent yet; each file of a plan that can't be written is told as what it is."""

    def end(place: Scene, ran: Ran) -> tuple[int, int, int]:
        return ran.code, len(place.has()) if ran.code else 0, len(ran.points)

    trials = Trials(tmp_path, zygotes)
    fault = Fault(mode=Mode.FAIL, within="/plans/", kinds=Kind.WRITE, ever=ever)
    faults = [replace(fault, at=at) for at in trials.points(fault, samples=8)]
    ends = trials.each(faults, end)
    assert {0} == {sent for _, sent, _ in ends}
    # Where a run has fewer writes than the one that was watched, no fault was met.
    met = [passed >= one.at for one, (_, _, passed) in zip(faults, ends, strict=True)]
    codes = {(was_met, code) for was_met, (code, _, _) in zip(met, ends, strict=True)}
    assert {(True, 2), (True, 4), (False, 0)} >= codes
    assert (True, 4) in codes
