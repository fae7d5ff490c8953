from datetime import datetime
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest

from etl.errors import InputError
from etl.source import workbook
from etl.source.workbook import is_workbook, read_workbook


def write(path, *rows):
    """Write a workbook with one sheet."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    book.close()
    return path


def test_cells_become_exact_strings(tmp_path):
    """Ids that Excel keeps as numbers, times that it keeps as such, and cells that are not there."""
    path = write(
        tmp_path / "r.xlsx",
        ("user", None, "at", "text"),
        (123456789012345, "x", datetime(2024, 5, 1, 10, 0, 7), "=1+1"),  # noqa: DTZ001  Excel knows no zone
        (None, None, None, None),
        (1.5, None, "2024-05-01", None),
    )

    rows = [row for batch in read_workbook(path, ("text", "user", "at")) for row in batch.to_pylist()]

    assert is_workbook(path)
    assert [
        {"text": None, "user": "123456789012345", "at": "2024-05-01T10:00:07"},
        {"text": None, "user": "1.5", "at": "2024-05-01"},
    ] == rows


def test_missing_column_is_told_with_those_that_there_are(tmp_path):
    """The same words as for a CSV file."""
    path = write(tmp_path / "r.xlsx", ("user", "body"), ("a", "secret"))
    with pytest.raises(InputError, match="no column 'text'; found 'user', 'body'") as raised:
        list(read_workbook(path, ("user", "text")))
    assert "secret" not in raised.value.message


def test_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    """A small file may unpack to more than memory."""
    monkeypatch.setattr(workbook, "MOST_UNPACKED_BYTES", 1 << 20)
    path = tmp_path / "bomb.xlsx"
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b"\0" * (1 << 21))
    with pytest.raises(InputError, match="unpacks to 2 MiB"):
        list(read_workbook(path, ("text",)))


@pytest.mark.parametrize("data", [b"PK\x03\x04 no zip", b"PK\x03\x04"])
def test_damaged_workbook_is_an_error_of_the_input(tmp_path, data):
    """Not a traceback."""
    path = tmp_path / "r.xlsx"
    path.write_bytes(data)
    assert is_workbook(path)
    with pytest.raises(InputError, match="can't be read"):
        list(read_workbook(path, ("text",)))


def test_zip_that_is_no_workbook_is_an_error_of_the_input(tmp_path):
    """Reports come zipped, too."""
    path = tmp_path / "r.zip"
    with ZipFile(path, "w") as archive:
        archive.writestr("report.csv", "user,text")
    with pytest.raises(InputError, match="can't be read"):
        list(read_workbook(path, ("text",)))


def test_other_files_are_no_workbooks(tmp_path):
    """Nor are files that are not there."""
    (tmp_path / "a.csv").write_text("PK,a\n")
    assert not is_workbook(tmp_path / "a.csv")
    assert not is_workbook(tmp_path / "none")
