"""The first rows of a file, however a reader cuts them."""

import pyarrow as pa

from etl.model.schemas import FileSummary, RowBatch
from etl.pipeline.beginnings import together

SUMMARY = FileSummary(file="a", format="csv", records=0, blank_lines=0, bytes_read=0)


def batch(first, end, text="x"):
    """Return rows with their numbers as lines."""
    rows = pa.RecordBatch.from_pydict({"text": [text] * (end - first)})
    return RowBatch(file="a", rows=rows, lines=pa.array(range(first, end), pa.int64()))


def sizes(*items):
    """Return how many rows each batch has that comes out; what is none comes out as it is."""
    return [item.rows.num_rows if isinstance(item, RowBatch) else item for item in together(iter(items))]


def test_a_small_file_is_one_batch():
    """A format told from one row would depend on how the file is cut."""
    first, second = batch(0, 1), batch(1, 3)

    (whole, summary) = together(iter([first, second, SUMMARY]))

    assert list(range(3)) == whole.lines.to_pylist()
    assert 3 == whole.rows.num_rows
    assert SUMMARY is summary


def test_only_so_many_rows_or_bytes_are_held_back():
    """Memory is bounded by a batch, and later batches stay as they are."""
    assert [1_001, 5, SUMMARY] == sizes(batch(0, 1), batch(1, 1_001), batch(1_001, 1_006), SUMMARY)
    assert [1, 1, SUMMARY] == sizes(batch(0, 1, "x" * (17 << 20)), batch(1, 2), SUMMARY)


def test_rejects_pass_and_a_file_without_rows_has_no_batch():
    """They belong to no batch."""
    assert ["rejects", 2, SUMMARY] == sizes(batch(0, 1), "rejects", batch(1, 2), SUMMARY)
    assert ["rejects", SUMMARY] == sizes("rejects", SUMMARY)
