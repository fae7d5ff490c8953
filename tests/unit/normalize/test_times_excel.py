"""Excel's serial days: to the nearest millisecond, in exact integers, on the clock of the job's zone."""

from datetime import datetime, timedelta
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.times import NOW_US, read

BASE_US = 1_714_557_600_000_000
"""2024-05-01 10:00:00 UTC."""
DAY_US = 86_400_000_000
FIRST = datetime(1899, 12, 30)  # noqa: DTZ001  a wall time
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  a wall time


@pytest.mark.parametrize(
    ("cell", "offset_us"),
    [
        ("45413.416666666664", 0),
        ("45413.41666666667", 0),
        ("45413.4166666667", 0),
        ("45413,4166666667", 0),
        ("+045413.4166666667", 0),
        (" 45413.4166666667 ", 0),
        ("45413.4166724537", 500_000),
        ("45413.41666668", 1_000),
        ("45413", -36_000_000_000),
        ("45413.99999999999", 50_400_000_000),
        ("45413.41667", 288_000),
    ],
)
def test_serials_name_the_nearest_millisecond(cell, offset_us):
    """A binary float is a hair off what was typed; cutting would make 09:59:59.999 of 10:00."""
    assert [BASE_US + offset_us] == read(cell, format="excel_serial", zone="UTC").times


@pytest.mark.parametrize(
    "column",
    [pa.array([45_413.0 + 10 / 24]), pa.array([45_413 + 10 / 24], pa.float64()).cast(pa.decimal128(30, 12))],
)
def test_typed_serials_are_read_like_texts(column):
    """Parquet written from a sheet holds them as floats."""
    assert [BASE_US] == read(typed=column, format="excel_serial", zone="UTC").times


@pytest.mark.parametrize(
    ("cell", "code", "detail"),
    [
        ("45413.5", "timestamp_without_zone", None),
        ("-1", "bad_timestamp", "looks like -9"),
        ("4.5E+4", "bad_timestamp", "looks like 9.9a+9"),
        ("45.413,5", "bad_timestamp", "looks like 99.999,9"),
        ("2024-05-01", "bad_timestamp", "looks like 9999-99-99"),
        ("", "missing_timestamp", None),
    ],
)
def test_what_is_no_serial_of_a_known_zone_is_a_reject(cell, code, detail):
    """A sheet knows no zones, so the job must; thousands separators and exponents are no serials."""
    done = read(cell, format="excel_serial")
    assert ([code], [detail]) == (done.codes, done.details)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("25569", "1970: an empty value? (1970-01-01 00:00:00.000000)"),
        ("0", "before 2001-09-09 (1899-12-30 00:00:00.000000)"),
        ("36526.5", "before 2001-09-09 (2000-01-01 12:00:00.000000)"),
        ("73050", "in the future (2099-12-31 00:00:00.000000)"),
        ("99999999", "in the future"),
        ("1714557600", "in the future"),
    ],
)
def test_serials_out_of_range_say_on_which_side(cell, reason):
    """An epoch under this format lies in a far year and must not wrap around."""
    done = read(cell, format="excel_serial", zone="UTC")
    assert (["timestamp_out_of_range"], [reason]) == (done.codes, done.details)


def test_serials_follow_the_zone_and_its_changes():
    """02:30 happens twice when summer time ends."""
    done = read("45592.104166666664", format="excel_serial", zone="Europe/Copenhagen")
    assert done.codes == ["timestamp_ambiguous"]
    assert done.offsets == {"none": 1}


def reference(cell: str) -> int:
    """Return microseconds by exact fractions of the standard library."""
    days, _, decimals = cell.partition(".")
    fraction = Fraction(int(decimals[:11] or "0"), 10 ** len(decimals[:11]))
    ms = int(fraction * 86_400_000 + Fraction(1, 2))
    return (FIRST + timedelta(days=int(days), milliseconds=ms) - EPOCH) // timedelta(microseconds=1)


@given(st.from_regex(r"(3[7-9]|4[0-5])[0-9]{3}(\.[0-9]{1,20})?", fullmatch=True))
def test_serials_mean_what_exact_fractions_say(cell):
    """No float takes part in it."""
    expected = reference(cell)
    assert ([expected] if 10**15 <= expected <= NOW_US else []) == read(
        cell, format="excel_serial", zone="UTC"
    ).times


@given(st.datetimes(min_value=datetime(2002, 1, 1), max_value=datetime(2026, 1, 1)))  # noqa: DTZ001  wall times
def test_what_excel_stores_comes_back_to_the_millisecond(wall):
    """A sheet holds a time as the nearest float; the float's shortest text is what an export shows."""
    wall = wall.replace(microsecond=wall.microsecond // 1_000 * 1_000)
    serial = (wall - FIRST) / timedelta(days=1)
    assert [(wall - EPOCH) // timedelta(microseconds=1)] == read(
        repr(serial), format="excel_serial", zone="UTC"
    ).times
