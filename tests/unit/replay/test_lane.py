"""Where a lane stands, by examples; the law is in tests/property."""

import pytest

from etl.model.plan import Lane
from etl.model.states import State
from etl.replay.lane import Standing, blocking_states, standing, unfinished

LANE = Lane(name="user", first=10, length=5)


def stands(*, hold_rejected: bool = False, **states: str) -> Standing:
    """Return where the lane stands, given `o<ordinal>=state`."""
    ordinals = [int(name[1:]) for name in states]
    return standing(
        LANE,
        ordinals,
        [State(state) for state in states.values()],
        blocking=blocking_states(hold_rejected=hold_rejected),
    )


def test_untouched_lane_starts_at_its_first_message():
    """What the ledger does not know is pending."""
    assert stands() == Standing(
        next_ordinal=10, settled_beyond=frozenset(), open_messages=5, held=5, blocked=False
    )


def test_lane_goes_on_behind_settled_messages():
    """Accepted, rejected and skipped ones are done with."""
    assert stands(o10="accepted", o11="rejected", o12="skipped") == Standing(
        next_ordinal=13, settled_beyond=frozenset(), open_messages=2, held=2, blocked=False
    )


@pytest.mark.parametrize("state", ["uncertain", "in_flight"])
def test_lane_is_blocked_by_an_unknown_fate(state):
    """The next message could overtake it."""
    assert stands(o10="accepted", o11=state) == Standing(
        next_ordinal=11, settled_beyond=frozenset(), open_messages=4, held=3, blocked=True
    )


@pytest.mark.parametrize("hold", [True, False])
def test_rejected_blocks_only_if_the_job_says_so(hold):
    """By default a lane goes on after a refusal for good."""
    assert hold is stands(hold_rejected=hold, o10="rejected").blocked


def test_settled_messages_beyond_an_open_one_are_not_sent_again():
    """A message put back by `retry` leaves later ones as they are."""
    assert stands(o10="pending", o11="accepted", o13="skipped") == Standing(
        next_ordinal=10, settled_beyond=frozenset({11, 13}), open_messages=3, held=3, blocked=False
    )


def test_finished_lane_has_nothing_open():
    """Its next message is its end."""
    done = stands(o10="accepted", o11="accepted", o12="accepted", o13="accepted", o14="skipped")

    assert (15, 0) == (done.next_ordinal, done.open_messages)


@pytest.mark.parametrize(("open_ordinal", "most"), [(None, 1), (0, 25), (70_000, 25)])
def test_finished_lanes_are_passed_over_by_the_block(open_ordinal, most):
    """A question for each lane takes seconds where a million messages are settled."""
    lanes = [Lane(name=f"user-{number}", first=25 * number, length=25) for number in range(4_000)]
    asked: list[tuple[int, int]] = []

    def count_settled(first: int, end: int) -> int:
        asked.append((first, end))
        return end - first - (open_ordinal is not None and first <= open_ordinal < end)

    found = list(unfinished(lanes, count_settled))

    assert [lane for lane in lanes if lane.first == open_ordinal] == found
    assert len(asked) <= most


def test_long_lanes_are_counted_in_bounded_questions():
    """One that takes a second would let a running import stand still."""
    lanes = [Lane(name=f"user-{number}", first=60_000 * number, length=60_000) for number in range(8)]
    asked: list[int] = []

    def count_settled(first: int, end: int) -> int:
        asked.append(end - first)
        return end - first

    assert [] == list(unfinished(lanes, count_settled))
    assert [60_000] * 8 == asked
