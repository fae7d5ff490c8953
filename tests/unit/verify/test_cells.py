from typing import Any

import pyarrow as pa
import pytest

from etl.config.verify import ReportColumns
from etl.errors import UsageError
from etl.verify.cells import heard, renamed

COLUMNS = ReportColumns(user="user.id", text="text", timestamp="at", order="seq")


def test_values_become_exact_strings():
    """Numbers keep their digits, and a name with a dot reaches inside an object."""
    rows: list[dict[str, Any]] = [
        {"user": {"id": 12}, "text": "hi", "at": 1700000000.0, "seq": 9007199254740993},
        {"user": {"id": "b"}, "text": None, "at": 1.5, "seq": True},
        {"user": "flat", "text": ["x"], "at": {"a": 1}},
    ]

    table = heard(rows, COLUMNS)

    assert ["12", "b", None] == table["lane"].to_pylist()
    assert ["hi", None, None] == table["text"].to_pylist()
    assert ["1700000000", "1.5", None] == table["time"].to_pylist()
    assert ["9007199254740993", None, None] == table["place"].to_pylist()
    assert [0, 1, 2] == table["idx"].to_pylist()
    assert 3 == table["id"].null_count


def test_a_key_with_a_dot_is_taken_as_it_is():
    """Flat exports write `user.id` as one name."""
    table = heard([{"user.id": "a", "text": "t", "at": "1", "seq": 1}], COLUMNS)
    assert ["a"] == table["lane"].to_pylist()


def test_half_a_surrogate_pair_is_no_crash():
    """JSON can spell what UTF-8 can't."""
    rows = [{"user.id": "a\ud800", "text": "t\udfff", "at": "1", "seq": 1}]
    assert ["a?"] == heard(rows, COLUMNS)["lane"].to_pylist()


def test_unknown_column_lists_those_that_there_are():
    """No page shows the columns, so this error is where people learn them."""
    with pytest.raises(UsageError, match=r"no column 'seq'; found 'at', 'text', 'user'") as raised:
        heard([{"user": {"id": "a"}, "text": "secret", "at": "1"}], COLUMNS)
    assert "secret" not in raised.value.message
    assert "[verify.columns]" in raised.value.hint


def test_no_rows_lack_no_column():
    """A quiet day is no error."""
    assert 0 == heard([], COLUMNS).num_rows


def test_rows_of_a_file_go_on_counting():
    """Their places are those in the file, not in a batch."""
    batch = pa.record_batch({"user.id": ["a"], "text": ["t"], "at": ["1"], "seq": ["5"]})
    table = renamed(batch, COLUMNS, first=7)
    assert [{"idx": 7, "lane": "a", "text": "t", "time": "1", "id": None, "place": "5"}] == table.to_pylist()
