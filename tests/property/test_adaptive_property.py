"""Laws of the pace that adapts, over generated refusals, latencies and silences."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.replay.adaptive import (
    FORGOTTEN_SECONDS,
    LEAST_SHARE,
    LEAST_SHARE_SLOW,
    QUIET_SECONDS,
    REFUSED_FACTOR,
    STEP,
    Adaptive,
    remembered_share,
)

SHARES = st.floats(LEAST_SHARE, 1.0)
EVENTS = st.lists(
    st.tuples(st.sampled_from(["refused", "answered", "silence"]), st.floats(0.001, 60.0)), max_size=200
)


def play(adaptive: Adaptive, events: list[tuple[str, float]]) -> list[tuple[str, float, float]]:
    """Let things happen one after the other; return each with the share before and after."""
    now, seen = 0.0, []
    for what, seconds in events:
        sent_at, now, before = now, now + seconds, adaptive.share
        if what == "refused":
            adaptive.refused(sent_at=sent_at, now=now)
        elif what == "answered":
            adaptive.answered(sent_at=sent_at, now=now)
        seen.append((what, before, adaptive.share))
    return seen


def answers(adaptive: Adaptive, *, latency_seconds: float, start: float, seconds: float) -> float:
    """Let ten requests a second be answered for a while; return when it is over."""
    for tick in range(int(seconds * 10)):
        sent_at = start + tick / 10
        adaptive.answered(sent_at=sent_at, now=sent_at + latency_seconds)
    return start + seconds + latency_seconds


@given(share=SHARES, events=EVENTS)
def test_share_never_leaves_its_bounds(share, events):
    """Never above the rate that is allowed, and never at a standstill."""
    seen = play(Adaptive(share=share, now=0.0), events)

    assert all(LEAST_SHARE <= after <= 1.0 for _, _, after in seen)


@given(share=SHARES, events=EVENTS)
def test_share_falls_by_factors_and_rises_by_steps(share, events):
    """Down at once, up slowly; silence alone changes nothing."""
    for what, before, after in play(Adaptive(share=share, now=0.0), events):
        assert after <= before + STEP + 1e-9
        if what == "refused":
            assert pytest.approx(max(before * REFUSED_FACTOR, LEAST_SHARE)) == after
        if what == "silence":
            assert before == after


@given(share=SHARES, in_flight=st.integers(1, 256))
def test_requests_refused_together_cut_once(share, in_flight):
    """A quota that is met with 256 requests in flight is met once."""
    adaptive = Adaptive(share=share, now=0.0)
    news = [adaptive.refused(sent_at=1.0, now=1.2 + place / 1_000) for place in range(in_flight)]

    assert 1 == sum(news)
    assert pytest.approx(max(share * REFUSED_FACTOR, LEAST_SHARE)) == adaptive.share


@given(
    best=st.floats(0.001, 5.0),
    factors=st.lists(st.floats(1.0, 1.9), min_size=64, max_size=400),
)
def test_ordinary_jitter_is_no_load(best, factors):
    """Latencies that differ by less than the ratio cost no pace."""
    adaptive = Adaptive(share=1.0, now=0.0)
    for place, factor in enumerate(factors):
        adaptive.answered(sent_at=place * 1.0, now=place * 1.0 + best * factor)

    assert 1.0 == adaptive.share


@given(best=st.floats(0.01, 1.0), factor=st.floats(2.2, 50.0))
def test_lasting_rise_of_latency_slows_down_to_a_quarter_at_most(best, factor):
    """A sign of load, but a weak one."""
    adaptive = Adaptive(share=1.0, now=0.0)
    slow = max(best * factor, best + 0.25)
    now = answers(adaptive, latency_seconds=best, start=0.0, seconds=20.0)
    answers(adaptive, latency_seconds=slow, start=now, seconds=20 * slow + 120.0)

    assert pytest.approx(LEAST_SHARE_SLOW) == adaptive.share


@given(share=SHARES)
def test_pace_comes_back_when_all_is_quiet(share):
    """Whatever was learned, a night without trouble undoes it, and not at once."""
    adaptive = Adaptive(share=share, now=0.0)
    answers(adaptive, latency_seconds=0.1, start=0.0, seconds=QUIET_SECONDS - 1)
    assert share == adaptive.share

    answers(adaptive, latency_seconds=0.1, start=QUIET_SECONDS, seconds=QUIET_SECONDS * (1 / STEP + 2))
    assert 1.0 == adaptive.share


@given(learned=st.floats(0.01, 20.0), allowed=st.floats(0.01, 20.0), idle=st.floats(-1e6, 1e7))
def test_lesson_fades_and_never_exceeds_what_is_allowed(learned, allowed, idle):
    """A lesson of last night counts, one of last month does not."""
    share = remembered_share(learned_per_second=learned, allowed_per_second=allowed, idle_seconds=idle)

    assert min(learned / allowed, 1.0) - 1e-9 <= share <= 1.0
    if idle <= 0 and learned < allowed:
        assert pytest.approx(learned / allowed) == share
    if idle >= FORGOTTEN_SECONDS:
        assert pytest.approx(1.0) == share
