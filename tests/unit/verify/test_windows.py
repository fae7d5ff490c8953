from datetime import date, timedelta

import pytest

from etl.verify.windows import (
    Cut,
    Empty,
    Halved,
    Whole,
    Window,
    begin_seconds,
    covered_seconds,
    day_of,
    days_between,
    judge,
    plan_windows,
)

FIRST = date(2024, 2, 28)


def day(number: int) -> date:
    """Return a day counted from the first; the leap day is the second."""
    return FIRST + timedelta(days=number)


def window(first: int, last: int) -> Window:
    """Return a range of days by their numbers."""
    return Window(first=day(first), last=day(last))


def test_whole_answer_counts_for_all_days_but_the_last():
    """Whether the last day is in the answer is not public."""
    assert Whole(days=(day(0), day(1))) == judge(window(0, 2), rows=499, limit=500)


def test_empty_answer_of_several_days_is_whole():
    """There is just nothing."""
    assert Whole(days=(day(0),)) == judge(window(0, 1), rows=0, limit=500)


@pytest.mark.parametrize(("last", "halves"), [(14, [(0, 7), (7, 14)]), (3, [(0, 1), (1, 3)]), (1, [(0, 0)])])
def test_cut_off_answer_is_halved(last, halves):
    """As many rows as an answer can hold mean that there may be more; two days become one by itself."""
    expected = Halved(windows=tuple(window(*half) for half in halves))
    assert expected == judge(window(0, last), rows=500, limit=500)


def test_single_day_with_rows_is_whole():
    """Rows show that the last day of a range is in its answer, so this one held all of the day."""
    assert Whole(days=(day(0),)) == judge(window(0, 0), rows=1, limit=500)


@pytest.mark.parametrize("rows", [500, 501])
def test_single_day_that_is_full_is_cut(rows):
    """Less can't be asked for."""
    assert Cut(day=day(0)) == judge(window(0, 0), rows=rows, limit=500)


def test_single_day_that_is_empty_proves_nothing_yet():
    """Where the last day of a range is left out, a range of one day always is."""
    assert Empty(day=day(0)) == judge(window(0, 0), rows=0, limit=500)


def test_halving_ends_and_loses_no_day():
    """However full the days are, each is asked for until it is whole or known to be cut off."""
    waiting, seen = [window(0, 14)], set()
    while waiting:
        verdict = judge(waiting.pop(), rows=500, limit=500)
        if isinstance(verdict, Halved):
            waiting += verdict.windows
        else:
            assert isinstance(verdict, Cut)
            seen.add(verdict.day)
    assert {day(number) for number in range(14)} == seen


@pytest.mark.parametrize("window_days", [1, 2, 14, 15])
def test_windows_count_each_day_and_its_neighbours_once(window_days):
    """A day between two ranges would be missing, one in two would be read twice for nothing."""
    messages = dict.fromkeys([day(0), day(1), day(40), *map(day, range(100, 140))], 3)

    windows = plan_windows(messages, window_days=window_days, rows_limit=500)

    counted = [day for window in windows for day in window.counted]
    assert (
        sorted({near for at in messages for near in (at - (day(1) - day(0)), at, at + (day(1) - day(0)))})
        == counted
    )
    assert window_days >= max((window.last - window.first).days for window in windows)
    assert all(window.last > window.first for window in windows)


def test_windows_end_where_our_own_messages_fill_half_an_answer():
    """An answer that is surely cut off is a request for nothing."""
    messages = {day(number): 100 for number in range(10)}

    windows = plan_windows(messages, window_days=14, rows_limit=500)

    assert 200 == max(sum(messages.get(day, 0) for day in window.counted) for window in windows)


def test_no_message_needs_no_window():
    """And no request."""
    assert [] == plan_windows({}, window_days=14, rows_limit=500)


def test_only_days_with_whole_neighbours_are_covered():
    """The zone of the report's days is not public: a message may stand on the day before or after."""
    whole = {day(0), day(1), day(2), day(5), day(6), day(7), day(8), day(10)}

    expected = [
        (begin_seconds(day(1)), begin_seconds(day(2))),
        (begin_seconds(day(6)), begin_seconds(day(8))),
    ]
    assert expected == covered_seconds(whole)


def test_days_are_utc_days():
    """Unix seconds know no other."""
    assert 1_709_164_800 == begin_seconds(date(2024, 2, 29))
    assert date(2024, 2, 29) == day_of(1_709_164_800) == day_of(1_709_251_199)
    assert {date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)} == days_between(FIRST, day(2))
