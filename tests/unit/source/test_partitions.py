import io

import pyarrow as pa
import pytest
from pyarrow import parquet

from etl.config.reading import Input
from etl.errors import InputError
from etl.model.schemas import RowBatch
from etl.source.discover import discover
from etl.source.reader import read

COLUMNS = ("role", "user", "dt")
FOLDER = "dt=2024-01-01 10%3A00/role=agent"


def _parquet():
    sink = io.BytesIO()
    parquet.write_table(pa.table({"user": ["a", "b"]}), sink)
    return sink.getvalue()


@pytest.fixture
def read_below(tmp_path):
    """Write a file into a folder and read it from there."""

    def run(data, folder=FOLDER, columns=COLUMNS):
        path = tmp_path / folder / "part-0"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        (file,) = discover([f"{folder}/part-0"], base=tmp_path)
        items = list(read(file, columns, Input(), times=frozenset({"dt"})))
        return [tuple(row.values()) for i in items if isinstance(i, RowBatch) for row in i.rows.to_pylist()]

    return run


@pytest.mark.parametrize(
    "data", [b"user,x\na,1\nb,2\n", b"user\na\nb\n", b'{"user":"a"}\n{"user":"b"}\n', _parquet()]
)
def test_key_in_the_path_is_a_constant_column(read_below, data):
    """Spark takes the column out of the file and writes it into the folder's name, encoded."""
    expected = [("agent", "a", "2024-01-01 10:00"), ("agent", "b", "2024-01-01 10:00")]
    assert expected == read_below(data)


def test_hive_default_partition_is_null(read_below):
    """It is how a missing value is written."""
    folder = "dt=__HIVE_DEFAULT_PARTITION__/role=x"
    assert [("x", "a", None)] == read_below(b"user,y\na,1\n", folder)


def test_column_of_the_file_comes_first(read_below):
    """A path can say something else by chance."""
    assert [("customer", "a", "1")] == read_below(b"user,role\na,customer\n", "dt=1/role=agent")


def test_innermost_key_counts(read_below):
    """Folders above may stem from another tool."""
    assert [("2", "a")] == read_below(b"user,x\na,1\n", "dt=1/dt=2", ("dt", "user"))


def test_column_that_comes_late_in_lines_is_an_error(read_below):
    """Some rows would say one thing and some the other."""
    lines = b'{"user":"%s"}\n' % (b"a" * 1_000) * 2_000 + b'{"user":"a","role":"x"}\n'
    with pytest.raises(InputError, match="'role' stands in the path and, only later, in the file"):
        read_below(lines)


def test_missing_column_is_still_an_error(read_below):
    """The path has only what it has."""
    with pytest.raises(InputError, match="no column 'text'"):
        read_below(b"user,x\na,1\n", columns=("user", "text"))
