"""Outcomes over time: bounded, exact in their sums, whatever the order and the length."""

import numpy as np
import pytest

from etl.ledger.evidence import Pause
from etl.report.timeline import BUCKETS, Timeline, union

START = 1_700_000_000_000_000
SECOND = 1_000_000


def at(*seconds):
    """Return instants so many seconds after the start."""
    return START + (np.array(seconds) * SECOND).astype(np.int64)


@pytest.mark.parametrize(("seconds", "width"), [(BUCKETS, 1), (BUCKETS + 1, 2), (1_000_000, 16_384)])
def test_a_longer_run_has_longer_buckets_and_never_more(seconds, width):
    """A run of weeks fills a page as one of minutes does."""
    line = Timeline(START)
    line.accepted(
        at(*np.arange(0, seconds, max(1, seconds // 1_000))), np.array([5_000]).repeat(1_000)[:seconds]
    )
    points = line.points(START + seconds * SECOND)
    assert BUCKETS >= len(points)
    assert width == points[0].seconds
    assert seconds == pytest.approx(sum(point.seconds for point in points))


def test_sums_are_exact_in_any_order():
    """Merging loses nothing: every attempt is in one bucket."""
    random = np.random.default_rng(7)
    seconds = random.permutation(np.linspace(0, 50_000, 3_000))
    line = Timeline(START)
    for part in np.array_split(seconds, 7):
        line.accepted(at(*part), np.full(len(part), 1_000))
    line.ended(at(3, 9_000, 4), ["pending", "rejected", "uncertain"])
    points = line.points(0)
    assert (3_000, 1, 1, 1) == tuple(
        sum(getattr(point, name) for point in points)
        for name in ("accepted", "rejected", "uncertain", "retried")
    )


def test_each_kind_of_outcome_has_its_own_count():
    """A rejection must not be counted as a retry."""
    line = Timeline(START)
    line.ended(at(0, 0, 0, 0, 0, 0), ["rejected", "uncertain", "uncertain", "pending", "pending", "pending"])
    (point,) = line.points(START + SECOND)
    assert (0, 1, 2, 3) == (point.accepted, point.rejected, point.uncertain, point.retried)
    assert 6.0 == point.per_second


def test_the_last_bucket_ends_with_the_run():
    """Otherwise a run that ends early in its last bucket would look slow there."""
    line = Timeline(START)
    line.accepted(at(0.0, 1.0, 1.4), np.array([1, 1, 1]))
    points = line.points(START + 3 * SECOND // 2)
    assert [1.0, 0.5] == [point.seconds for point in points]
    assert [1.0, 4.0] == [point.per_second for point in points]


def test_quantiles_are_at_most_a_tenth_too_high_and_never_above_the_longest():
    """They are counted in classes, so that memory is bounded."""
    took = np.arange(1_000, 1_001_000, 1_000)
    line = Timeline(START)
    line.accepted(at(*np.zeros(1_000)), took)
    latency = line.latency()
    assert latency is not None
    assert 0.5 <= latency.p50 <= 0.55
    assert 0.95 <= latency.p95 <= 1.0
    assert 1.0 == latency.most


def test_without_outcomes_there_is_nothing_to_show():
    """A run that was refused at once."""
    line = Timeline(START)
    assert () == line.points(START + SECOND)
    assert line.latency() is None


def test_a_clock_set_back_counts_at_the_start():
    """The sum must hold all the same."""
    line = Timeline(START)
    line.accepted(at(-5.0, 0.5), np.array([1, 1]))
    assert 2 == line.points(START + SECOND)[0].accepted


def test_pauses_that_overlap_count_once():
    """Three requests in flight are told three times to wait."""
    pauses = [Pause(at_us=START + begin, until_us=START + end, reason="http_429") for begin, end in
              ((0, 2 * SECOND), (SECOND, 3 * SECOND), (5 * SECOND, 6 * SECOND))]  # fmt: skip
    assert [(START, START + 3 * SECOND), (START + 5 * SECOND, START + 6 * SECOND)] == union(reversed(pauses))
    line = Timeline(START)
    line.accepted(at(9.5), np.array([1]))
    held = [point.paused_seconds for point in line.points(START + 10 * SECOND, pauses)]
    assert [1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0] == held
