"""What the list is narrowed to."""

from datetime import date
from urllib.parse import parse_qsl

import pytest

from etl.sandbox.inbox.filters import Activity, Cursor, Filters


def test_filters_are_read_as_typed():
    """Spaces around a pasted id are no part of it."""
    filters = Filters.read(
        {"activity": "active", "from": "2024-05-01", "to": "2024-05-31", "user": " a  b ", "id": "7"}
    )

    assert Activity.ACTIVE is filters.activity
    assert (date(2024, 5, 1), date(2024, 5, 31)) == (filters.first_day, filters.last_day)
    assert ("a b", "7", True) == (filters.user, filters.id, filters.narrow)
    assert () == filters.problems


@pytest.mark.parametrize("day", ["yesterday", "2024-02-30", "0001-01-01", "9999-12-31"])
def test_senseless_day_is_left_out_and_named(day):
    """A list that ignored a filter silently would be read as an answer."""
    filters = Filters.read({"from": day})

    assert filters.first_day is None
    assert 1 == len(filters.problems)
    assert filters.problems[0].startswith("“from” ")


def test_nothing_typed_narrows_nothing():
    """An empty form sends empty fields."""
    filters = Filters.read({"activity": "any", "from": "", "to": " ", "user": "", "id": "", "text": ""})

    assert Filters() == filters
    assert (False, True) == (filters.narrow, filters.first_page)


@pytest.mark.parametrize("before", ["", "x", "1", "1.", ".1", "1.2.3", "-1.2", "1.²", f"{10**30}.1"])
def test_senseless_place_is_the_first_page(before):
    """An address can be typed by hand."""
    assert Filters.read({"before": before}).first_page


def test_query_repeats_the_filters_at_another_place():
    """The next page is of the same list."""
    filters = Filters.read({"user": "a&b=ü", "to": "2024-05-31", "activity": "expired"})
    again = Filters.read(dict(parse_qsl(filters.query(before="5.3"))))

    assert Cursor(last_timestamp=5, conversation_id=3) == again.before
    assert (filters.user, filters.last_day, filters.activity) == (again.user, again.last_day, again.activity)


def test_days_are_those_of_the_readers_zone():
    """Midnight in Copenhagen is not midnight in UTC."""
    filters = Filters.read({"from": "2024-05-01", "to": "2024-05-01"})

    assert (1_714_514_400, 1_714_600_800) == filters.seconds("Europe/Copenhagen")
    assert (1_714_521_600, 1_714_608_000) == filters.seconds("UTC")
