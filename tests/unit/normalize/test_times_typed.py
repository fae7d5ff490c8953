"""Times in typed columns of Parquet: exact, and never read without what the job says."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from support.times import read

BASE_US = 1_714_557_600_000_000
"""2024-05-01 10:00:00 UTC."""


@pytest.mark.parametrize(
    "column",
    [
        pa.array([BASE_US // 1_000_000], pa.timestamp("s", tz="UTC")),
        pa.array([BASE_US // 1_000], pa.timestamp("ms", tz="Asia/Tokyo")),
        pa.array([BASE_US], pa.timestamp("us", tz="+02:00")),
        pa.array([BASE_US * 1_000 + 999], pa.timestamp("ns", tz="UTC")),
        pa.array([BASE_US + 7_200_000_000], pa.timestamp("us")),
    ],
)
def test_typed_times_are_taken_exactly(column):
    """A time zone makes an instant of them; without one they are what a clock showed in the job's zone."""
    assert read(typed=column, zone="Europe/Copenhagen").times == [BASE_US]


@pytest.mark.parametrize(
    ("column", "code", "detail"),
    [
        (pa.array([BASE_US], pa.timestamp("us")), "timestamp_without_zone", None),
        (pa.array([None], pa.timestamp("us")), "missing_timestamp", None),
        (pa.array([None], pa.null()), "missing_timestamp", None),
        (pa.array([None], pa.int64()), "missing_timestamp", None),
        (pa.array([2**63 - 1], pa.timestamp("s", tz="UTC")), "timestamp_out_of_range", "in the future"),
        (pa.array([-(2**63)], pa.timestamp("ms", tz="UTC")), "timestamp_out_of_range", "year 1"),
        (
            pa.array([1], pa.timestamp("ns", tz="UTC")),
            "timestamp_out_of_range",
            "1970: an empty value? (1970-01-01 00:00:00.000000)",
        ),
        (
            pa.array([1_714_557_600]),
            "bad_timestamp",
            "a column of int64: declare its unit in [time] format, such as epoch_ms",
        ),
        (pa.array([19_000], pa.date32()), "bad_timestamp", "a column of date32[day] holds no instants"),
        (pa.array([True]), "bad_timestamp", "a column of bool holds no instants"),
    ],
)
def test_typed_cells_that_are_no_instant_are_rejects(column, code, detail):
    """A type alone does not make a time; the detail says what to declare."""
    done = read(typed=column)
    assert ([code], [detail]) == (done.codes, done.details)


@pytest.mark.parametrize(
    ("column", "unit", "offset_us"),
    [
        (pa.array([1_714_557_600], pa.uint32()), "epoch_s", 0),
        (pa.array([1_714_557_600_123], pa.int64()), "epoch_ms", 123_000),
        (pa.array([Decimal("1714557600.123456789")]), "epoch_s", 123_456),
        (pa.array([1_714_557_600.25]), "epoch_s", 250_000),
        (pa.array([1_714_557_600_123_456.0]), "epoch_us", 123_456),
        (pa.array([1.7145576e18]), "epoch_ns", 0),
        (pa.array([20_240_501_100_000]), "%Y%m%d%H%M%S", 0),
    ],
)
def test_typed_numbers_follow_the_declared_format(column, unit, offset_us):
    """A number says nothing of its unit, so the job does."""
    done = read(typed=column, format=unit, zone="UTC")
    assert [BASE_US + offset_us] == done.times


def test_float_oddities_have_their_own_fates():
    """NaN is how pandas writes a null; infinity and huge floats are no times."""
    column = pa.array(np.array([np.nan, np.inf, 1e300, -1e18, 1e-9]), pa.float64(), from_pandas=False)
    done = read(typed=column, format="epoch_s")
    assert done.codes == [
        "missing_timestamp",
        "bad_timestamp",
        "bad_timestamp",
        "timestamp_out_of_range",
        "bad_timestamp",
    ]
