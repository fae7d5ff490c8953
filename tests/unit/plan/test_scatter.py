"""Rows cut by shard, and read back shard by shard."""

import io

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from etl.errors import InputError
from etl.plan import scatter as scatter_module
from etl.plan.scatter import Scatter, cut_out, pieces, shard_batches, shard_rows, shards_of, together

SCHEMA = pa.schema([("name", pa.string()), ("number", pa.int64())])


def table(numbers):
    """Return rows of a few names."""
    return pa.table({"name": [f"n{n % 5}" for n in numbers], "number": list(numbers)}, schema=SCHEMA)


@pytest.fixture
def hashing():
    """Return a connection that hashes."""
    with duckdb.connect() as connection:
        yield connection


def test_every_row_is_in_the_one_shard_of_its_value_in_order(tmp_path, hashing):
    """Whatever piece it came in: else equal rows would not meet."""
    paths = []
    for file, ranges in enumerate([[range(7), range(7, 20)], [range(20, 21), range(0)], []]):
        with Scatter(tmp_path / f"{file}.arrow", SCHEMA, shards=3) as scatter:
            for numbers in ranges:
                rows = table(numbers)
                scatter.add(rows, shards_of(hashing, rows.column("name"), 3))
        paths.append(scatter.path)
    found = [shard_rows(paths, SCHEMA, shard=shard, shards=3).read_all() for shard in range(3)]
    assert list(range(21)) == sorted(n for rows in found for n in rows.column("number").to_pylist())
    for rows in found:
        numbers = rows.column("number").to_pylist()
        assert sorted(numbers) == numbers
    names = [set(rows.column("name").to_pylist()) for rows in found]
    assert 5 == sum(map(len, names)) == len(set.union(*names))
    assert 0o600 == paths[0].stat().st_mode & 0o777


def test_only_the_columns_asked_for_are_read(tmp_path):
    """A narrow question does not pay for the texts."""
    with Scatter(tmp_path / "a.arrow", SCHEMA, shards=2) as scatter:
        scatter.add(table(range(4)), np.array([1, 0, 1, 1], dtype=np.int32))
    found = shard_rows([scatter.path], pa.schema([SCHEMA.field("number")]), shard=1, shards=2).read_all()
    assert {"number": [0, 2, 3]} == found.to_pydict()


class Counting(io.BytesIO):
    """A file that counts what is read of it."""

    octets = 0

    def read(self, size=-1, /):
        """Return bytes."""
        data = super().read(size)
        self.octets += len(data)
        return data


def test_rows_of_one_shard_are_cut_out_without_reading_the_others(tmp_path):
    """Each byte that comes from an object store is waited and paid for, once a shard."""
    with Scatter(tmp_path / "a.arrow", SCHEMA, shards=4) as scatter:
        for start in (0, 4_000):
            numbers = range(start, start + 4_000)
            scatter.add(table(numbers), np.array([n % 4 for n in numbers], dtype=np.int32))
    source = Counting(scatter.path.read_bytes())
    cut_out(pa.PythonFile(source, mode="r"), tmp_path / "cut.arrow", shard=2, shards=4)
    found = shard_rows([tmp_path / "cut.arrow"], SCHEMA, shard=0, shards=1).read_all()
    assert list(range(2, 8_000, 4)) == found.column("number").to_pylist()
    assert source.octets < 0.3 * scatter.path.stat().st_size
    assert 0o600 == (tmp_path / "cut.arrow").stat().st_mode & 0o777


def test_a_file_that_was_cut_off_is_an_input_error(tmp_path):
    """A worker died, or a disk lies."""
    with Scatter(tmp_path / "a.arrow", SCHEMA, shards=1) as scatter:
        scatter.add(table(range(4)), np.zeros(4, dtype=np.int32))
    scatter.path.write_bytes(scatter.path.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"a\.arrow: can't be read"):
        list(shard_batches([scatter.path], SCHEMA.names, shard=0, shards=1))


def test_pieces_hold_all_batches_of_a_query_and_no_empty_one(hashing):
    """Cutting many small batches by shard would make many smaller ones."""
    found = list(pieces(hashing.sql("SELECT * FROM range(200000) r(n)").to_arrow_reader(1_000)))
    assert 200_000 == sum(piece.num_rows for piece in found)
    assert [66_000, 66_000, 66_000, 2_000] == [piece.num_rows for piece in found]
    assert [] == list(pieces(hashing.sql("SELECT 1 WHERE false").to_arrow_reader()))


def test_slivers_are_put_together_and_no_row_moves(monkeypatch):
    """A shard has a few rows of each piece of each file: so many batches cost more than their rows."""
    batches = [batch for n in range(100) for batch in table(range(n * 10, n * 10 + 10)).to_batches()]
    assert [1_000] == [batch.num_rows for batch in together(iter(batches))]
    monkeypatch.setattr(scatter_module, "_ROWS_PER_PIECE", 35)
    found = list(together(iter(batches)))
    assert {40} == {batch.num_rows for batch in found}
    assert list(range(1_000)) == [n for batch in found for n in batch.column("number").to_pylist()]
    assert [] == list(together(iter([])))
