"""What the stage must know of a file before it reads it, and the order it finds there."""

import pyarrow as pa
import pytest

from etl.model.schemas import RowBatch
from etl.normalize.batch import Normalizer

NOW_US = 1_790_000_000_000_000


def batch_of(*times):
    """Return rows of a job with the fewest columns."""
    rows = {
        "user": ["u"] * len(times),
        "when": list(times),
        "body": ["hi"] * len(times),
        "gone": ("no",) * len(times),
    }
    lines = pa.array(range(len(times)), pa.int64())
    return RowBatch(file="f", rows=pa.RecordBatch.from_pydict(rows), lines=lines)


@pytest.fixture
def small_job(job):
    """Return a maker of jobs with the fewest columns."""

    def make(**settings):
        absent = dict.fromkeys(("role", "conversation", "id", "sequence", "visibility"))
        return job(columns=absent, roles={"everyone": "customer"}, visibility={}, **settings)

    return make


def test_the_format_of_times_is_found_once_a_file_and_then_enforced(small_job):
    """A second file may be written otherwise; a second format within one is a fault."""
    normalizer = Normalizer(small_job(time={"format": "auto"}), now_us=NOW_US)
    first, second = batch_of(*["2024-05-01T10:00:00Z"] * 20), batch_of(*["1714557600"] * 20)
    one, two = normalizer.for_file(first), normalizer.for_file(second)
    assert one(first).messages["at"][0] == two(second).messages["at"][0]
    assert ["bad_timestamp"] * 20 == one(second).rejects["code"].to_pylist()


def test_a_declared_format_needs_no_look_at_the_file(small_job):
    """What the job says is not put in question by the cells."""
    normalizer = Normalizer(small_job(), now_us=NOW_US)
    assert normalizer is normalizer.for_file(batch_of("1714557600"))


def test_rows_that_are_left_out_do_not_decide_the_format(small_job):
    """Deleted rows often hold fillers instead of times."""
    rows = batch_of(*["2024-05-01T10:00:00Z"] * 20, *["gone"] * 40)
    marked = rows.rows.set_column(3, "gone", pa.array(["no"] * 20 + ["yes"] * 40))
    batch = RowBatch(file="f", rows=marked, lines=rows.lines)
    normalizer = Normalizer(
        small_job(time={"format": "auto"}, rows={"drop": {"gone": ("yes",)}}), now_us=NOW_US
    )
    done = normalizer.for_file(batch)(batch)
    assert (20, {"filtered": 40}) == (done.messages.num_rows, done.skipped)


def test_with_auto_a_batch_is_not_read_before_its_file_was_looked_at(small_job):
    """Otherwise each batch might be read in a format of its own."""
    with pytest.raises(ValueError, match="for_file"):
        Normalizer(small_job(time={"format": "auto"}), now_us=NOW_US)(batch_of("1714557600"))


def test_offsets_are_counted_as_they_were_written(normalize):
    """People see in them which system wrote the times."""
    rows = [
        {"when": "2024-05-01T10:00Z"},
        {"when": "2024-05-01T10:00+02:00"},
        {"when": "2024-05-01T10:00+02:00"},
    ]
    assert {"Z": 1, "+02:00": 2} == normalize(*rows).offsets


def test_the_place_in_a_transcript_is_the_sequence_when_none_is_mapped(normalize):
    """Messages of one transcript often share their second."""
    typed = {"(position)": pa.array([2, 1], pa.int64())}
    done = normalize({}, {}, typed=typed, columns={"sequence": None})
    assert [2, 1] == done.messages["sequence"].to_pylist()
    assert [None, None] == normalize({}, {}, typed=typed).messages["sequence"].to_pylist()
