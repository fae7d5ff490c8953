"""CSV -> row batches: two parsers that take turns over one window of text.

pyarrow reads nearly everything (`fast`). The stdlib csv module (`exact`) reads what pyarrow can't: a
record larger than pyarrow's block, an unclosed quote, a stray line end, and the last record before
each hand-over, which also proves that the line numbers are right. Every record is judged by its raw
bytes on either side, so it never depends on its place in the file which rows are rejects.

A line is what ends in LF, as editors count; when the header ends in a lone CR, what ends in CR.
"""

from collections.abc import Callable, Iterator
from typing import Final, TypeAlias

import pyarrow as pa

from etl.config.reading import Input
from etl.errors import InputError
from etl.model.rejects import RejectCode
from etl.model.schemas import FileSummary, RowBatch
from etl.source.dialect import named, settle
from etl.source.discover import SourceFile
from etl.source.exact import ExactReader, Record, Unfinished, read_header
from etl.source.fast import FastReader, Handover
from etl.source.header import present, single_column
from etl.source.sheet import Reject, Sheet
from etl.source.text import Text
from etl.source.window import Window

_BLOCK_BYTES: Final = 1 << 20
_EXACT_BYTES: Final = 1 << 20
"""Raw bytes per batch of the exact reader."""
_ADVICE: Final = "if lines stand before the header, set `[input] skip_lines`"

Item: TypeAlias = RowBatch | pa.RecordBatch | FileSummary
"""Rows, rejects, and at the very end what was read."""


def read_delimited(
    file: SourceFile, columns: tuple[str, ...], settings: Input, progress: Callable[[int], None]
) -> Iterator[Item]:
    """Yield a CSV file's rows and rejects, and at last its summary.

    Raises:
        InputError: the file as a whole can't be read, or its counts do not add up.
    """
    # pyarrow takes a record of up to two blocks: so none that it takes is over the limit.
    block = min(_BLOCK_BYTES, settings.max_record_bytes // 2)
    with Text(file, encoding=settings.encoding, chunk_bytes=block) as text:
        window = Window(text)
        settings = settle(window, settings, file.label)
        sheet = _open_sheet(file, columns, settings, window)
        while not window.exhausted():
            fast = FastReader(window, sheet, settings, block_bytes=block)
            for item in fast.batches():
                yield item
                progress(text.consumed)
            yield from _exact(window, sheet, settings, fast.handover)
            progress(text.consumed)
        sheet.check(counted=window.line - 1, passed=window.marks_passed)
        progress(file.size)
        yield FileSummary(
            file=file.label,
            format=f"csv, delimiter {named(settings.delimiter)}, {text.description}",
            records=sheet.rows + sheet.rejects,
            blank_lines=sheet.blank_lines,
            bytes_read=text.bytes_read,
        )


def _open_sheet(file: SourceFile, columns: tuple[str, ...], settings: Input, window: Window) -> Sheet:
    header, blank = read_header(window, settings)
    if header is None:
        raise InputError(f"{file.label}: is empty", hint="export it again; a header line is needed")
    if isinstance(header, Unfinished):
        raise InputError(f"{file.label}: line {header.line}: the header is {header.detail}")
    if len(header.fields) == 1 and (*header.fields,) != columns and not file.partitions:
        raise single_column(file.label, header.fields[0])
    columns = present(file, header.fields, columns, _ADVICE)
    return Sheet(
        label=file.label,
        width=len(header.fields),
        columns=columns,
        taken=[header.fields.index(name) for name in columns],
        blank_lines=blank,
        records=blank,
    )


def _exact(window: Window, sheet: Sheet, settings: Input, handover: Handover) -> Iterator[Item]:
    """Yield what the csv module reads from the window: all complete lines in memory, at least a record."""
    reader = ExactReader(window, settings)
    batch = _Batch(sheet)
    for number, record in enumerate(reader.records()):
        if number == 0:
            handover.verify(sheet.label, record)
        batch.add(record)
        if reader.rests():
            break
        if batch.bytes >= _EXACT_BYTES:
            yield from batch.flush()
    reader.finish()
    yield from batch.flush()


class _Batch:
    """Records of the exact reader on their way to a row batch; `bytes` is their raw size."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._rows: list[list[str]] = []
        self._lines: list[int] = []
        self._rejects: list[Reject] = []
        self.bytes = 0

    def add(self, record: Record | Unfinished) -> None:
        """Take a record in: as a row, a reject or a blank line."""
        self._sheet.records += 1
        self.bytes += record.raw_bytes
        if isinstance(record, Unfinished):
            self._rejects.append((record.line, RejectCode.RECORD_TOO_LARGE, record.detail))
        elif not record.fields:
            self._sheet.blank_lines += 1
        elif len(record.fields) != self._sheet.width:
            detail = self._sheet.ragged_detail(len(record.fields))
            self._rejects.append((record.line, RejectCode.RAGGED_ROW, detail))
        else:
            self._rows.append([record.fields[position] for position in self._sheet.taken])
            self._lines.append(record.line)

    def flush(self) -> Iterator[RowBatch | pa.RecordBatch]:
        """Yield what was taken in, and begin anew."""
        if self._rows:
            values = [pa.array(column, pa.string()) for column in zip(*self._rows, strict=True)]
            yield self._sheet.row_batch(values, pa.array(self._lines, pa.int64()))
        if self._rejects:
            yield self._sheet.reject_batch(self._rejects)
        self._rows, self._lines, self._rejects, self.bytes = [], [], [], 0
