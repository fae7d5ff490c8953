from datetime import UTC, datetime, timedelta, timezone

import pytest

from etl.transcript.moments import from_epoch_us, moved, read_aware, read_iso, written

WEST = timezone(-timedelta(hours=1))
EAST = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2018-12-18T04:27:57.000Z", datetime(2018, 12, 18, 4, 27, 57, tzinfo=UTC)),
        ("2018-12-18T04:27:57.000+0000", datetime(2018, 12, 18, 4, 27, 57, tzinfo=UTC)),
        (" 2018-12-18 04:27 +05:30 ", datetime(2018, 12, 18, 4, 27, tzinfo=EAST)),
        ("2018-12-18T04:27:57,1234567899-01", datetime(2018, 12, 18, 4, 27, 57, 123_456, WEST)),
        ("2018-12-18 04:27:57 UTC", datetime(2018, 12, 18, 4, 27, 57, tzinfo=UTC)),
        ("2018-12-18 04:27:57", datetime(2018, 12, 18, 4, 27, 57)),  # noqa: DTZ001  naive is what is read
    ],
)
def test_iso_time_is_read_exactly(text, expected):
    """Digits beyond the microsecond are cut, and an offset is never made up."""
    assert expected == read_iso(text)


@pytest.mark.parametrize(
    "text",
    ["", "now", "20181218T042757Z", "2018-02-30T00:00:00Z", "2018-12-18T24:00Z", "2018-12-18T00:00+24:00"],
)
def test_what_is_no_iso_time_is_none(text):
    """A strange cell is no start; guessing would move every message of the conversation."""
    assert read_iso(text) is None


@pytest.mark.parametrize("value", [None, 5, "2018-12-18T04:27:57", "soon"])
def test_value_without_an_offset_is_no_instant(value):
    """Documents state UTC; a value that does not is not one of them."""
    assert read_aware(value) is None


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (datetime(2018, 12, 18, 4, 28, 7, tzinfo=UTC), "2018-12-18T04:28:07.000Z"),
        (datetime(2018, 12, 18, 4, 28, 7, 1, EAST), "2018-12-18T04:28:07.000001+05:30"),
        (datetime(2018, 12, 18, 4, 28, 7, 25_000, EAST), "2018-12-18T04:28:07.025+05:30"),
    ],
)
def test_instant_is_written_with_its_offset(at, expected):
    """The check counts the offsets of an export, so they are kept."""
    assert expected == written(at)


def test_instant_beyond_the_calendar_is_none():
    """An absurd offset must not raise."""
    assert moved(datetime(2018, 1, 1, tzinfo=UTC), 10**12, timedelta(seconds=1)) is None
    assert from_epoch_us(10**30) is None
