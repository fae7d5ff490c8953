from datetime import UTC, datetime

import pyarrow as pa
import pytest

from etl.config.reading import Time
from etl.transcript.starts import read_starts

AT = datetime(2021, 7, 1, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_start_is_read_from_any_kind_of_text(kind):
    """Parquet stores texts in several ways."""
    cells = pa.array(["2021-07-01T12:00:00+02:00", None, "soon"], pa.string()).cast(kind)
    assert [AT, None, None] == read_starts(Time(), cells)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_start_is_read_from_any_unit_of_typed_times(unit):
    """A typed instant is exact and needs no format."""
    cells = pa.array([AT, None], pa.timestamp(unit, "Europe/Copenhagen"))
    assert [AT, None] == read_starts(Time(), cells)


def test_typed_time_beyond_the_calendar_is_no_start():
    """Parquet can hold years that no calendar has."""
    assert [None] == read_starts(Time(), pa.array([2**62], pa.int64()).cast(pa.timestamp("s", "UTC")))


def test_column_of_another_type_holds_no_start():
    """A number has no unit that the job's format would not have to state."""
    assert [None, None] == read_starts(Time(), pa.array([1, 2], pa.int64()))


def test_naive_start_needs_the_zone_of_the_job():
    """The machine's zone is nobody's."""
    texts = pa.array(["2021-07-01T12:00:00"], pa.string())
    typed = pa.array([datetime(2021, 7, 1, 12)], pa.timestamp("us"))  # noqa: DTZ001  naive is what is read
    for cells in (texts, typed):
        assert [None] == read_starts(Time(), cells)
        assert [AT] == read_starts(Time(zone="Europe/Copenhagen"), cells)


@pytest.mark.parametrize(("choice", "hour"), [("reject", None), ("earlier", 0), ("later", 1)])
def test_hour_that_happened_twice_is_as_the_job_says(choice, hour):
    """When the clocks go back, only a person knows which hour was meant."""
    expected = None if hour is None else datetime(2021, 10, 31, hour, 30, tzinfo=UTC)
    cells = pa.array(["2021-10-31T02:30:00"], pa.string())
    assert [expected] == read_starts(Time(zone="Europe/Copenhagen", ambiguous=choice), cells)


@pytest.mark.parametrize("wall", ["2021-03-28T02:30:00", "0001-01-01T00:00:00"])
def test_hour_that_never_happened_is_no_start(wall):
    """The clocks went forward over it, or no calendar has it in UTC."""
    assert [None] == read_starts(Time(zone="Europe/Copenhagen"), pa.array([wall], pa.string()))
