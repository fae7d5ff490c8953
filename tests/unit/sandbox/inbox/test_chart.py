"""Counts as bars."""

import pytest

from etl.sandbox.inbox.chart import by_date, by_slot


@pytest.mark.parametrize(
    ("last_day", "unit", "first", "last", "most_bars"),
    [
        (0, "day", "1970-01-01", "1970-01-01", 1),
        (59, "day", "1970-01-01", "1970-03-01", 60),
        (60, "week", "week of 1969-12-29", "week of 1970-03-02", 10),
        (1_000, "month", "1970-01", "1972-09", 33),
        (20_000, "year", "1970", "2024", 55),
    ],
)
def test_unit_follows_the_span_and_no_stretch_is_left_out(last_day, unit, first, last, most_bars):
    """A silent month must show as a gap, not vanish."""
    chart = by_date({0: 3, last_day: 4}.items())

    assert chart is not None
    assert (unit, first, last) == (chart.unit, chart.bars[0].label, chart.bars[-1].label)
    assert most_bars == len(chart.bars)
    assert list(range(most_bars)) == [bar.place for bar in chart.bars]
    assert (7 if last_day else 4) == sum(bar.count for bar in chart.bars)


def test_each_count_can_be_seen_and_an_empty_stretch_can_not():
    """One message beside a million is one that somebody looks for."""
    chart = by_date({0: 1, 2: 1_000_000}.items())

    assert chart is not None
    assert [2, 0, 100] == [bar.height for bar in chart.bars]
    assert 1_000_000 == chart.most


def test_chart_says_in_words_what_it_shows():
    """Who can't see the bars reads the same."""
    chart = by_date({0: 1_000, 1: 2_000}.items())

    assert chart is not None
    assert (
        "3,000 messages from 1970-01-01 to 1970-01-02, by day; the most, 2,000, in 1970-01-02"
        == chart.sentence
    )


def test_no_days_make_no_chart():
    """An empty store has nothing to draw."""
    assert by_date([]) is None


def test_slots_without_a_count_stand_in_their_place():
    """A pause of an import shows as a gap."""
    chart = by_slot([(7, 5), (99, 1)], labels=[(6, "a"), (7, "b"), (8, "c")], unit="10 seconds")

    assert [("a", 0), ("b", 5), ("c", 0)] == [(bar.label, bar.count) for bar in chart.bars]
