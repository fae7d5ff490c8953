"""Times in the zone that a reader chose."""

from datetime import date

import pytest

from etl.sandbox.inbox.zones import COMMON, day_bounds, known, local, offered


def test_moment_is_shown_on_the_clocks_of_the_zone():
    """Half past two came twice in Copenhagen that night; the offset tells which one."""
    shown = [local(at, "Europe/Copenhagen").isoformat() for at in (1_729_989_000, 1_729_992_600)]

    assert ["2024-10-27T02:30:00+02:00", "2024-10-27T02:30:00+01:00"] == shown


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "utc\x00"])
def test_zone_that_nobody_knows_is_utc(name):
    """A cookie can hold anything."""
    assert "1970-01-01T00:00:00+00:00" == local(0, name).isoformat()


def test_microseconds_are_exact():
    """A float of seconds would round the last digits of times of this century."""
    assert 654_321 == local(1_700_000_000.654321, "UTC").microsecond


def test_day_has_the_hours_that_its_zone_gave_it():
    """A filter from and to the day of a change of clocks covers all of it."""
    begin, end = day_bounds(date(2024, 10, 27), "Europe/Copenhagen")

    assert 25 * 3_600 == end - begin
    assert "2024-10-27T00:00:00+02:00" == local(begin, "Europe/Copenhagen").isoformat()


def test_every_zone_is_offered_once():
    """The common ones are not repeated below."""
    names = [name for group in offered().values() for name in group]

    assert known() == set(names)
    assert len(names) == len(set(names))
    assert set(COMMON) <= known()
