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
    ):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(b"a,b\n")
    assert ["in/a.TSV", "in/b.csv", "in/c.csv.gz", "in/y=1/z.parquet"] == _labels(["in"], tmp_path)


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
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"BZh9", "bzip2"),
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
    found = discover(["a.csv", "b.parquet", "c.bin"], base=tmp_path)
    assert ["parquet", "csv", "csv"] == [file.format for file in found]


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
    assert [name] == _labels([name], tmp_path)


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
