"""Hours of local time, on ordinary days and on those when clocks change."""

from datetime import UTC, datetime

import pytest

from etl.model.window import Window

COPENHAGEN = "Europe/Copenhagen"


def at(text: str) -> int:
    """Return microseconds of a time in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def iso(at_us: int | None) -> str:
    """Return an instant in UTC."""
    assert at_us is not None
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("22-06", "is no window"),
        ("22:00", "is no window"),
        ("24:00-06:00", "is no window"),
        ("22:60-06:00", "is no window"),
        ("22:00-24:30", "after 24:00"),
        ("22:00-22:00", "never open"),
        ("", "is no window"),
    ],
)
def test_other_words_are_no_window(text, words):
    """A typing error must not open the whole day."""
    with pytest.raises(ValueError, match=words):
        Window.parse(text, "UTC")


@pytest.mark.parametrize(
    ("text", "open_at", "closed_at"),
    [
        ("09:00-17:00", ["09:00", "16:59"], ["08:59", "17:00", "00:00"]),
        ("22:00-06:00", ["22:00", "23:59", "00:00", "05:59"], ["06:00", "21:59"]),
        ("18:00-24:00", ["18:00", "23:59"], ["00:00", "17:59"]),
        ("00:00-24:00", ["00:00", "12:00", "23:59"], []),
    ],
)
def test_window_is_open_from_its_first_minute_to_before_its_last(text, open_at, closed_at):
    """Over midnight too."""
    window = Window.parse(text, "UTC")

    assert [True] * len(open_at) == [window.is_open(at(f"2026-05-05T{time}")) for time in open_at]
    assert [False] * len(closed_at) == [window.is_open(at(f"2026-05-05T{time}")) for time in closed_at]


@pytest.mark.parametrize(
    ("now", "change"),
    [
        ("2026-07-01T12:00", "2026-07-01T20:00"),
        ("2026-01-01T12:00", "2026-01-01T21:00"),
        ("2026-07-01T20:00", "2026-07-02T04:00"),
        ("2026-03-28T22:00", "2026-03-29T04:00"),
        ("2026-10-24T22:00", "2026-10-25T05:00"),
    ],
    ids=["summer", "winter", "open", "night of the short day", "night of the long day"],
)
def test_change_follows_the_clock_on_the_wall(now, change):
    """A night has seven hours in March and nine in October."""
    window = Window.parse("22:00-06:00", COPENHAGEN)

    assert change == iso(window.next_change_us(at(now)))


def test_hour_that_is_skipped_is_not_there():
    """On the last Sunday of March no clock shows half past two."""
    window = Window.parse("02:00-03:00", COPENHAGEN)

    assert "2026-03-30T00:00" == iso(window.next_change_us(at("2026-03-29T00:00")))


def test_window_that_begins_in_a_skipped_hour_begins_after_it():
    """The first moment that the clock shows a time within."""
    window = Window.parse("02:30-05:00", COPENHAGEN)

    assert "2026-03-29T01:00" == iso(window.next_change_us(at("2026-03-29T00:00")))


def test_hour_that_is_repeated_is_there_twice():
    """Closed in between, as the clock on the wall says."""
    window = Window.parse("01:00-02:30", COPENHAGEN)
    changes, now = [], at("2026-10-24T22:00")
    for _ in range(4):
        now = window.next_change_us(now) or 0
        changes.append(iso(now))

    assert ["2026-10-24T23:00", "2026-10-25T00:30", "2026-10-25T01:00", "2026-10-25T01:30"] == changes


def test_whole_day_never_changes():
    """There is nothing to wait for."""
    assert Window.parse("00:00-24:00", COPENHAGEN).next_change_us(at("2026-03-29T00:00")) is None


@pytest.mark.parametrize(
    ("now", "hours", "end"),
    [
        ("2026-07-01T12:00", 1, "2026-07-01T21:00"),
        ("2026-07-01T21:00", 1, "2026-07-01T22:00"),
        ("2026-07-01T21:00", 7, "2026-07-02T04:00"),
        ("2026-07-01T21:00", 8, "2026-07-02T21:00"),
        ("2026-03-28T20:00", 8, "2026-03-29T21:00"),
    ],
    ids=["not open yet", "open", "to the end", "two nights", "the short night"],
)
def test_only_open_hours_count_towards_an_end(now, hours, end):
    """Eight hours of sending are a night, and two when one has seven."""
    window = Window.parse("22:00-06:00", COPENHAGEN)

    assert end == iso(window.after_us(at(now), 3_600.0 * hours))


def test_end_beyond_a_year_is_none():
    """Nobody plans so far, and nobody waits for the answer."""
    assert Window.parse("22:00-22:01", "UTC").after_us(at("2026-07-01T12:00"), 1e6) is None


def test_window_is_spoken_with_its_zone():
    """Whoever reads the time may sit elsewhere."""
    window = Window.parse("22:00-06:00", COPENHAGEN)

    assert "22:00-06:00 Europe/Copenhagen" == str(window)
    assert "2026-07-01 22:00 CEST" == window.spoken(at("2026-07-01T20:00"))
