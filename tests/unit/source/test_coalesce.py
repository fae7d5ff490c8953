"""Row batches become larger ones, and nothing else changes."""

import pyarrow as pa

from etl.model.schemas import RowBatch
from etl.source import coalesce
from etl.source.coalesce import BATCH_ROWS, coalesced


def _batch(first: int, rows: int, text: str = "x") -> RowBatch:
    lines = pa.array(range(first, first + rows), pa.int64())
    return RowBatch(file="in.csv", rows=pa.RecordBatch.from_pydict({"text": [text] * rows}), lines=lines)


def test_neighbours_become_one_and_keep_their_order():
    """A row's place in its file is all that later stages know of it."""
    (joined,) = coalesced([_batch(2, 3), _batch(5, 1), _batch(6, 2)])
    assert [2, 3, 4, 5, 6, 7] == joined.lines.to_pylist()
    assert ["x"] * 6 == joined.rows.column("text").to_pylist()


def test_what_is_no_rows_keeps_its_place_between_them():
    """Rejects are numbered together with the rows around them."""
    items = list(coalesced([_batch(2, 1), "rejects", _batch(4, 1), _batch(5, 1), "summary"]))
    shown = [item.lines.to_pylist() if isinstance(item, RowBatch) else item for item in items]
    assert [[2], "rejects", [4, 5], "summary"] == shown


def test_batch_that_is_large_by_itself_passes_as_it_is():
    """Nothing is copied that is large enough, or cut."""
    large = _batch(2, BATCH_ROWS + 1)
    small, same, rest = coalesced([_batch(1, 1), large, _batch(BATCH_ROWS + 3, 1)])
    assert same is large
    assert (1, 1) == (small.rows.num_rows, rest.rows.num_rows)


def test_no_batch_grows_beyond_the_limits(monkeypatch):
    """Memory is bounded by rows and by bytes, whichever comes first."""
    monkeypatch.setattr(coalesce, "BATCH_ROWS", 4)
    assert [4, 2] == [one.rows.num_rows for one in coalesced([_batch(at, 2) for at in (2, 4, 6)])]
    monkeypatch.setattr(coalesce, "_BATCH_BYTES", 500)
    assert [1, 1] == [one.rows.num_rows for one in coalesced([_batch(at, 1, "x" * 300) for at in (2, 3)])]
