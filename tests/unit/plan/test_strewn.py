"""Rows picked out of many batches where these lie."""

import numpy as np
import pyarrow as pa
import pytest

from etl.plan.strewn import Strewn

SCHEMA = pa.schema([("name", pa.string()), ("key", pa.binary()), ("number", pa.int64())])


def batch_of(names, *, first=0):
    """Return rows of these names, with a key and a number each; every third number is null."""
    rows = [
        {"name": name, "key": str(first + at).encode() * at, "number": None if at % 3 == 2 else first + at}
        for at, name in enumerate(names)
    ]
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


@pytest.fixture(params=["as made", "upside down"])
def batches(request):
    """Return batches with nulls, empty values and no rows at all; in memory they lie anyhow."""
    made = [
        batch_of(["a", "", "größer", None], first=10),
        batch_of([]),
        batch_of(["", ""], first=20),
        batch_of([None, None], first=30),
        batch_of(["x" * 70, "cut away", "y", None, "z"], first=40).slice(2, 2),
    ]
    return made if request.param == "as made" else made[::-1]


@pytest.mark.parametrize("seed", range(5))
def test_rows_are_those_of_the_joined_batches(batches, seed):
    """Whatever is null, empty or a slice: a text must never become another row's."""
    joined = pa.Table.from_batches(batches)
    rows = np.random.default_rng(seed).integers(0, joined.num_rows, 40)
    taken = Strewn(batches, SCHEMA).take(rows)
    taken.validate(full=True)
    assert joined.take(rows).to_pylist() == taken.to_pylist()
    assert SCHEMA == taken.schema


@pytest.mark.parametrize("names", [[], ["", ""], [None, None]])
def test_a_column_without_a_single_byte_is_taken_too(names):
    """Such an array has no data to point at."""
    batches = [pa.RecordBatch.from_pydict({"name": pa.array(names, pa.string())})] * 2
    rows = np.arange(2 * len(names))
    taken = Strewn(batches, pa.schema([("name", pa.string())])).take(rows)
    assert names * 2 == taken.column("name").to_pylist()


def test_what_is_taken_outlives_the_batches():
    """A row group is written while the next rows are taken."""
    taken = Strewn([batch_of(["kept", "both"])], SCHEMA).take(np.array([1, 0]))
    assert ["both", "kept"] == taken.column("name").to_pylist()


def test_more_rows_than_there_are_is_an_error():
    """Nothing may be read from beyond the batches."""
    with pytest.raises(pa.ArrowIndexError):
        Strewn([batch_of(["a"])], SCHEMA).take(np.array([3]))
