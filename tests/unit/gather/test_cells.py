"""Times and other typed cells survive being stored as text."""

from decimal import Decimal
from itertools import count

import pyarrow as pa
import pytest

from etl.errors import InputError
from etl.gather.database import Database

PLAIN = {"user": "author", "author": None}
TICKS = [1_700_000_000, -1, 0, None]
FAR = 316_516_204_800_000_000
"""The year 12000 in microseconds."""


@pytest.fixture
def typed(job):
    """Return a job with two times, one of them from a join."""
    join = {"files": ("t",), "on": "ticket", "key": "id", "columns": {"opened": "at"}}
    return job(columns={**PLAIN, "conversation_start": "opened"}, join=(join,))


@pytest.fixture
def file(batch):
    """Return a maker of files whose times have a type."""
    line = count(2)

    def make(name, created):
        cells = {"body": "x", "ticket": "t1", "author": "c", "role": "end-user"}
        lines = [next(line) for _ in created]
        return batch(name, *([cells] * len(created)), lines=lines, created=created)

    return make


@pytest.mark.parametrize(
    "times",
    [
        pa.array(TICKS, pa.timestamp("s")),
        pa.array(TICKS, pa.timestamp("ns", "UTC")),
        pa.array([*TICKS, FAR], pa.timestamp("us", "Europe/Copenhagen")),
        pa.array(TICKS, pa.int64()),
        pa.array([0.1, 1e300, 5e-324, None]),
        pa.array([Decimal("0.000000001"), Decimal("-1.5"), None], pa.decimal128(38, 9)),
        pa.array(["2024-01-01T00:00:00Z", "", None]),
    ],
    ids=lambda times: str(times.type),
)
def test_times_of_one_type_keep_it_exactly(gather, typed, file, times):
    """Normalizing takes typed times at their word, whatever the job says of texts."""
    gather(typed, file("a.parquet", times))
    assert times.equals(gather.column("created"))


def test_each_file_keeps_its_own_type(gather, typed, file):
    """One Parquet file beside one CSV is no reason to change either."""
    micros, text = pa.array([1], pa.timestamp("us")), pa.array(["1"])
    gather(typed, file("a.parquet", micros), file("b.csv", text))
    assert [micros.type, text.type] == [item.rows.column("created").type for item in gather.batches]


def test_times_of_several_types_in_one_file_become_iso_text(gather, typed, file):
    """With Z where they had a zone, without where they had none, and not one digit lost."""
    gather(
        typed,
        file("a", pa.array([1], pa.timestamp("ns", "Europe/Copenhagen"))),
        file("a", pa.array([None, 1], pa.timestamp("s"))),
        file("a", pa.array(["2024-01-01T00:00:00+02:00", ""])),
        file("a", pa.nulls(1)),
    )
    expected = [
        "1970-01-01 00:00:00.000000001Z", None, "1970-01-01 00:00:01", "2024-01-01T00:00:00+02:00", "", None,
    ]  # fmt: skip
    assert expected == gather.column("created").to_pylist()


def test_joined_times_keep_the_type_that_all_files_of_the_join_share(gather, batch, typed, file):
    """A conversation's start comes from the tickets' table."""
    starts = pa.array([FAR], pa.timestamp("us", "UTC"))
    gather(typed, file("a", pa.array(["1"])), joined=[[batch("t", {"id": "t1"}, at=starts)]])
    assert starts.equals(gather.column("opened"))


def test_joined_times_of_several_types_become_iso_text(gather, batch, typed, file):
    """One column can't have two types."""
    seconds = pa.array([1], pa.timestamp("s", "UTC"))
    other = batch("t.csv", {"id": "t2", "at": "2024-01-01 00:00:00"})
    gather(typed, file("a", pa.array(["1"])), joined=[[batch("t", {"id": "t1"}, at=seconds), other]])
    assert ["1970-01-01 00:00:01Z"] == gather.column("opened").to_pylist()


def test_a_joined_column_without_values_has_no_type(gather, batch, typed, file):
    """All cells of it are null, whichever type the other files of the join have."""
    seconds = pa.array([1], pa.timestamp("s"))
    tickets = [batch("t", {"id": "t2"}, at=pa.nulls(1)), batch("u", {"id": "t1"}, at=seconds)]
    gather(typed, file("a", pa.array(["1"])), joined=[tickets])
    assert seconds.equals(gather.column("opened"))


def test_dictionaries_and_large_strings_are_plain_strings(gather, typed, file):
    """How a file stores its texts is nobody's concern."""
    gather(
        typed,
        file("a", pa.array(["1", None]).dictionary_encode()),
        file("a", pa.array(["2"], pa.large_string())),
        file("a", pa.array(["3"], pa.string_view())),
    )
    assert pa.array(["1", None, "2", "3"]).equals(gather.column("created"))


@pytest.mark.parametrize("name", ["created", "opened"])
def test_times_that_can_not_be_told_as_text_are_an_error(gather, batch, typed, file, name):
    """It names file and column and quotes no cell."""
    nested = pa.array([["secret"]])
    created, at = (nested, pa.array(["1"])) if name == "created" else (pa.array(["1"]), nested)
    with pytest.raises(InputError, match="has cells of type list") as caught:
        gather(typed, file("a", created), joined=[[batch("t", {"id": "t1"}, at=at)]])
    assert "secret" not in str(caught.value)


def test_a_key_that_is_no_text_is_an_error(gather, batch, typed):
    """Lists have no one text to be looked up by."""
    with pytest.raises(InputError, match="t: column 'id' has cells of type list"):
        gather(typed, joined=[[batch("t", {"at": "1"}, id=pa.array([["x"]]))]])


def test_faults_of_the_database_speak_of_no_cell(tmp_path):
    """Its own words might quote a text."""
    database = Database(tmp_path, memory_limit_mb=128)
    with pytest.raises(InputError, match=r"^gathering rows failed: ConversionException$"):
        database.row("SELECT 'secret'::INTEGER")
    database.close()


def test_too_little_memory_is_told_with_what_to_do(tmp_path):
    """The one fault that a person can do something about."""
    database = Database(tmp_path, memory_limit_mb=1)
    with pytest.raises(InputError, match="gathering rows failed: Out of Memory") as caught:
        database.row("SELECT count(*) FROM (SELECT DISTINCT random() FROM range(5000000))")
    assert "memory_limit_mb" in caught.value.hint
    database.close()
