import bz2
import gzip
import os

import pytest

from etl.errors import InputError
from etl.source.discover import discover


def _labels(patterns, base):
    return [file.label for file in discover(patterns, base=base)]


def test_folder_yields_data_files_sorted_without_hidden_ones(tmp_path):
    """Sync tools and Spark leave marker files that are no data."""
    for name in (
        "b.csv",
        "a.TSV",
        "c.csv.gz",
        "_SUCCESS",
        ".d.csv",
        "._b.csv",
        "e.md",
        "y=1/z.parquet",
        ".h/x.csv",
        "_temporary/x.csv",
        "._f.jsonl",
        ".z.parquet.crc",
        "f.jsonl.zst",
        "g.ndjson",
        "h.json.bz2",
        "z.crc",
    ):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"a,b\n")
    expected = ["a.TSV", "b.csv", "c.csv.gz", "f.jsonl.zst", "g.ndjson", "h.json.bz2", "y=1/z.parquet"]
    assert [f"in/{name}" for name in expected] == _labels(["in"], tmp_path)


def test_glob_takes_every_match_once(tmp_path):
    """Overlapping patterns and links must not read a file twice."""
    for name in ("2024-01.csv", "2024-02.csv"):
        (tmp_path / name).write_bytes(b"a,b\n")
    (tmp_path / "latest.csv").symlink_to("2024-02.csv")
    assert ["2024-01.csv", "2024-02.csv"] == _labels(["2024-*.csv", "latest.csv", "2024-01.csv"], tmp_path)


def test_symlink_loop_ends(tmp_path):
    """A link back to the folder would be walked for ever."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_bytes(b"a,b\n")
    (tmp_path / "in" / "again").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "self.csv").symlink_to(tmp_path / "in" / "self.csv")
    with pytest.raises(InputError, match=r"self\.csv"):
        discover(["in"], base=tmp_path)
    (tmp_path / "in" / "self.csv").unlink()
    assert ["in/a.csv"] == _labels(["in"], tmp_path)


def test_all_problems_come_in_one_message(tmp_path):
    """One run should show everything that must be corrected."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "zero.csv").write_bytes(b"")
    (tmp_path / "bom.csv").write_bytes(b"\xef\xbb\xbf")
    with pytest.raises(InputError) as caught:
        discover(["none.csv", "no*.csv", "empty", "zero.csv", "bom.csv"], base=tmp_path)
    lines = caught.value.message.splitlines()
    assert 5 == len(lines)
    assert "none.csv: there is no such file" in lines
    assert "no*.csv: no file matches" in lines
    assert "zero.csv: is empty" in lines
    assert "bom.csv: is empty" in lines


@pytest.mark.parametrize(
    ("magic", "word"),
    [
        (b"PK\x03\x04", "zip"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", ".xls"),
        (b"PK\x05\x06", "empty zip"),
    ],
)
def test_foreign_format_is_named(tmp_path, magic, word):
    """A renamed workbook would otherwise be thousands of ragged rows."""
    (tmp_path / "export.csv").write_bytes(magic + b"\0" * 100)
    with pytest.raises(InputError, match=word):
        discover(["export.csv"], base=tmp_path)


def test_format_goes_by_the_first_bytes(tmp_path):
    """Names lie."""
    (tmp_path / "a.csv").write_bytes(b"PAR1....")
    (tmp_path / "b.parquet").write_bytes(b"a,b\n")
    (tmp_path / "c.bin").write_bytes(gzip.compress(b"a,b\n"))
    (tmp_path / "d.csv").write_bytes(bz2.compress(b' \n{"a": 1}\n'))
    (tmp_path / "e.csv").write_bytes('{"a": 1}'.encode("utf-16"))
    (tmp_path / "f.csv").write_bytes(b"[id],[text]\n")
    (tmp_path / "g.jsonl").write_bytes(b'[\n {"a": 1}]')
    found = discover([f"{name}.*" for name in "abcdefg"], base=tmp_path)
    expected = ["parquet", "csv", "csv", "jsonl", "jsonl", "csv", "json array"]
    assert expected == [file.format for file in found]
    assert ["none", "none", "gzip", "bzip2"] == [file.compression for file in found[:4]]


def test_digest_and_size_are_of_the_bytes(tmp_path):
    """The plan is found again by content, not by name."""
    (tmp_path / "a.csv").write_bytes(b"a,b\n")
    (tmp_path / "b.csv").write_bytes(b"a,b\n")
    first, second = discover(["a.csv", "b.csv"], base=tmp_path)
    assert 4 == first.size
    assert 64 == len(first.digest)
    assert first.digest == second.digest


@pytest.mark.parametrize("name", ["-rf.csv", "export[1].csv", "$(id) 'x'.csv", "æ\n.csv"])
def test_odd_names_are_taken_literally(tmp_path, name):
    """A file that exists under the very name is no option and no pattern."""
    (tmp_path / name).write_bytes(b"a,b\n")
    assert [name.replace("\n", "\\n")] == _labels([name], tmp_path)


def test_other_files_of_a_folder_are_told(tmp_path):
    """A workbook among the exports must not be missed in silence; hidden folders are one name."""
    for name in ("a.csv", "book.xlsx", ".hidden/b.csv", "_SUCCESS"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"a,b\n")
    told: list[str] = []

    found = discover(["."], base=tmp_path, pass_over=told.append)

    assert ["./a.csv"] == [file.label for file in found]
    assert ["./.hidden", "./_SUCCESS", "./book.xlsx"] == told


def test_special_file_is_refused(tmp_path):
    """Reading a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="not a regular file"):
        discover(["pipe.csv"], base=tmp_path)


def test_broken_link_is_a_problem(tmp_path):
    """It was meant to be read, so it must not be left out silently."""
    (tmp_path / "a.csv").symlink_to("gone.csv")
    with pytest.raises(InputError, match=r"a\.csv"):
        discover(["a.csv"], base=tmp_path)


def test_file_uri_is_a_path_of_this_machine(tmp_path):
    """Tools hand such addresses over; blanks are encoded in them."""
    (tmp_path / "my export.csv").write_bytes(b"a,b\n")
    (file,) = discover([(tmp_path / "my export.csv").as_uri()], base=tmp_path)
    assert str(tmp_path / "my export.csv") == file.label
    assert not file.place.remote


@pytest.mark.parametrize("uri", ["ftp://host/a.csv", "https://host/a.csv", "s3://bucket/a.csv?regoin=eu"])
def test_unknown_place_is_a_problem_with_what_is_known(tmp_path, uri):
    """A typing error must not look like an empty folder; and no request is made for it."""
    with pytest.raises(InputError, match=r"s3://|known are"):
        discover([uri], base=tmp_path)


def test_partitions_shape_the_digest(tmp_path):
    """The same bytes under another key are other rows, so a plan made of them must not be used again."""
    for day in ("1", "2"):
        (tmp_path / f"dt={day}").mkdir()
        (tmp_path / f"dt={day}" / "a.csv").write_bytes(b"a,b\n")
    first, second = discover(["dt=1", "dt=2"], base=tmp_path)
    assert (("dt", "1"),) == first.partitions[-1:]
    assert first.digest != second.digest
