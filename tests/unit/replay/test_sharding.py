"""Cutting a plan: whole lanes, each once, about equal, longest first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.replay.sharding import LEAST_SHARDS, MOST_MESSAGES, cut


def lanes(*lengths: int):
    """Return lengths, and a plan in one part."""
    return np.array(lengths, np.int64), np.full(len(lengths), -1, np.int64)


def test_small_plan_has_a_shard_for_each_lane():
    """Few lanes are best spread one by one."""
    found = cut(*lanes(5, 3, 2), slots=8)

    assert [(0, 1, 5), (1, 2, 3), (2, 3, 2)] == [
        (one.first_lane, one.end_lane, one.messages) for one in found
    ]
    assert [0, 1, 2] == [one.number for one in found]


def test_plan_without_lanes_has_no_shard():
    """There is nothing to claim."""
    assert [] == cut(*lanes(), slots=8)


def test_longest_lane_is_claimed_first_and_alone():
    """The run ends with it, so it begins at once."""
    first = cut(*lanes(1_000, *[1] * 2_000), slots=8)[0]

    assert (0, 1, 1_000) == (first.first_lane, first.end_lane, first.messages)


def test_more_slots_give_more_shards():
    """Each lane that is served side by side should find work to the end."""
    lengths = lanes(*[10] * 10_000)

    assert LEAST_SHARDS == len(cut(*lengths, slots=1))
    assert 400 == len(cut(*lengths, slots=100))


def test_huge_plan_has_shards_of_bounded_size():
    """How a shard's messages stand is in memory when it is claimed."""
    found = cut(*lanes(*[1_000] * 20_000), slots=8)

    assert max(one.messages for one in found) <= MOST_MESSAGES


@given(
    lengths=st.lists(st.integers(1, 400), min_size=1, max_size=300),
    parts=st.integers(1, 4),
    slots=st.integers(1, 50),
)
def test_every_lane_is_in_one_shard_of_its_part(lengths, parts, slots):
    """Whatever the plan: nothing is left out, nothing has two owners, and ranks are kept."""
    ordered = np.array(sorted(lengths, reverse=True), np.int64)
    owner = np.arange(len(ordered)) % parts
    found = cut(ordered, owner, slots=slots)
    held = [
        [lane for lane in range(one.first_lane, one.end_lane) if owner[lane] == one.part] for one in found
    ]

    assert sorted(lane for lanes in held for lane in lanes) == list(range(len(ordered)))
    assert [one.messages for one in found] == [int(ordered[lanes].sum()) for lanes in held]
    assert sorted(lanes[0] for lanes in held) == [lanes[0] for lanes in held]


@pytest.mark.parametrize("slots", [1, 7])
def test_shards_are_about_equal(slots):
    """No worker has the last hour for itself."""
    found = cut(*lanes(*[3] * 5_000), slots=slots)
    sizes = [one.messages for one in found]

    assert max(sizes) <= 1.2 * sum(sizes) / len(sizes)
