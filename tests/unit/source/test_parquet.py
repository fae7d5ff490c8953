from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet

from etl.errors import InputError


@pytest.fixture
def read_table(read_bytes):
    """Write a table as Parquet and read it back."""

    def run(columns, wanted, *, times=frozenset(), damage=None, **options):
        sink = pa.BufferOutputStream()
        parquet.write_table(pa.table(columns), sink, **options)
        data = bytearray(sink.getvalue().to_pybytes())
        if damage is not None:
            damage(data)
        return read_bytes(bytes(data), wanted, name="export.parquet", times=times)

    return run


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array(["007", None, "NA"]), ["007", None, "NA"]),
        (pa.array(["a", None], pa.large_string()), ["a", None]),
        (pa.array(["a", "b", "a", None]).dictionary_encode(), ["a", "b", "a", None]),
        (pa.array([9007199254740993, -1, None], pa.int64()), ["9007199254740993", "-1", None]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([Decimal(100), Decimal(12345678901234567890), None], pa.decimal128(38, 0)),
         ["100", "12345678901234567890", None]),
        (pa.array([Decimal("1.00"), Decimal("-1.50"), Decimal("0.00")], pa.decimal128(9, 2)),
         ["1", "-1.50", "0"]),
        (pa.array([Decimal("1E-9"), Decimal(3)], pa.decimal256(60, 10)), ["0.0000000010", "3"]),
        (pa.array([115712.0, -3.0, 2.0**53 - 1, None, float("nan"), 1.5]),
         ["115712", "-3", "9007199254740991", None, None, "1.5"]),
        (pa.array([2.0**53, 1e20, float("inf")]), ["9.007199254740992e+15", "1e+20", "inf"]),
        (pa.array([16777215.0, 16777218.0, 0.1], pa.float32()), ["16777215", "16777218e+0", "0.1"]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.nulls(2), [None, None]),
    ],
)  # fmt: skip
def test_ids_become_exact_strings(read_table, column, expected):
    """An id with a changed digit is another person."""
    assert expected == [row[0] for row in read_table({"id": column}, ("id",)).rows]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"x"]),
        pa.array([["x"]]),
        pa.array([{"a": "x"}]),
        pa.array([[("a", "x")]], pa.map_(pa.string(), pa.string())),
        pa.array([1], pa.duration("s")),
    ],
)
def test_types_without_one_text_are_refused_by_name(read_table, column):
    """The repr of a list must never become a message."""
    with pytest.raises(InputError, match="column 'text' has the type"):
        read_table({"text": column}, ("text",))


@pytest.mark.parametrize(
    "column",
    [
        pa.array([datetime(2024, 3, 1, 10, tzinfo=UTC)], pa.timestamp("ns", "Europe/Copenhagen")),
        pa.array([1709287200], pa.int64()),
        pa.array([Decimal("1709287200.5")], pa.decimal128(20, 3)),
        pa.array([1709287200.5]),
        pa.array(["2024-03-01T10:00:00Z"]),
    ],
)
def test_times_keep_their_type(read_table, column):
    """A detour over text would need a format and could lose digits."""
    result = read_table({"at": column, "text": ["x"]}, ("at", "text"), times=frozenset({"at"}))
    assert column.type == result.batches[0].rows.schema.field("at").type
    assert column == result.batches[0].rows.column(0)


def test_times_in_a_dictionary_are_decoded(read_table):
    """The stages behind know plain columns only."""
    column = pa.array(["2024-03-01T10:00:00Z"] * 3).dictionary_encode()
    result = read_table({"at": column}, ("at",), times=frozenset({"at"}))
    assert pa.string() == result.batches[0].rows.schema.field("at").type


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        (pa.array([date(2024, 3, 1)]), "a date has no time of day"),
        (pa.array([time(10, 0)]), "a time of day has no date"),
        (pa.array([True]), "can't hold a time"),
        (pa.array([b"x"]), "can't hold a time"),
    ],
)
def test_types_without_an_instant_are_refused(read_table, column, reason):
    """Midnight would be a guess."""
    with pytest.raises(InputError, match=reason):
        read_table({"at": column}, ("at",), times=frozenset({"at"}))


def test_lines_are_row_numbers_over_all_batches(read_table):
    """A reject must be found again in the file."""
    result = read_table({"id": list(range(40_000)), "x": ["y"] * 40_000}, ("id",), row_group_size=7_000)
    assert list(range(1, 40_001)) == result.lines
    assert 40_000 == result.summary.records
    assert result.summary.bytes_read == result.progress[-1]


def test_missing_and_doubled_columns_are_named(read_table):
    """The same words as for CSV."""
    with pytest.raises(InputError, match="no column 'text'; found 'txt', 'at'"):
        read_table({"txt": ["a"], "at": [1]}, ("text",))


def test_damaged_row_group_is_an_error_with_the_rows_before_it(read_table):
    """The footer of such a file is fine."""

    def damage(data):
        middle = data.index(b"row-02500") if b"row-02500" in data else len(data) // 2
        data[middle : middle + 64] = bytes(64)

    rows = {"text": [f"row-{number:05}" for number in range(5_000)]}
    with pytest.raises(
        InputError, match=r"export\.parquet: the Parquet file is damaged .* 2000 rows were readable"
    ):
        read_table(rows, ("text",), damage=damage, row_group_size=1_000, compression="snappy")


def test_truncated_file_is_an_error(read_table):
    """The footer is at the end."""

    def damage(data):
        del data[-20:]

    with pytest.raises(InputError, match="damaged or can't be read"):
        read_table({"text": ["a"] * 100}, ("text",), damage=damage)
