"""Tables as files: safe for spreadsheets, exact for machines, whole or not there."""

import csv
import io
import json
import os
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.errors import LedgerError, UsageError
from etl.report.export import TableFormat, write_file, write_table

SCHEMA = pa.schema(
    [
        pa.field("text", pa.string()),
        pa.field("number", pa.int64()),
        pa.field("at", pa.timestamp("us", tz="UTC")),
        pa.field("yes", pa.bool_()),
    ],
)
EMPTY = {"text": None, "number": None, "at": None, "yes": None}


def names(folder):
    """Return what is in a folder."""
    return [path.name for path in folder.iterdir()]


def table(*rows) -> pa.RecordBatch:
    """Return rows as a batch; what is not said is null."""
    return pa.RecordBatch.from_pylist([{**EMPTY, **row} for row in rows], schema=SCHEMA)


def written(table_format, *batches):
    """Return the bytes of a table."""
    sink = io.BytesIO()
    rows = write_table(batches, SCHEMA, sink, table_format=table_format)
    assert sum(batch.num_rows for batch in batches) == rows
    return sink.getvalue()


def lines(*rows):
    """Return rows as parsed JSON lines."""
    return [json.loads(line) for line in written(TableFormat.JSONL, table(*rows)).splitlines()]


FULL_WIDTH = ["\uff1d", "\uff0b", "\uff0d", "\uff20"]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", *FULL_WIDTH])
def test_csv_disarms_what_a_spreadsheet_takes_for_a_formula(first):
    """A user id such as =HYPERLINK(…) must not run on the desk of who opens the ledger."""
    data = written(TableFormat.CSV, table({"text": f"{first}1+1"}))
    cells = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert f"'{first}1+1" == cells[1][0]


@pytest.mark.parametrize("text", ["a=1", "1-2", "", "'quoted", 'say "hi", ok', "two\nlines", "ünï", "a\t="])
def test_csv_keeps_every_other_text_as_it_is(text):
    """Only the first character can make a formula."""
    data = written(TableFormat.CSV, table({"text": text}))
    assert text == list(csv.reader(io.StringIO(data.decode(), newline="")))[1][0]


def test_csv_quotes_values_and_leaves_nulls_bare():
    """So that an empty text is not a missing one."""
    data = written(
        TableFormat.CSV, table({"text": "", "number": -5, "yes": True, "at": 1_714_557_600_000_001}, {})
    )
    assert b'"text","number","at","yes"\n"","-5","2024-05-01T10:00:00.000001Z","true"\n,,,\n' == data


def test_csv_writes_instants_in_utc_whatever_the_zone_of_the_column():
    """A Z after local time would be a lie."""
    at = pa.array([1_714_557_600_000_000], pa.timestamp("us", tz="Europe/Berlin"))
    batch = pa.record_batch([at], names=["at"])
    sink = io.BytesIO()
    write_table([batch], batch.schema, sink, table_format=TableFormat.CSV)
    assert b'"at"\n"2024-05-01T10:00:00.000000Z"\n' == sink.getvalue()


def test_jsonl_keeps_integers_nulls_and_instants_exact():
    """Pandas would make floats of integers beside a null."""
    big = 2**60 + 1
    assert [
        {"text": "a/ü\n\u2028", "number": big, "at": "2024-05-01T10:00:00.000001Z", "yes": False},
        EMPTY,
    ] == lines({"text": "a/ü\n\u2028", "number": big, "at": 1_714_557_600_000_001, "yes": False}, {})


def test_jsonl_of_empty_batches_has_no_blank_lines():
    """A blank line is no JSON."""
    data = written(TableFormat.JSONL, table(), table({"text": "a"}), table(), table({"text": "b"}))
    assert ["a", "b"] == [json.loads(line)["text"] for line in data.decode().split("\n")[:-1]]
    assert b"" == written(TableFormat.JSONL, table())


def test_parquet_that_was_cut_is_no_parquet():
    """On a pipe nothing takes it back, and half a table would read as a whole one."""

    def cut():
        yield pa.RecordBatch.from_pylist([EMPTY | {"text": "one"}], schema=SCHEMA)
        raise LedgerError("the database went away")

    sink = io.BytesIO()
    with pytest.raises(LedgerError):
        write_table(cut(), SCHEMA, sink, table_format=TableFormat.PARQUET)
    with pytest.raises(pa.ArrowInvalid):
        pq.read_table(io.BytesIO(sink.getvalue()))


def test_parquet_reads_back_equal():
    """It is the form for other programs."""
    batch = table({"text": "=1", "number": 2**60 + 1, "at": 1, "yes": True}, {})
    found = pq.read_table(io.BytesIO(written(TableFormat.PARQUET, batch, batch)))
    assert pa.Table.from_batches([batch, batch], SCHEMA) == found


@pytest.mark.parametrize("table_format", [TableFormat.CSV, TableFormat.PARQUET])
def test_an_empty_table_still_names_its_columns(table_format):
    """Scripts that read it find what they look for."""
    data = written(table_format)
    names = pq.read_table(io.BytesIO(data)).column_names if table_format is TableFormat.PARQUET else data
    assert (SCHEMA.names if table_format is TableFormat.PARQUET else b'"text","number","at","yes"\n') == names


@pytest.mark.parametrize("table_format", TableFormat)
def test_the_sink_stays_open(table_format):
    """It may be stdout, and the command has more to say."""
    sink = io.BytesIO()
    write_table([table({})], SCHEMA, sink, table_format=table_format)
    assert not sink.closed


@pytest.mark.parametrize("table_format", TableFormat)
@pytest.mark.parametrize("count", [1, 3_000])
def test_a_full_device_is_a_usage_error(table_format, count):
    """Even when all of it still fits in a buffer: a loss must not wait for the exit of the process."""
    raw = os.open("/dev/full", os.O_WRONLY)
    sink = io.BufferedWriter(io.FileIO(raw, "wb"))
    with pytest.raises(UsageError, match="the table can't be written: No space left on device"):
        write_table([table({"text": "a"})] * count, SCHEMA, sink, table_format=table_format)
    with pytest.raises(OSError, match="No space"):
        sink.close()


@pytest.mark.parametrize("table_format", TableFormat)
def test_writing_to_a_full_device_by_name_is_a_usage_error_and_keeps_the_device(table_format):
    """Neither a traceback, nor a file in the device's place."""
    full = Path("/dev/full")
    with pytest.raises(UsageError, match="can't be written: No space left on device"):
        write_file([table({"text": "a"})], SCHEMA, full, table_format=table_format)
    assert full.is_char_device()


def test_nobody_reading_is_told_apart_from_a_full_disk():
    """`| head` is no error of the command line."""
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError), io.FileIO(writing, "wb") as sink:
        write_table([table({"text": "a"})], SCHEMA, sink, table_format=TableFormat.JSONL)


def test_a_file_is_private_and_alone(tmp_path):
    """It holds user ids; nothing half-written stays beside it."""
    path = tmp_path / "out.csv"
    before = os.umask(0)
    try:
        assert 2 == write_file([table({}, {})], SCHEMA, path, table_format=TableFormat.CSV)
    finally:
        os.umask(before)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert ["out.csv"] == names(tmp_path)


@pytest.mark.parametrize("table_format", TableFormat)
def test_a_failure_midway_keeps_what_was_there(tmp_path, table_format):
    """A file appears whole or not at all."""

    def failing():
        yield table({"text": "new"})
        raise LedgerError("gone")

    path = tmp_path / "out"
    path.write_text("old")
    with pytest.raises(LedgerError):
        write_file(failing(), SCHEMA, path, table_format=table_format)
    assert "old" == path.read_text()
    assert ["out"] == names(tmp_path)


def test_a_link_is_followed(tmp_path):
    """The file it leads to is what the person named."""
    (tmp_path / "real.csv").touch()
    (tmp_path / "link.csv").symlink_to("real.csv")
    write_file([table({})], SCHEMA, tmp_path / "link.csv", table_format=TableFormat.CSV)
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes()


@pytest.mark.parametrize("name", ["none/out.csv", "file/out.csv", ""])
def test_a_place_that_cannot_be_written_is_a_usage_error(tmp_path, name):
    """No folder, a file for a folder, a folder for a file."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="can't be written"):
        write_file([table({})], SCHEMA, tmp_path / name, table_format=TableFormat.CSV)
