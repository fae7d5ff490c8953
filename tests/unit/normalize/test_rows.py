"""Rules about which rows count at all."""

import pyarrow as pa
import pytest

from etl.errors import InputError


def test_a_dropped_row_is_skipped_whatever_is_wrong_with_it(normalize):
    """The other cells of a soft-deleted row are often empty, and nobody has to mend them."""
    done = normalize(
        {"gone": "true", "user": "", "when": "x", "public": "?"}, {}, rows={"drop": {"gone": ("true",)}}
    )
    assert {"filtered": 1} == done.skipped
    assert (1, 0) == (done.messages.num_rows, done.rejects.num_rows)
    assert [3] == done.messages["line"].to_pylist()


def test_rows_are_kept_only_with_a_listed_value_in_every_column(normalize):
    """A history table holds old versions beside the active one."""
    rules = {"keep": {"plan": ("gold", "silver"), "gone": ("false",)}}
    done = normalize({"plan": "silver"}, {"plan": "Gold"}, {"plan": None}, {"gone": ""}, {}, rows=rules)
    assert [2, 6] == done.messages["line"].to_pylist()
    assert {"filtered": 3} == done.skipped


def test_rows_count_by_cells_that_hold_something_or_nothing(normalize):
    """A time of failure has no list of values; that there is one is what matters."""
    rules = {"filled": ("plan",), "empty": ("gone",)}
    cells = [{"plan": "x", "gone": ""}, {"plan": "x", "gone": "2024"}, {"plan": " ", "gone": ""}]
    done = normalize(*cells, {"plan": "x", "gone": None}, {"plan": None, "gone": "\u200b"}, rows=rules)
    assert [2, 5] == done.messages["line"].to_pylist()
    assert {"filtered": 3} == done.skipped


def test_values_of_typed_columns_are_compared_as_they_are_written_in_text(normalize):
    """Parquet has real booleans where CSV has words."""
    done = normalize(
        {}, {}, {}, typed={"gone": pa.array([True, False, None])}, rows={"drop": {"gone": ("true",)}}
    )
    assert {"filtered": 1} == done.skipped


def test_rejects_after_a_filter_still_name_their_own_lines(normalize):
    """Lines are those of the file, not of what is left of it."""
    done = normalize({"gone": "true"}, {"user": ""}, rows={"drop": {"gone": ("true",)}})
    assert [3] == done.rejects["line"].to_pylist()


def test_an_absent_column_of_a_rule_is_named(normalize):
    """A rule that never applies would let deleted rows through."""
    with pytest.raises(InputError, match="column 'deleted' is not there"):
        normalize({}, rows={"drop": {"deleted": ("true",)}})
