"""What a reject says of a time, and which offsets were seen."""

import pyarrow as pa
import pytest

from support.times import read


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("0001-01-01T00:00:00Z", "year 1 (0001-01-01 00:00:00.000000)"),
        ("0001-01-01T00:00:00+14:00", "year 1 (0000-12-31 10:00:00.000000)"),
        ("0001-12-31T23:59:59Z", "year 1 (0001-12-31 23:59:59.000000)"),
        ("0003-01-01T00:00:00Z", "before 2001-09-09 (0003-01-01 00:00:00.000000)"),
        ("1969-12-31T23:59:59Z", "1970: an empty value? (1969-12-31 23:59:59.000000)"),
        ("1970-01-01T00:00:00Z", "1970: an empty value? (1970-01-01 00:00:00.000000)"),
        ("1970-01-20T20:15:57Z", "1970: another unit? (1970-01-20 20:15:57.000000)"),
        ("1970-06-01T00:00:00Z", "before 2001-09-09 (1970-06-01 00:00:00.000000)"),
        ("2000-12-31T23:59:59Z", "before 2001-09-09 (2000-12-31 23:59:59.000000)"),
        ("2026-09-22T14:13:21Z", "in the future (2026-09-22 14:13:21.000000)"),
        ("2262-04-12T00:00:00Z", "in the future (2262-04-12 00:00:00.000000)"),
        ("9999-12-31T23:59:59Z", "in the future (9999-12-31 23:59:59.000000)"),
        ("9999-12-31T23:59:59-12:00", "in the future"),
    ],
)
def test_a_time_out_of_range_says_why(cell, reason):
    """An empty value, a wrong unit and a wrong clock have different remedies."""
    done = read(cell)
    assert (["timestamp_out_of_range"], [reason]) == (done.codes, done.details)


@pytest.mark.parametrize(
    ("unit", "cell", "reason"),
    [
        ("epoch_s", "0", "1970: an empty value? (1970-01-01 00:00:00.000000)"),
        ("epoch_s", "-1", "1970: an empty value? (1969-12-31 23:59:59.000000)"),
        ("epoch_ms", "1714557600", "1970: another unit? (1970-01-20 20:15:57.600000)"),
        ("epoch_s", "1714557600000", "in the future"),
        ("epoch_s", "99999999999999999999", "in the future"),
        ("epoch_s", "-99999999999999999999", "year 1"),
        ("epoch_s", "-62135596800", "year 1 (0001-01-01 00:00:00.000000)"),
    ],
)
def test_an_epoch_out_of_range_says_why(unit, cell, reason):
    """A wrong unit is the usual mistake; it must be recognised from the reject."""
    done = read(cell, format=unit)
    assert (["timestamp_out_of_range"], [reason]) == (done.codes, done.details)


@pytest.mark.parametrize(
    ("pattern", "cell", "reason"),
    [
        ("iso8601", "0000-00-00 00:00:00", "0000-00-00: an empty value?"),
        ("iso8601", "0000-00-00", "0000-00-00: an empty value?"),
        ("iso8601", "2024-03-01T23:59:60Z", "a leap second"),
        ("iso8601", "2024-03-01T24:00:00Z", "24:00 is no time of a day"),
        ("iso8601", "2024-03-01 24:00", "24:00 is no time of a day"),
        ("iso8601", "2023-02-29T12:00:00Z", "looks like 9999-99-99a99:99:99a"),
        ("iso8601", "10000-01-01T00:00:00Z", "looks like 99999-99-99a99:99:99a"),
        ("iso8601", "2024-03-01T25:00:00Z", "looks like 9999-99-99a99:99:99a"),
        ("iso8601", "Ring til Bo på 60", "looks like aaaa aaa aa aa 99"),
        ("%d/%m/%Y %H:%M:%S", "00/00/0000 00:00:00", "0000-00-00: an empty value?"),
        ("%d/%m/%Y %H:%M:%S", "01/05/2024 23:59:60", "a leap second"),
        ("%d.%m.%Y %H.%M.%S", "01.05.2024 24.00.00", "24:00 is no time of a day"),
    ],
)
def test_a_time_that_does_not_exist_says_why(pattern, cell, reason):
    """The well-known oddities by name, everything else by its shape and never by its letters."""
    done = read(cell, format=pattern, zone="UTC")
    assert (["bad_timestamp"], [reason]) == (done.codes, done.details)


@pytest.mark.parametrize(
    ("pattern", "cells", "offsets"),
    [
        (
            "iso8601",
            [
                "2024-05-01T10:00Z", "2024-05-01T10:00:00z", "2024-05-01 10:00:00 UTC",
                "2024-05-01T10:00+02:00", "2024-05-01 10:00:00 -0800", "2024-05-01 10:00:00.5-08",
                "2024-05-01T10:00:00-00:00", "2024-05-01T10:00+00:00", "2024-05-01T10:00-00:01",
                "2024-05-01T10:00:00", "2024-05-01 10:00", "2024-05-01T10:00:00.1234567", "1970-01-01T00:00Z",
                "x", "", None, "2024-02-30T10:00Z",
            ],
            {
                "Z": 3, "UTC": 1, "+02:00": 1, "-08:00": 2, "-00:00": 1, "+00:00": 1, "-00:01": 1, "none": 3,
            },
        ),
        ("epoch_s", ["1714557600", "0", "x", ""], {"epoch": 2}),
        ("%d/%m/%Y %H:%M", ["01/05/2024 10:00", "x"], {"none": 1}),
        ("%Y/%m/%d %H:%M GMT", ["2024/05/01 10:00 GMT", "x"], {"GMT": 1}),
        ("%Y/%m/%d %H:%MZ", ["2024/05/01 10:00Z"], {"Z": 1}),
        ("%d/%m/%Y %H:%M %Z", ["01/05/2024 10:00 UTC", "01/05/2024 10:00 GMT"], {"UTC": 1, "GMT": 1}),
        (
            "%a %b %d %H:%M:%S %z %Y",
            ["Tue Oct 31 22:10:47 +0000 2017", "Tue Oct 31 22:10:47 -0730 2017", "Tue Oct 31 22:10:47 2017"],
            {"+00:00": 1, "-07:30": 1},
        ),
        ("%d-%m-%Y %H:%M%z", ["01-05-2024 10:00Z", "01-05-2024 10:00+02:00"], {"Z": 1, "+02:00": 1}),
        ("iso8601", ["", "x"], {}),
    ],
)  # fmt: skip
def test_offsets_are_counted_as_written(pattern, cells, offsets):
    """A fixed -0800 in summer, or a Z on local time, shows in the counts and nowhere else."""
    assert offsets == read(*cells, format=pattern).offsets


@pytest.mark.parametrize(
    ("column", "offsets"),
    [
        (pa.array([1, None], pa.timestamp("us", tz="Asia/Tokyo")), {"typed": 1}),
        (pa.array([1, None], pa.timestamp("ns")), {"none": 1}),
        (pa.array([], pa.timestamp("ns")), {}),
    ],
)
def test_typed_columns_count_as_typed_or_as_saying_nothing(column, offsets):
    """Parquet keeps an instant, not the offset it was written with."""
    assert offsets == read(typed=column).offsets
