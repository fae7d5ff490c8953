"""Laws of hours in local time, against what a clock in the zone shows."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from etl.model.window import Window

ZONES = st.sampled_from(
    ["UTC", "Europe/Copenhagen", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia"],
)
MINUTES = st.integers(0, 1_439)
DAYS = st.one_of(
    st.datetimes(datetime(2010, 1, 1), datetime(2037, 12, 1)),  # noqa: DTZ001  in UTC, given below
    st.sampled_from(
        [datetime(2026, month, day) for month, day in ((3, 8), (3, 29), (4, 5), (10, 4), (10, 25), (11, 1))],  # noqa: DTZ001
    ),
    st.just(datetime(2011, 12, 29)),  # noqa: DTZ001  Apia skipped a day
)


def shown(at_us: int, zone: str) -> time:
    """Return what a clock in the zone shows."""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).astimezone(ZoneInfo(zone)).time()


@given(zone=ZONES, opens=MINUTES, closes=MINUTES, day=DAYS, minute=MINUTES)
def test_window_is_what_the_clock_shows(zone, opens, closes, day, minute):
    """At any instant, also when clocks change."""
    if opens == closes:
        return
    first, last = time(opens // 60, opens % 60), time(closes // 60, closes % 60)
    window = Window.parse(f"{first:%H:%M}-{last:%H:%M}", zone)
    at_us = int(day.replace(tzinfo=UTC).timestamp() + 60 * minute) * 1_000_000
    clock = shown(at_us, zone)
    expected = first <= clock < last if first < last else clock >= first or clock < last

    assert expected is window.is_open(at_us)


@given(zone=ZONES, opens=MINUTES, closes=MINUTES, day=DAYS, minute=MINUTES)
def test_change_is_the_first_one(zone, opens, closes, day, minute):
    """Nothing changes before it, and it is a change."""
    if opens == closes:
        return
    window = Window(opens_minute=opens, closes_minute=closes, timezone=zone)
    now_us = int(day.replace(tzinfo=UTC).timestamp() + 60 * minute) * 1_000_000 + 17
    change_us = window.next_change_us(now_us)

    assert change_us is not None
    assert now_us < change_us
    assert window.is_open(now_us) is window.is_open(change_us - 1)
    assert window.is_open(now_us) is not window.is_open(change_us)
    between = range(now_us, change_us, max((change_us - now_us) // 50, 1))
    assert {window.is_open(now_us)} == {window.is_open(at_us) for at_us in between}
