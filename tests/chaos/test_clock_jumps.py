"""The wall clock is set while the program runs; pace, pauses and order go by the other one."""

import pytest

from support.recorder import Arrival, Reply
from support.scene import LATENCY_SECONDS, SECOND, scene
from support.shim import Fault, Kind, Mode

DAY_SECONDS = 86_400


@pytest.mark.parametrize("jump_seconds", [DAY_SECONDS, -DAY_SECONDS])
def test_clock_that_is_set_in_mid_run_changes_neither_pace_nor_order(tmp_path, zygotes, jump_seconds):
    """Daylight saving, a time server, an operator: any of them may move it at any moment."""
    with scene(tmp_path / "scene", zygotes[0], users=4, rate_per_second=10, lanes=4) as place:
        jump = Fault(mode=Mode.JUMP, at=5, kinds=Kind.SEND, jump_seconds=jump_seconds)
        ran = place.run("import", "job.toml", fault=jump)
        assert 0 == ran.code, ran.err
        place.check_whole()
        assert 10 >= place.server.most_within(SECOND)
        first, last = place.server.arrivals[0].at, place.server.arrivals[-1].at
        assert 1.4 <= last - first <= 15


def test_last_request_in_the_future_means_a_full_wait(tmp_path, zygotes):
    """A clock that was set back between two runs must not make the second one burst or wait for a day."""
    with scene(tmp_path / "scene", zygotes[0], rate_per_second=2) as place:
        assert 3 == place.run("import", "job.toml", "--max-messages", "3").code
        back = Fault(mode=Mode.JUMP, kinds=Kind.SEND, jump_seconds=-DAY_SECONDS)
        ran = place.run("import", "job.toml", "--max-messages", "2", fault=back)
        assert 3 == ran.code, ran.err
        assert 5 == len(place.has())
        place.check_sound()
        assert 2 >= place.server.most_within(SECOND)


@pytest.mark.parametrize("jump_seconds", [DAY_SECONDS, -DAY_SECONDS])
def test_pause_that_the_api_asked_for_is_kept_whatever_the_clock_says(tmp_path, zygotes, jump_seconds):
    """Retry-After counts seconds that pass, not seconds on a clock."""

    def answer(_: Arrival, number: int) -> Reply:
        if number == 3:
            return Reply(status=429, headers={"Retry-After": "1"}, taken=False)
        return Reply(delay_seconds=LATENCY_SECONDS)

    with scene(tmp_path / "scene", zygotes[0]) as place:
        place.server.answer = answer
        # The first send after the pause is not the one that jumps.
        jump = Fault(mode=Mode.JUMP, at=3, kinds=Kind.SEND, jump_seconds=jump_seconds)
        ran = place.run("import", "job.toml", fault=jump)
        assert 0 == ran.code, ran.err
        place.check_whole()
        said = place.server.arrivals[2].at
        later = [arrival.at - said for arrival in place.server.arrivals if arrival.at - said > 0.1]
        assert 1.0 <= min(later)
