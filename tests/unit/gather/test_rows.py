"""Order, chunks and cells: what went in comes out, row for row."""

import pyarrow as pa
import pytest

from etl.errors import InputError
from etl.gather.rows import StoredFile
from etl.gather.store import Gathering

PLAIN = {"user": "author", "author": None}
MANY = 40_000


@pytest.fixture
def plain(job):
    """Return a job that needs nothing but order: one opening that is never added."""
    opening = {"files": ("o.csv",), "columns": {"body": "text"}}
    return job(columns=PLAIN, opening=(opening,))


def bodies(rows):
    """Return texts in order."""
    return [row["body"] for row in rows]


def test_files_keep_their_order_and_stay_together(gather, batch, plain, row):
    """Even where their batches came in turns; names do not decide."""
    rows = gather(
        plain,
        batch("z.csv", row("1")),
        batch("a.csv", row("3")),
        batch("z.csv", row("2"), lines=[9]),
        openings=[[batch("o.csv", {"text": "4"})]],
    )
    assert ["1", "2", "3", "4"] == bodies(rows)
    assert ["z.csv", "a.csv", "o.csv"] == list(dict.fromkeys(item.file for item in gather.batches))


def test_rows_of_one_line_stay_as_they_came(gather, batch, plain, row):
    """A transcript is one line and many rows, over several batches."""
    rows = gather(
        plain,
        batch("a.csv", row("1"), row("2"), row("3"), lines=[2, 7, 7]),
        batch("a.csv", row("4"), row("5"), lines=[7, 8]),
    )
    assert [("1", 2), ("2", 7), ("3", 7), ("4", 7), ("5", 8)] == [(row["body"], row["line"]) for row in rows]


def test_rows_are_put_in_the_order_of_their_lines(gather, batch, plain, row):
    """A reader may hand out what was hard to read later than its neighbours."""
    rows = gather(
        plain,
        batch("a.csv", row("1"), row("4"), lines=[2, 5]),
        batch("a.csv", row("3"), row("2"), lines=[4, 3]),
        batch("b.csv", row("5")),
    )
    assert ["1", "2", "3", "4", "5"] == bodies(rows)


def test_empty_and_absent_cells_stay_apart(gather, batch, plain, row):
    """Null is a Parquet file's absent value, the empty string a CSV's empty cell."""
    odd = ["", None, " x ", "a\r\nb", "NULL", "ü\0€", "'; --"]
    rows = gather(plain, batch("a.csv", *(row(text) for text in odd)))
    assert odd == bodies(rows)


def test_unknown_columns_are_carried_with_their_type(gather, batch, plain, row):
    """Such as a transcript's positions; files without them get nulls."""
    rows = gather(
        plain,
        batch("a.csv", row("1")),
        batch("b.csv", row("2"), row("3"), **{"(position)": pa.array([7, None], pa.int64())}),
        batch("b.csv", row("4"), lines=[4], **{"(position)": pa.array([8], pa.int64())}),
    )
    assert [None, 7, None, 8] == [row["(position)"] for row in rows]
    assert pa.int64() == gather.batches[-1].rows.column("(position)").type


def test_an_empty_batch_changes_nothing(gather, batch, plain, row):
    """Readers hand them out where all rows of a block were rejected."""
    empty = {name: pa.array([], pa.string()) for name in row("")}
    rows = gather(plain, batch("a.csv", **empty), batch("b.csv", row("1")), batch("b.csv", **empty))
    assert [("b.csv", "1")] == [(row["file"], row["body"]) for row in rows]


def test_columns_are_those_of_the_job_in_its_order(gather, batch, job, row):
    """What only gathering needs stays behind."""
    filtered = job(rows={"drop": {"state": ("draft",)}})
    gather(filtered, batch("a.csv", {**row("1"), "state": "sent"}))
    names = ["(customer)", "role", "ticket", "created", "body", "state"]
    assert names == gather.batches[0].rows.schema.names


def test_large_batches_are_cut_and_small_ones_put_together(gather, batch, plain):
    """A batch has at most 16,384 rows, and a statement per row would be slow."""
    count = 20_000
    numbers = pa.array(range(count), pa.int64()).cast(pa.string())
    cells = dict.fromkeys(("body", "created", "ticket", "author", "role"), numbers)
    single = {name: column[:1] for name, column in cells.items()}
    small = [batch("b.csv", **single, lines=[line]) for line in range(2, 52)]
    gather(plain, batch("a.csv", **cells), *small)
    assert [16_384, 3_616, 50] == [item.rows.num_rows for item in gather.batches]
    assert numbers.equals(gather.column("body")[:count])


def test_a_chunk_ends_where_it_would_become_too_large():
    """Texts of megabytes must not come out by the thousand."""
    file = StoredFile(part=0, label="a", number=0)
    for _ in range(3):
        file.grow(10, 5 << 20)
    assert [10, 10, 10] == file.chunks


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({}, r"a\.csv: column 'author' is not there"),
        ({"author": pa.array([["x"]])}, r"a\.csv: column 'author' has cells of type list<"),
    ],
)
def test_a_column_that_is_absent_or_no_text_is_an_error(gather, batch, plain, cells, message):
    """Both are mistakes of the job, and the message says where."""
    sound = {"role": "agent", "ticket": "t", "created": "1", "body": "x"}
    with pytest.raises(InputError, match=message):
        gather(plain, batch("a.csv", sound, **cells))


def test_more_rows_than_memory_come_out_in_order(tmp_path, batch, job):
    """The least memory that a job may name suffices: what does not fit goes to disk."""
    join = {"files": ("u",), "on": "author", "key": "id", "columns": {"role": "kind"}}
    ids = pa.array(range(MANY), pa.int64()).cast(pa.string())
    text = pa.repeat("long text " * 20, MANY)
    seen = 0
    with Gathering(job(join=(join,)), tmp_path, memory_limit_mb=128) as gathering:
        gathering.add_joined(0, batch("u", id=ids, kind=pa.repeat("end-user", MANY)))
        for number in range(5):
            gathering.add(batch(f"{number}", body=text, created=ids, ticket=ids, author=ids))
        for item in gathering.rows():
            start = seen % MANY
            assert ids[start : start + item.rows.num_rows].equals(item.rows.column("(customer)"))
            seen += item.rows.num_rows
    assert 5 * MANY == seen
    assert [] == [path for path in tmp_path.rglob("*") if path.is_file()]
