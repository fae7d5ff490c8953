import json

import pytest

from etl.errors import InputError
from etl.source.coalesce import BATCH_ROWS

COLUMNS = ("user", "text")


def _lines(*records):
    return "".join(f"{json.dumps(record)}\n" for record in records).encode()


def test_literals_stay_exact(read_bytes):
    """A float in between would change ids; NA guessing would change texts."""
    literals = ["12345678901234567890123", "-0", "1.0", "0.1000000000000000055", "1e400", "9007199254740993"]
    data = "".join(f'{{"user": {literal}, "text": "NA"}}\n' for literal in literals).encode()
    assert [(literal, "NA") for literal in literals] == read_bytes(data, COLUMNS).rows


def test_booleans_null_and_missing_keys(read_bytes):
    """Parquet says the same of them."""
    result = read_bytes(_lines({"user": True, "text": ""}, {"user": False}, {"text": None}), COLUMNS)
    assert [("true", ""), ("false", None), (None, None)] == result.rows
    assert [1, 2, 3] == result.lines
    assert "jsonl" == result.summary.format


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        (b'{"user": 1', "no JSON from character"),
        (b"not json", "no JSON from character 1 on"),
        (b"[1]", "an array, no JSON object"),
        (b'"x"', "a number or a string, no JSON object"),
        (b"null", "null, no JSON object"),
        (b'{"user": 1, "user": 2}', "a key stands twice in one object"),
        (b'{"user": 1, "x": {"a": 1, "a": 2}}', "a key stands twice in one object"),
        (b'{"user": NaN}', "NaN is no JSON number"),
        (b'{"user": -Infinity}', "-Infinity is no JSON number"),
        (b'{"user": 1} {"user": 2}', "something follows the object at character 12"),
        (b'{"user": "\\ud83d"}', "half a character: a lone surrogate escape"),
        (b'{"user": "a\tb"}', "no JSON from character"),
        (b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    ],
)
def test_bad_line_is_the_only_reject(read_bytes, line, detail):
    """One bad line must cost one line, and its reason must hold nothing of it."""
    data = _lines({"user": "a", "text": "b"}) + line + b"\n" + _lines({"user": "c", "text": "d"})
    result = read_bytes(data, COLUMNS)
    assert [("a", "b"), ("c", "d")] == result.rows
    assert [1, 3] == result.lines
    ((number, code, found),) = result.rejects
    assert (2, "bad_record") == (number, code)
    assert found.startswith(detail)


def test_escaped_pairs_are_characters(read_bytes):
    """Python and JavaScript write emoji so."""
    assert [("\U0001f600", "\0")] == read_bytes(b'{"user":"\\ud83d\\ude00","text":"\\u0000"}', COLUMNS).rows


@pytest.mark.parametrize("size", [1, 50, 3_000_000])
def test_line_over_the_limit_is_the_only_reject(read_bytes, size):
    """It is passed over without being kept."""
    big = _lines({"user": "x", "text": "y" * (2_000 + size)})
    data = _lines({"user": "a", "text": "b"}) + big + _lines({"user": "c", "text": "d"})
    result = read_bytes(data, COLUMNS, max_record_bytes=2_000)
    assert [("a", "b"), ("c", "d")] == result.rows
    assert [1, 3] == result.lines
    assert [(2, "record_too_large", "larger than 2000 bytes")] == result.rejects


def test_blank_lines_are_counted(read_bytes):
    """They are neither rows nor faults."""
    result = read_bytes(b'\n{"user":1,"text":2}\r\n \t\r\n\n  {"user":3,"text":4}', COLUMNS)
    assert 3 == result.summary.blank_lines
    assert [2, 5] == result.lines


def test_file_of_blank_lines_is_empty(read_bytes):
    """There is nothing to check."""
    with pytest.raises(InputError, match="is empty"):
        read_bytes(b"\n\n", COLUMNS, format="jsonl")


def test_name_in_no_line_is_missing(read_bytes):
    """A typing error in the job would otherwise be a file without texts."""
    with pytest.raises(InputError, match="no column 'text'; found 'user', 'txt', 'x'"):
        read_bytes(_lines({"user": 1, "txt": "a"}, {"x": 1}), COLUMNS)


def test_name_of_a_late_line_is_there(read_bytes):
    """Keys may be left out while there is no value."""
    data = _lines(*[{"user": "a" * 1_000}] * 3_000, {"text": "b"})
    assert (None, "b") == read_bytes(data, COLUMNS).rows[-1]


def test_paths_lead_into_objects(read_bytes):
    """Exports nest the author; a key of that very name comes first."""
    data = _lines(
        {"author": {"type": "user", "id": {"n": 1}}, "text": "a"},
        {"author": None, "text": "b"},
        {"author": {}, "text": "c"},
        {"author.type": "agent", "author": {"type": "user"}, "text": "d"},
        {"author": "x", "text": "e"},
    )
    rows = read_bytes(data, ("author.type", "author.id.n", "text")).rows
    assert [("user", "1", "a"), (None, None, "b"), (None, None, "c"), ("agent", None, "d")] == rows[:4]
    assert (None, None, "e") == rows[4]


@pytest.mark.parametrize(("value", "kind"), [({"a": 1}, "an object"), ([1], "an array")])
def test_nested_value_is_an_error_that_names_it(read_bytes, value, kind):
    """Its repr must never become a message."""
    with pytest.raises(InputError, match=f"line 2: column 'text' holds {kind}") as caught:
        read_bytes(_lines({"user": 1, "text": "a"}, {"user": 1, "text": value}), COLUMNS)
    assert 'explode = "text"' in caught.value.hint


def test_exploded_elements_are_rows(read_bytes):
    """Chats are exported one a line; each message needs its conversation."""
    data = _lines(
        {"id": 7, "events": [{"text": "a", "by": {"name": "x"}}, {"text": None}, None]},
        {"id": 8, "events": []},
        {"id": 9, "events": None},
        {"id": 10},
        {"id": 11, "events": [{"text": True}]},
    )
    result = read_bytes(data, ("id", "events.text", "events.by.name"), explode="events")
    expected = [("7", "a", "x"), ("7", None, None), ("7", None, None), ("11", "true", None)]
    assert expected == result.rows
    assert [1, 1, 1, 5] == result.lines
    assert 4 == result.summary.records
    assert "jsonl, 5 lines exploded by events" == result.summary.format


def test_missing_columns_that_may_stand_in_a_list_are_hinted_at(read_bytes):
    """The usual first try with such a file."""
    with pytest.raises(InputError, match="no column 'text'") as caught:
        read_bytes(_lines({"user": 1, "events": [{"text": "a"}]}), COLUMNS)
    assert '[input] explode = "events"' in caught.value.hint


def test_long_list_is_cut_into_batches(read_bytes):
    """Memory must not grow with one parent's list."""
    data = _lines({"id": 1, "events": [{"text": number} for number in range(40_000)]})
    result = read_bytes(data, ("id", "events.text"), explode="events")
    assert [("1", str(number)) for number in range(40_000)] == result.rows
    assert BATCH_ROWS == max(batch.rows.num_rows for batch in result.batches)


def test_long_text_beside_a_long_list_makes_smaller_batches(read_bytes):
    """Each element repeats its parent's texts."""
    data = _lines({"own": "x" * (10 << 20), "events": [{"text": "a"}] * 20}, {"own": "y", "events": [{}]})
    result = read_bytes(data, ("own", "events.text"), explode="events")
    assert [6, 6, 6, 3] == [batch.rows.num_rows for batch in result.batches]


@pytest.mark.parametrize("value", ["x", {"a": 1}, [1], [[1]]])
def test_only_lists_of_objects_can_be_exploded(read_bytes, value):
    """Anything else has no fields to map."""
    with pytest.raises(InputError, match="line 1: column 'events' holds"):
        read_bytes(_lines({"events": value}), ("events.text",), explode="events")


def test_missing_names_of_elements_are_listed(read_bytes):
    """As for any other column; without elements nothing can be told."""
    with pytest.raises(InputError, match=r"no column 'events\.text'; found 'events', 'events\.txt'"):
        read_bytes(_lines({"events": [{"txt": 1}]}), ("events.text",), explode="events")
    with pytest.raises(InputError, match=r"no column 'events'; found 'event'"):
        read_bytes(_lines({"event": []}), ("events.text",), explode="events")
    assert [] == read_bytes(_lines({"events": []}), ("events.text",), explode="events").rows


def test_array_is_one_clear_error(read_bytes):
    """Not one for each line of it."""
    for settings in ({}, {"format": "jsonl"}):
        with pytest.raises(InputError, match="one JSON array, not JSON lines") as caught:
            read_bytes(b'[\n {"user": 1}\n]\n', COLUMNS, **settings)
        assert "jq" in caught.value.hint


def test_encodings_and_marks_are_those_of_csv(read_bytes):
    """The same text in front of both."""
    data = '{"user": "æ", "text": "日本"}\n'.encode("utf-16")
    result = read_bytes(data, COLUMNS)
    assert [("æ", "日本")] == result.rows
    assert "jsonl, utf-16 (byte order mark)" == result.summary.format


@pytest.mark.parametrize(
    ("data", "kind", "word"),
    [
        (b"user,text\n", "parquet", "is no Parquet file"),
        (b"PAR1....", "csv", "is a Parquet file"),
        (b"PAR1....", "jsonl", "is a Parquet file"),
    ],
)
def test_format_that_can_not_be_is_an_error(read_bytes, data, kind, word):
    """Thousands of ragged rows would hide the reason."""
    with pytest.raises(InputError, match=word):
        read_bytes(data, COLUMNS, format=kind)


def test_declared_format_overrules_the_first_bytes(read_bytes):
    """A CSV header may begin with a brace."""
    assert [("a", "b")] == read_bytes(b"{user},text\na,b\n", ("{user}", "text"), format="csv").rows
    result = read_bytes(b'x\n{"user":1,"text":2}\n', COLUMNS, format="jsonl")
    assert [("1", "2")] == result.rows
    assert [1] == [line for line, _, _ in result.rejects]
