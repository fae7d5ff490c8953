"""Object stores, against moto's S3 server on loopback."""

import gzip
import io
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from etl.clock import SYSTEM
from etl.config.reading import Input
from etl.errors import InputError
from etl.model.schemas import FileSummary, RowBatch
from etl.source.discover import discover
from etl.source.reader import read

COLUMNS = ("user", "text")


@pytest.fixture
def place(bucket):
    """Return a new bucket: its name, a function that puts an object, and the query that leads there."""
    return bucket.name, bucket.put, f"?endpoint_override={bucket.store.url}"


def _uri(name, path, query):
    return f"s3://key:se%2Fcret@{name}/{path}{query}"


def _rows(file):
    items = list(read(file, COLUMNS, Input()))
    assert isinstance(items[-1], FileSummary)
    return [
        tuple(row.values()) for item in items if isinstance(item, RowBatch) for row in item.rows.to_pylist()
    ]


def _parquet(table):
    sink = io.BytesIO()
    parquet.write_table(pa.table(table), sink)
    return sink.getvalue()


def test_folder_is_searched_like_a_local_one(place):
    """Spark's markers and hidden files are no data; options and credentials are no part of a name."""
    name, put, query = place
    for key in (
        "in/b.csv",
        "in/_SUCCESS",
        "in/.c.csv",
        "in/x.md",
        "in/_tmp/y.csv",
        "in/d/a.csv",
        "out/z.csv",
    ):
        put(key, b"user,text\na,b\n")
    files = discover([_uri(name, "in", query)], base=Path())
    assert [f"s3://{name}/in/b.csv", f"s3://{name}/in/d/a.csv"] == [file.label for file in files]
    assert 3 == len(discover([_uri(name, "", query)], base=Path()))
    assert "cret" not in repr(files)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("in/2024-*.csv", [1, 2]), ("in/**/*.csv", [1, 2, 3]), ("in/dt=*", [3]), ("in/2024-0[2-9].csv", [2])],
)
def test_glob_patterns_match_as_they_do_locally(place, pattern, expected):
    """The same words in the job must mean the same files."""
    name, put, query = place
    for number, key in enumerate(("in/2024-01.csv", "in/2024-02.csv", "in/dt=1/x.csv", "in/.h.csv"), 1):
        put(key, b"user,text\n%d,b\n" % number)
    files = discover([_uri(name, pattern, query)], base=Path())
    assert [(str(number), "b") for number in expected] == [row for file in files for row in _rows(file)]


def test_every_format_is_read_as_from_a_disk(place):
    """Packed CSV is streamed, Parquet is read from its end; the digest is that of the bytes."""
    name, put, query = place
    data = {
        "a.csv.gz": gzip.compress(b"user,text\n" + b"u,t\n" * 50_000),
        "b.parquet": _parquet({"user": ["u"] * 50_000, "text": ["t"] * 50_000, "x": range(50_000)}),
        "role=x/c.jsonl": b'{"user":"u","text":"t"}\n' * 50_000,
    }
    for key, value in data.items():
        put(f"in/{key}", value)
    files = discover([_uri(name, "in", query)], base=Path())
    assert [("u", "t")] * 150_000 == [row for file in files for row in _rows(file)]
    assert [len(value) for value in data.values()] == [file.size for file in files]
    assert (("role", "x"),) == files[2].partitions


def test_digest_is_that_of_a_local_copy(place, tmp_path):
    """A plan made of a download is found again."""
    name, put, query = place
    put("a.csv", b"user,text\na,b\n")
    (tmp_path / "a.csv").write_bytes(b"user,text\na,b\n")
    (remote,) = discover([_uri(name, "a.csv", query)], base=Path())
    (here,) = discover(["a.csv"], base=tmp_path)
    assert here.digest == remote.digest


def test_nothing_there_is_an_error_that_says_what(place):
    """A bucket, a file and a pattern can be missing."""
    name, put, query = place
    put("in/a.csv", b"user,text\n")
    patterns = [
        _uri("no-such-bucket", "in", query), _uri(name, "none", query), _uri(name, "in/b*.csv", query),
    ]  # fmt: skip
    with pytest.raises(InputError) as caught:
        discover(patterns, base=Path())
    first, second, third = caught.value.message.splitlines()
    assert "s3://no-such-bucket/in: there is no bucket 'no-such-bucket'" in first
    assert f"s3://{name}/none: there is no such file" in second
    assert f"s3://{name}/in/b*.csv: no file matches" == third


def test_object_that_changed_since_it_was_listed_is_refused(place):
    """Its digest would be that of other rows."""
    name, put, query = place
    put("a.csv", b"user,text\n")
    (file,) = discover([_uri(name, "a.csv", query)], base=Path())
    put("a.csv", b"user,text\na,b\n")
    with pytest.raises(InputError, match="14 bytes now and had 10"):
        _rows(file)


def test_damaged_object_is_an_error_with_its_name(place):
    """As on a disk."""
    name, put, query = place
    put("a.parquet", _parquet({"user": ["u"], "text": ["t"]})[:-9])
    (file,) = discover([_uri(name, "a.parquet", query)], base=Path())
    with pytest.raises(InputError, match=f"s3://{name}/a.parquet: the Parquet file is damaged"):
        _rows(file)


def test_wrong_credentials_are_an_error_within_seconds(place, served):
    """Retrying for minutes would look like a slow network; the secret must not be printed."""
    name, put, query = place
    put("in/a.csv", b"user,text\n")
    served.demand_credentials(b"0")
    start = SYSTEM.monotonic()
    try:
        with pytest.raises(InputError) as caught:
            discover([_uri(name, "in", query), _uri(name, "in/a.csv", query)], base=Path())
    finally:
        served.demand_credentials(b"inf")
    assert SYSTEM.monotonic() - start < 10
    message = caught.value.message
    assert f"s3://{name}/in: can't be read (access denied" in message
    assert "cret" not in message


def test_store_that_is_not_there_is_an_error_within_seconds():
    """A typing error in the address is found by trying."""
    start = SYSTEM.monotonic()
    with pytest.raises(InputError, match=r"s3://bucket/in: can't be read \(the store can't be reached"):
        discover(["s3://key:se%2Fcret@bucket/in?endpoint_override=http://127.0.0.1:9"], base=Path())
    assert SYSTEM.monotonic() - start < 15
