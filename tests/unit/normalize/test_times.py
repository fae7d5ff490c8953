"""Original times: strict, exact, and independent of the machine."""

import time
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from etl.config.reading import Time
from etl.errors import UsageError
from etl.normalize.times import TimeReader
from support.times import NOW_US, read

BASE_US = 1_714_557_600_000_000
"""2024-05-01 10:00:00 UTC."""


@pytest.mark.parametrize(
    ("cell", "offset_us"),
    [
        ("2024-05-01T10:00:00Z", 0),
        ("2024-05-01T10:00Z", 0),
        ("2024-05-01 10:00:00 UTC", 0),
        ("2024-05-01 10:00:00z", 0),
        ("  2024-05-01T10:00:00Z\n", 0),
        ("2024-05-01T12:00:00+02:00", 0),
        ("2024-05-01 12:00:00 +0200", 0),
        ("2024-05-01 12:00:00+02", 0),
        ("2024-05-01T04:30:00-05:30", 0),
        ("2024-05-02T09:59:00+23:59", 0),
        ("2024-05-01T10:00:00.5Z", 500_000),
        ("2024-05-01T10:00:00.123456Z", 123_456),
        ("2024-05-01T10:00:00.123456999Z", 123_456),
        ("2024-05-01T10:00:00.999999999999Z", 999_999),
        ("2024-05-01T12:00:00.1234567+02:00", 123_456),
    ],
)
def test_iso_times_are_exact_and_cut_never_rounded(cell, offset_us):
    """Each row's own offset counts, and rounding could move a message into the next second."""
    assert [BASE_US + offset_us] == read(cell).times


@pytest.mark.parametrize(
    "cell",
    [
        "now", "today", "2024", "2024-05", "20240501", "2024-05-01", "20240501T100000Z", "2024-W18-3T10:00Z",
        "2024-05-01T10Z", "2024-05-01T24:00Z", "2024-05-01T23:59:60Z", "2024-02-30T10:00Z",
        "2023-02-29 10:00Z",
        "2024-13-01T10:00Z", "2024-00-01T10:00Z", "2024-05-00T10:00Z", "0000-00-00 00:00:00",
        "0000-05-01T10:00Z",
        "2024-05-01T10:60Z", "2024-05-01T10:00:00.Z", "2024-05-01T10:00:00+24:00", "2024-05-01T10:00:00+2",
        "2024-05-01T10:00:00 CET", "2024-05-01T10:00:00  Z", "2024-05-01T10:00:00ZZ", "2024-05-01  10:00Z",
        "1714557600", "NaT", "nan", "None", "12024-05-01T10:00Z", "-2024-05-01T10:00Z", "٢٠٢٤-05-01T10:00Z",
        "2024-05-01T10:00:00,5Z", "2024-05-01t10:00:00Z", "01/05/2024 10:00", "2024-05-01\n10:00Z",
    ],
)  # fmt: skip
def test_what_is_no_iso_instant_is_a_bad_timestamp(cell):
    """Pandas alone would take many of these, some as the wall clock."""
    assert read(cell, zone="UTC").codes == ["bad_timestamp"]


@pytest.mark.parametrize(
    "cell",
    [
        "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
        "9999-12-31 23:59:59",
        "0001-01-01 00:00", "1970-01-01T00:00:00Z", "2001-09-09T01:46:39.999999Z", "2026-09-22T14:13:21Z",
        "2300-01-01T00:00:00.123456789Z",
    ],
)  # fmt: skip
def test_real_dates_out_of_range_are_told_apart_from_impossible_ones(cell):
    """The remedy differs: a wrong unit or a filler date, not a wrong format."""
    done = read(cell, "2024-05-01T10:00:00.123456789Z", zone="Asia/Tokyo")
    assert done.codes == ["timestamp_out_of_range"]
    assert done.times == [BASE_US + 123_456]


def test_the_range_includes_its_ends():
    """Ten digits begin at 2001-09-09 01:46:40; clocks may differ by a day."""
    done = read("2001-09-09T01:46:40Z", "2026-09-22T14:13:20.999999Z")
    assert done.times == [1_000_000_000_000_000, 1_790_086_400_999_999]


@pytest.mark.parametrize(
    ("zone", "cell", "setting", "utc"),
    [
        ("Europe/Copenhagen", "2024-07-01 12:00", "reject", "2024-07-01T10:00"),
        ("Europe/Copenhagen", "2024-12-01 12:00", "reject", "2024-12-01T11:00"),
        ("Europe/Copenhagen", "2024-10-27 02:30", "earlier", "2024-10-27T00:30"),
        ("Europe/Copenhagen", "2024-10-27 02:30", "later", "2024-10-27T01:30"),
        ("Europe/Moscow", "2014-10-26 01:30", "earlier", "2014-10-25T21:30"),
        ("Europe/Moscow", "2014-10-26 01:30", "later", "2014-10-25T22:30"),
        ("Europe/Dublin", "2024-10-27 01:30", "earlier", "2024-10-27T00:30"),
        ("Europe/Dublin", "2024-10-27 01:30", "later", "2024-10-27T01:30"),
        ("Australia/Lord_Howe", "2024-04-07 01:45", "earlier", "2024-04-06T14:45"),
        ("Australia/Lord_Howe", "2024-04-07 01:45", "later", "2024-04-06T15:15"),
        ("Etc/GMT+5", "2024-05-01 05:00", "reject", "2024-05-01T10:00"),
    ],
)
def test_local_times_follow_the_zone(zone, cell, setting, utc):
    """`earlier` is the first of the two instants, whatever the zone calls its seasons."""
    done = read(cell, zone=zone, ambiguous=setting)
    expected = datetime.fromisoformat(utc).replace(tzinfo=UTC)
    assert [expected] == [datetime.fromtimestamp(at // 1_000_000, UTC) for at in done.times]


def test_a_part_of_a_column_reads_like_the_whole():
    """Batches are slices of larger columns, and a slice may be empty."""
    cells = ["x", "2024-05-01T10:00:00Z", "2024-05-01T12:00:00.5+02:00", None, "2024-05-01T10:00Z"]
    column = pa.array(cells, pa.string())
    assert read(typed=column.slice(1)).times == [BASE_US, BASE_US + 500_000, BASE_US]
    assert read(typed=column.slice(2, 1)).times == [BASE_US + 500_000]
    assert read(typed=column.slice(3, 1)).codes == ["missing_timestamp"]
    assert read(typed=column.slice(3, 0)) == read()


def test_an_offset_in_the_cell_beats_the_zone():
    """The zone is for times that say nothing."""
    done = read("2024-05-01T10:00Z", "2024-05-01T12:00", zone="Europe/Paris")
    assert done.times == [BASE_US, BASE_US]


@pytest.mark.parametrize(
    ("unit", "cell", "offset_us"),
    [
        ("epoch_s", "1714557600", 0),
        ("epoch_s", "+1714557600.0", 0),
        ("epoch_s", "0001714557600", 0),
        ("epoch_s", "1714557600.123456999", 123_456),
        ("epoch_s", "1714557600.5", 500_000),
        ("epoch_ms", "1714557600123", 123_000),
        ("epoch_ms", "1714557600123.4567", 123_456),
        ("epoch_us", "1714557600123456", 123_456),
        ("epoch_us", "1714557600123456.9", 123_456),
        ("epoch_ns", "1714557600123456999", 123_456),
        ("epoch_ns", " 1714557600123456999.9 ", 123_456),
    ],
)
def test_epochs_are_scaled_without_loss(unit, cell, offset_us):
    """Floats would lose the last digits."""
    assert [BASE_US + offset_us] == read(cell, format=unit).times


@pytest.mark.parametrize(
    ("unit", "cell", "code"),
    [
        ("epoch_s", "1714557600000", "timestamp_out_of_range"),
        ("epoch_ms", "1714557600", "timestamp_out_of_range"),
        ("epoch_s", "99999999999999999999", "timestamp_out_of_range"),
        ("epoch_ns", "99999999999999999999", "timestamp_out_of_range"),
        ("epoch_s", "-1714557600", "timestamp_out_of_range"),
        ("epoch_s", "0", "timestamp_out_of_range"),
        ("epoch_ns", "5", "timestamp_out_of_range"),
        ("epoch_s", "1714557600,5", "bad_timestamp"),
        ("epoch_s", "1.7145576E+9", "bad_timestamp"),
        ("epoch_s", "1_714_557_600", "bad_timestamp"),
        ("epoch_s", "1714557600.", "bad_timestamp"),
        ("epoch_s", "--1714557600", "bad_timestamp"),
        ("epoch_s", "2024-05-01T10:00:00Z", "bad_timestamp"),
        ("epoch_s", "123456789012345678901", "bad_timestamp"),
        ("epoch_s", "", "missing_timestamp"),
    ],
)
def test_an_epoch_is_never_rescaled_or_guessed(unit, cell, code):
    """A wrong unit must show, not turn into a plausible date."""
    assert [code] == read(cell, format=unit).codes


@pytest.mark.parametrize(
    ("pattern", "cell", "offset_us"),
    [
        ("%d/%m/%Y %H:%M", "01/05/2024 12:00", 0),
        ("%m/%d/%Y %I:%M %p", "05/01/2024 12:00 PM", 0),
        ("%Y-%m-%d %H:%M:%S UTC", "2024-05-01 10:00:00 UTC", 0),
        ("%Y-%m-%dT%H:%M:%SZ", "2024-05-01T10:00:00Z", 0),
        ("%d/%m/%Y %H:%M %z", "01/05/2024 08:00 -0200", 0),
        ("%d/%m/%Y %H:%M %z", "01/05/2024 10:00 Z", 0),
        ("%d/%m/%Y %H:%M %Z", "01/05/2024 10:00 UTC", 0),
        ("%d/%m/%Y %H:%M %Z", "01/05/2024 10:00 GMT", 0),
        ("%a %b %d %Y %H:%M:%S GMT%z", "Wed May 01 2024 12:00:00 GMT+0200", 0),
        ("%d.%m.%Y %H:%M:%S.%f", "01.05.2024 12:00:00.1234569", 123_456),
        ("%Y%m%d%H%M%S", "20240501120000", 0),
    ],
)
def test_patterns_are_applied_strictly(pattern, cell, offset_us):
    """UTC, GMT or Z in a pattern say the offset; else the zone counts."""
    done = read(cell, format=pattern, zone="Europe/Copenhagen")
    assert [BASE_US + offset_us] == done.times


@pytest.mark.parametrize(
    ("pattern", "cell", "code"),
    [
        ("%d/%m/%Y %H:%M", "01/05/2024 12:00", "timestamp_without_zone"),
        ("%d/%m/%Y %H:%M", "05/13/2024 12:00", "bad_timestamp"),
        ("%d/%m/%Y %H:%M", "01/05/2024 12:00:00", "bad_timestamp"),
        ("%d/%m/%Y %H:%M", "today", "bad_timestamp"),
        ("%d/%m/%Y %H:%M", "now", "bad_timestamp"),
        ("%d/%m/%Y %H:%M:%S", "01/05/2024 12:00:60", "bad_timestamp"),
        ("%Y%m%d%H%M%S", "20240501120061", "bad_timestamp"),
        ("%d/%m/%Y %H:%M %Z", "01/05/2024 10:00 CET", "bad_timestamp"),
        ("%d/%m/%Y %H:%M %z", "01/05/2024 10:00", "bad_timestamp"),
        ("%d/%m/%Y", "01/01/0001", "timestamp_without_zone"),
        ("%d/%m/%Y UTC", "01/01/0001 UTC", "timestamp_out_of_range"),
        ("%d/%m/%Y UTC", "31/12/9999 UTC", "timestamp_out_of_range"),
    ],
)
def test_a_cell_that_does_not_fit_its_pattern_is_a_reject(pattern, cell, code):
    """One declared format per column; nothing else is tried."""
    assert [code] == read(cell, format=pattern).codes


def test_one_long_fraction_does_not_spoil_the_other_rows():
    """Pandas turns a column to nanoseconds for one such cell, and years beyond 2262 to nothing."""
    cells = ["01.05.9999 12:00:00.1", "01.05.2024 12:00:00.123456789"]
    done = read(*cells, format="%d.%m.%Y %H:%M:%S.%f", zone="UTC")
    assert done.codes == ["timestamp_out_of_range"]


@pytest.mark.parametrize("pattern", ["%Q", "%Y-%", "%Y %Y", "%Y %U"])
def test_a_senseless_pattern_is_a_usage_error(pattern):
    """It must show before the first row, in words of etl."""
    with pytest.raises(UsageError, match="no usable pattern"):
        read(format=pattern)


def test_an_undetected_format_is_a_defect_of_the_caller():
    """`auto` without a detected format must not fall back to a guess."""
    with pytest.raises(ValueError, match="must be detected"):
        read("2024-05-01T10:00Z", format="auto")
    reader = TimeReader(Time(), "when", now_us=NOW_US, fmt="epoch_ms")
    assert reader.format == "epoch_ms"
    assert reader(pa.array(["1714557600123"])).at_us.tolist() == [BASE_US + 123_000]


@pytest.mark.parametrize("machine", ["Asia/Kolkata", "America/New_York", "Europe/Berlin"])
def test_the_zone_of_the_machine_has_no_say(monkeypatch, machine):
    """`%Z` of a bare pandas takes the machine's own abbreviations."""
    monkeypatch.setenv("TZ", machine)
    time.tzset()
    try:
        done = read("2024-05-01 12:00", zone="Europe/Copenhagen")
        words = read(
            *(f"01/05/2024 10:00 {word}" for word in ("UTC", "CEST", "IST", "EDT")),
            format="%d/%m/%Y %H:%M %Z",
        )
    finally:
        monkeypatch.undo()
        time.tzset()
    assert done.times == [BASE_US]
    assert words.times == [BASE_US]
