"""The ends that a person sets for a run."""

import pytest

from etl.model.states import State
from etl.model.window import Window
from etl.replay.limits import ENOUGH_MESSAGES, Bounds, ErrorBudget, Limits
from etl.replay.stop import StopKind

NOON_US = 1_767_268_800_000_000
"""2026-01-01 12:00 UTC."""
HOUR_US = 3_600_000_000


def limits(**bounds) -> Limits:
    """Return limits that begin at noon."""
    return Limits(Bounds(**bounds), wall_us=NOON_US)


def test_without_bounds_nothing_ends():
    """The default is the whole plan."""
    free = limits()

    assert free.over(1e12, NOON_US * 2) is None
    assert all(free.admit() for _ in range(1_000))
    assert free.settled(State.UNCERTAIN) is None


def test_window_ends_at_its_minute_and_says_when_to_come_back():
    """By the wall clock: a suspended machine must not go on in the morning."""
    bounded = limits(window=Window.parse("08:00-14:00", "UTC"))

    assert bounded.over(0.0, NOON_US + 2 * HOUR_US - 1) is None
    over = bounded.over(0.0, NOON_US + 2 * HOUR_US)
    assert over is not None
    assert StopKind.WINDOW_CLOSED is over.kind
    assert "the window 08:00-14:00 UTC is closed; it opens 2026-01-02 08:00 UTC" == over.message


def test_duration_ends_by_the_monotonic_clock():
    """No step of the wall clock makes a run longer."""
    bounded = limits(ends_at=50.0)

    assert bounded.over(49.9, NOON_US * 2) is None
    over = bounded.over(50.0, 0)
    assert over is not None
    assert StopKind.MAX_DURATION is over.kind


def test_messages_are_counted_when_they_begin_and_the_run_ends_with_the_last():
    """Ten lanes must not begin ten more than the run may send."""
    bounded = limits(max_messages=2)

    assert [True, True, False] == [bounded.admit() for _ in range(3)]
    assert bounded.full
    assert bounded.settled(State.ACCEPTED) is None
    over = bounded.settled(State.ACCEPTED)
    assert over is not None
    assert StopKind.MAX_MESSAGES is over.kind


@pytest.mark.parametrize("state", [State.REJECTED, State.UNCERTAIN])
def test_errors_are_what_was_not_accepted(state):
    """Both mean that somebody should look."""
    bounded = limits(max_errors=ErrorBudget(count=1))

    assert bounded.settled(State.ACCEPTED) is None
    assert bounded.settled(state) is None
    over = bounded.settled(state)
    assert over is not None
    assert StopKind.MAX_ERRORS is over.kind
    assert over.message.startswith("2 of 3 messages")


def test_share_of_errors_counts_only_after_enough_messages():
    """The first of three being refused is not 33 %."""
    bounded = limits(max_errors=ErrorBudget(share=0.01))
    states = [State.REJECTED, State.REJECTED] + [State.ACCEPTED] * (ENOUGH_MESSAGES - 3)

    assert [None] * (ENOUGH_MESSAGES - 1) == [bounded.settled(state) for state in states]
    assert bounded.settled(State.ACCEPTED) is not None


@pytest.mark.parametrize(
    ("text", "budget", "spoken"),
    [
        ("0", ErrorBudget(count=0), "0"),
        ("25", ErrorBudget(count=25), "25"),
        ("1%", ErrorBudget(share=0.01), "1%"),
        ("0.5%", ErrorBudget(share=0.005), "0.5%"),
    ],
)
def test_budgets_are_numbers_or_shares(text, budget, spoken):
    """As they are typed."""
    assert budget == ErrorBudget.parse(text)
    assert spoken == str(budget)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "few", "101%", "%"])
def test_other_words_are_no_budget(text):
    """A typing error must not let everything pass."""
    with pytest.raises(ValueError, match=r"is neither|at most 100%"):
        ErrorBudget.parse(text)
