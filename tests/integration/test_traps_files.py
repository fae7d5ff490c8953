"""Traps of files as such: damage, disguise, folders, names."""

import gzip
import io
import os
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.errors import InputError
from support.checked import check, rows, write


def csv_bytes(folder, table):
    """Return rows as the bytes of a CSV file."""
    path = write(folder, table, "plain.tmp")
    data = path.read_bytes()
    path.unlink()
    return data


def damaged_parquet(table):
    """Return a Parquet file in which a page of the third of five row groups is zeros."""
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=len(table) // 5, compression="snappy")
    sink.seek(0)
    column = pq.read_metadata(sink).row_group(2).column(5)
    data = bytearray(sink.getvalue())
    first = column.dictionary_page_offset or column.data_page_offset
    data[first + 8 : first + 72] = bytes(64)
    return bytes(data)


def test_trap_41_damage_and_disguise_are_told_by_the_bytes(tmp_path):
    """Nothing of a file that breaks half-way may be taken; a name proves nothing."""
    table = rows(*({} for _ in range(500)))
    plain = csv_bytes(tmp_path, table)
    packed = bytearray(gzip.compress(plain, mtime=0))
    packed[-8] ^= 0xFF
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(table), sink)
    foreign = pa.table(
        {**{name: [row] for name, row in table[0].items()}, "text": pa.array([b"r\xf8d"]).view("string")}
    )
    pq.write_table(foreign, latin := io.BytesIO())
    with zipfile.ZipFile(archive := io.BytesIO(), "w") as pack:
        pack.writestr("../escape.csv", plain)
    refused = {
        "crc.csv.gz": (bytes(packed), "the gzip file is damaged at byte"),
        "cut.csv.gz": (gzip.compress(plain, mtime=0)[:-20], "the gzip file"),
        "third.parquet": (damaged_parquet(pa.Table.from_pylist(table)), "200 rows were readable"),
        "latin.parquet": (latin.getvalue(), "column 'text' holds bytes that are no UTF-8"),
        "cut.parquet": (sink.getvalue()[:-9], "Parquet file is damaged"),
        "export.csv": (archive.getvalue(), "is a zip archive or an Excel workbook"),
        "empty.csv": (b"\xef\xbb\xbf", "is empty"),
    }
    for name, (data, reason) in refused.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=reason):
            check(tmp_path, name)
    (tmp_path / "parquet.csv").write_bytes(sink.getvalue())
    (tmp_path / "plain.csv.gz").write_bytes(plain)

    assert 500 == len(check(tmp_path, "parquet.csv").messages)
    told = check(tmp_path, "crc.csv.gz", "plain.csv.gz", input={"on_file_error": "skip"})
    assert (500, 1) == (len(told.messages), len(told.summary.skipped_files))


def test_trap_42_all_members_are_read_and_a_bomb_meets_the_record_limit(tmp_path):
    """Log rotation joins files; a bomb unpacks to one endless cell."""
    first, second = rows(*({} for _ in range(20))), rows(*({"user": "u2", "id": f"b{n}"} for n in range(20)))
    tail = csv_bytes(tmp_path, second).split(b"\n", 1)[1]
    members = gzip.compress(csv_bytes(tmp_path, first), mtime=0) + gzip.compress(tail, mtime=0)
    (tmp_path / "two.csv.gz").write_bytes(members + bytes(512))
    bomb = csv_bytes(tmp_path, rows({})) + b'x,t1,u1,customer,2024-03-01T10:00:09Z,"' + b"0" * (40 << 20)
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(bomb, compresslevel=1, mtime=0))

    assert 40 == len(check(tmp_path, "two.csv.gz").messages)
    told = check(tmp_path, "bomb.csv.gz", input={"max_record_bytes": 1 << 20})
    assert (["text 0"], {"record_too_large": 1}) == (told.texts, told.codes)


def test_trap_43_a_folder_gives_its_data_once_and_names_the_rest(tmp_path):
    """Programs leave files of their own beside the data, and links lead in circles."""
    (tmp_path / "day=1" / "role=customer").mkdir(parents=True)
    table = [{name: cell for name, cell in row.items() if name != "role"} for row in rows({}, {})]
    write(tmp_path / "day=1" / "role=customer", table, "part-0.csv")
    for name in ("._part-0.csv", "_SUCCESS", ".part-0.csv.crc", "book.xlsx", "_delta.csv"):
        (tmp_path / name).write_bytes(b"\0\1")
    (tmp_path / "zz.csv").symlink_to(tmp_path / "day=1" / "role=customer" / "part-0.csv")
    (tmp_path / "day=1" / "loop").symlink_to(tmp_path)

    result = check(tmp_path)

    assert (["text 0", "text 1"], 1) == (result.texts, len(result.summary.files))
    assert (
        "passed over, as by its name no data: ./._part-0.csv, ./.part-0.csv.crc, ./_SUCCESS, ./_delta.csv, "
        "./book.xlsx; to read a file, name it in `[input] files`"
    ) in result.notes


@pytest.mark.parametrize("name", ["-rf.csv", "$(reboot).csv", "a'b\"c.csv", "new\nline.csv", "å\u202e🙂.csv"])
def test_trap_44_names_of_files_are_only_names(tmp_path, name):
    """They are shown, and nothing else is done with them."""
    write(tmp_path, rows({}, {"role": "nobody"}), name)

    named = check(tmp_path, name)
    found = check(tmp_path)

    assert (["text 0"], ["text 0"]) == (named.texts, found.texts)
    for shown in (named.printed, named.rejects_csv.read_text(encoding="utf-8")):
        assert "\nline.csv" not in shown
        assert "\u202e" not in shown


def test_trap_44_a_name_that_is_no_text_is_read_and_shown_escaped(tmp_path):
    """File systems keep bytes, whatever they mean."""
    path = os.fsencode(tmp_path) + b"/caf\xe9.csv"
    with open(path, "wb") as file:  # noqa: PTH123  a path of bytes
        file.write(csv_bytes(tmp_path, rows({})))

    result = check(tmp_path)

    assert ["text 0"] == result.texts
    assert result.summary.files[0].file.isprintable()
