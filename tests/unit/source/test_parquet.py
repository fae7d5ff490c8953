from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from etl.errors import InputError
from etl.source.coalesce import BATCH_ROWS


@pytest.fixture
def read_table(read_bytes):
    """Write a table as Parquet and read it back."""

    def run(columns, wanted, *, times=frozenset(), damage=None, explode=None, **options):
        sink = pa.BufferOutputStream()
        parquet.write_table(pa.table(columns), sink, **options)
        data = bytearray(sink.getvalue().to_pybytes())
        if damage is not None:
            damage(data)
        return read_bytes(bytes(data), wanted, name="export.parquet", times=times, explode=explode)

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


PEOPLE = pa.array([{"type": "user", "id": {"n": 1}}, None, {"type": None, "id": None}])


def test_paths_lead_into_structs(read_table):
    """Only what is mapped is decoded; of a null struct everything is null."""
    table = {"author": PEOPLE, "text": ["a", "b", "c"]}
    rows = read_table(table, ("author.type", "text", "author.id.n")).rows
    assert [("user", "a", "1"), (None, "b", None), (None, "c", None)] == rows


def test_column_of_the_very_name_comes_before_a_path(read_table):
    """Flattened exports write dots into names."""
    assert [("x",)] == read_table({"author.type": ["x"], "author": PEOPLE[:1]}, ("author.type",)).rows


@pytest.mark.parametrize("times", [frozenset(), frozenset({"text"})])
@pytest.mark.parametrize("as_dictionary", [False, True])
def test_bytes_that_are_no_utf8_are_refused_with_their_column(read_table, times, as_dictionary):
    """Parquet only says that texts are UTF-8; whoever believes it falls over the first letter."""
    damaged = pa.array([b"ok", b"r\xf8d"]).view(pa.string())
    texts = damaged.dictionary_encode() if as_dictionary else damaged
    with pytest.raises(InputError, match="column 'text' holds bytes that are no UTF-8, in the rows after 0"):
        read_table({"text": texts}, ("text",), times=times)


def test_struct_is_refused_with_a_path_to_map(read_table):
    """The hint is the next thing to type."""
    with pytest.raises(InputError, match="column 'author' has the type struct") as caught:
        read_table({"author": PEOPLE}, ("author",))
    assert '"author.type"' in caught.value.hint


EVENTS = pa.struct(
    [("text", pa.string()), ("at", pa.timestamp("us", "UTC")), ("by", pa.struct([("n", pa.int64())]))]
)
LISTS = [
    pa.list_(EVENTS), pa.large_list(EVENTS), pa.list_view(EVENTS), pa.large_list_view(EVENTS),
]  # fmt: skip
VALUES: list[Any] = [
    [{"text": "a", "at": 1, "by": {"n": 5}}, {"text": None, "at": 2, "by": None}, None],
    [],
    None,
    [{"text": "b", "at": 3, "by": {"n": 6}}],
]


@pytest.mark.parametrize("kind", LISTS[:2])
def test_exploded_elements_are_rows(read_table, kind):
    """One row per conversation is how chats are stored; each message needs its conversation."""
    table = {"id": [7, 8, 9, 10], "events": pa.array(VALUES, kind)}
    wanted = ("events.text", "id", "events.by.n", "events.at")
    result = read_table(table, wanted, explode="events", times=frozenset({"events.at"}))
    assert [("a", "7", "5"), (None, "7", None), (None, "7", None), ("b", "10", "6")] == [
        row[:3] for row in result.rows
    ]
    assert [1, 1, 1, 4] == result.lines
    assert 4 == result.summary.records
    assert "parquet, 4 rows exploded by events" == result.summary.format
    assert pa.timestamp("us", "UTC") == result.batches[0].rows.schema.field("events.at").type


def test_fixed_size_lists_and_inner_lists_are_exploded(read_table):
    """The list itself may stand in a struct."""
    fixed = pa.array([VALUES[0][:2], None, VALUES[0][:2]], pa.list_(EVENTS, 2))
    rows = read_table({"id": [1, 2, 3], "events": fixed}, ("id", "events.text"), explode="events").rows
    assert [("1", "a"), ("1", None), ("3", "a"), ("3", None)] == rows
    inner = pa.array([{"log": VALUES[3]}], pa.struct([("log", pa.list_(EVENTS))]))
    assert [("b",)] == read_table({"data": inner}, ("data.log.text",), explode="data.log").rows


def test_long_list_is_cut_into_batches(read_table):
    """Memory must not grow with one parent's list."""
    events = pa.array([[{"text": str(number)} for number in range(40_000)]])
    result = read_table({"id": [1], "events": events}, ("id", "events.text"), explode="events")
    assert [("1", str(number)) for number in range(40_000)] == result.rows
    assert BATCH_ROWS == max(batch.rows.num_rows for batch in result.batches)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_long_text_beside_a_long_list_makes_smaller_batches(read_table, kind):
    """Each element repeats its parent's texts: 16,384 times ten megabytes is more than any machine has."""
    own = pa.array(["x" * (10 << 20), "y"], kind)
    events = pa.array([[{"text": "a"}] * 20, [{"text": "b"}] * 20])
    result = read_table({"own": own, "events": events}, ("own", "events.text"), explode="events")
    assert [6, 6, 6, 22] == [batch.rows.num_rows for batch in result.batches]
    assert 40 == result.summary.records


def test_list_that_is_not_exploded_is_refused_with_the_setting(read_table):
    """The hint is the next thing to type."""
    with pytest.raises(InputError, match="column 'events' has the type list") as caught:
        read_table({"events": pa.array(VALUES, LISTS[0])}, ("events",))
    assert '[input] explode = "events"' in caught.value.hint


@pytest.mark.parametrize("column", [pa.array([["a"]]), pa.array([1]), pa.array([{"text": "a"}])])
def test_only_lists_of_structs_can_be_exploded(read_table, column):
    """Anything else has no fields to map."""
    with pytest.raises(InputError, match="which is no list of structs"):
        read_table({"events": column}, ("events.text",), explode="events")


def test_missing_names_of_elements_are_listed(read_table):
    """As for any other column."""
    with pytest.raises(InputError, match=r"no column 'events\.txt'; found .*'events\.text'"):
        read_table({"events": pa.array(VALUES, LISTS[0])}, ("events.txt",), explode="events")
    with pytest.raises(InputError, match=r"no column 'event'; found 'events'"):
        read_table({"events": pa.array(VALUES, LISTS[0])}, ("event.text",), explode="event")


def test_missing_columns_that_may_stand_in_a_list_are_hinted_at(read_table):
    """The usual first try with such a file."""
    with pytest.raises(InputError, match="no column 'text'") as caught:
        read_table({"events": pa.array(VALUES, LISTS[0])}, ("text",))
    assert '[input] explode = "events"' in caught.value.hint


def test_explode_without_a_mapped_element_changes_nothing(read_table):
    """A second file of the same job need not have that list."""
    assert [("7",), ("8",)] == read_table({"id": [7, 8]}, ("id",), explode="events").rows
