"""An Excel workbook's first sheet as rows of strings; read cell by cell, in bounded memory.

A workbook is a zip of XML, so its unpacked size is checked before anything of it is unpacked.
"""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

import pyarrow as pa

from etl.errors import InputError, UsageError
from etl.source.header import missing_columns

MAGIC: Final = b"PK\x03\x04"
MOST_UNPACKED_BYTES: Final = 512 << 20
"""Shared strings stay in memory while a sheet is read, several times their size."""

_ROWS: Final = 8_192


def is_workbook(path: Path) -> bool:
    """Return whether a file begins as a workbook does; a file that can't be opened is none."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except OSError:
        return False


def read_workbook(path: Path, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of the first sheet below its header: the named columns as strings, null where empty.

    Whole numbers have no decimal point, dates and times are ISO 8601 without a zone. Rows without any value
    are left out.

    Raises:
        InputError: it is damaged, too large, has no rows, or lacks a column.
        UsageError: openpyxl is not installed.
    """
    try:
        import openpyxl  # noqa: PLC0415  an extra: most reports are CSV
    except ImportError as error:
        raise UsageError(
            f"{path}: reading a workbook needs the xlsx extra",
            hint="pip install 'etl[xlsx]', or save it as CSV",
        ) from error
    _refuse_bomb(path)
    try:
        with path.open("rb") as stream:  # openpyxl leaves a damaged file open
            book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
            yield from _rows(path, book.worksheets[0].iter_rows(values_only=True), columns)
    except InputError:
        raise
    except Exception as error:  # a damaged workbook can raise anything out of zipfile, XML and openpyxl
        raise InputError(
            f"{path}: the workbook can't be read ({type(error).__name__})",
            hint="save the sheet as CSV (UTF-8)",
        ) from error


def _refuse_bomb(path: Path) -> None:
    try:
        with ZipFile(path) as archive:
            size = sum(part.file_size for part in archive.infolist())
    except (OSError, BadZipFile) as error:
        raise InputError(f"{path}: the workbook can't be read ({type(error).__name__})") from error
    if size > MOST_UNPACKED_BYTES:
        raise InputError(
            f"{path}: the workbook unpacks to {size >> 20:,} MiB, more than {MOST_UNPACKED_BYTES >> 20} MiB",
            hint="save the sheet as CSV (UTF-8)",
        )


def _rows(path: Path, rows: Iterator[tuple[Any, ...]], columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    header = [str(cell).strip() if cell is not None else "" for cell in next(rows, ())]
    missing = [name for name in columns if name not in header]
    if missing:
        raise missing_columns(str(path), [name for name in header if name], missing)
    places = [header.index(name) for name in columns]
    while chunk := list(islice(rows, _ROWS)):
        full = [row for row in chunk if any(cell is not None for cell in row)]
        arrays = [
            pa.array([_text(row[place]) if place < len(row) else None for row in full], pa.string())
            for place in places
        ]
        yield pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _text(cell: object) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, (datetime, date)):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
