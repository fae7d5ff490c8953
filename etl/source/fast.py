"""pyarrow's streaming CSV reader over a window: nearly every row, with its exact line."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from etl.config.reading import Input
from etl.errors import InputError
from etl.model.rejects import RejectCode
from etl.model.schemas import RowBatch
from etl.source.exact import Record, Unfinished
from etl.source.lines import Ragged, all_empty, heights, place
from etl.source.sheet import Sheet
from etl.source.window import Feed, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What the next reader must find where this one stopped: the proof that its lines are right."""

    fields: list[str] | None = None
    """The values of the very next record."""
    reach: int | None = None
    """How many bytes the next record has at least."""

    def verify(self, label: str, record: Record | Unfinished) -> None:
        """Check the first record that the next reader found.

        Raises:
            InputError: it is another one, so the lines before it were counted wrongly.
        """
        same = self.fields is None or (
            isinstance(record, Record)
            and (record.fields == self.fields or not any([*record.fields, *self.fields]))
        )
        reached = self.reach is None or 0 < self.reach <= record.raw_bytes
        if not (same and reached):
            raise InputError(
                f"{label}: two readers disagree about line {record.line} "
                f"({record.raw_bytes} bytes, {self.reach} expected)",
                hint="the file was not taken; this is a defect, please report it",
            )


class FastReader:
    """Reads one stretch: up to the end, a stray line end, or a record that pyarrow can't read.

    The last record of a stretch is always left to the next reader: it may be cut, or end inside a quote.

    Attributes:
        handover: what the next reader must find; set when `batches` is exhausted.
    """

    def __init__(self, window: Window, sheet: Sheet, settings: Input, *, block_bytes: int) -> None:
        self._window = window
        self._sheet = sheet
        self._settings = settings
        self._block = block_bytes
        self._ragged: list[tuple[int, csv.InvalidRow]] = []
        self._found = 0
        self._good = 0
        self._line = window.line
        self._complete = False
        self.handover = Handover()

    def batches(self) -> Iterator[RowBatch | pa.RecordBatch]:
        """Yield the stretch's rows and rejects; then the window stands where the next reader begins."""
        feed = Feed(self._window)
        begin = self._window.dropped
        held: pa.RecordBatch | None = None
        try:
            for batch in self._parsed(feed):
                if held is not None:
                    yield from self._emit(held, self._due(held))
                held = batch
        finally:
            feed.stop()
        if feed.error is not None:
            raise feed.error
        yield from self._finish(held)
        if self._complete and feed.given:
            self.handover = Handover(reach=feed.given - (self._window.dropped - begin))

    def _parsed(self, feed: Feed) -> Iterator[pa.RecordBatch]:
        """Yield pyarrow's batches that have rows, as far as it gets."""
        try:
            for batch in self._open(feed):
                if batch.num_rows:
                    yield batch
            self._complete = True
        except pa.ArrowInvalid:
            # The record that pyarrow can't read comes next; the exact reader finds out what is wrong.
            self._complete = False
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{self._sheet.label}: can't be parsed ({type(error).__name__})") from error

    def _open(self, feed: Feed) -> csv.CSVStreamingReader:
        names = [str(position) for position in range(self._sheet.width)]
        return csv.open_csv(
            pa.PythonFile(feed, "r"),
            read_options=csv.ReadOptions(use_threads=False, block_size=self._block, column_names=names),
            parse_options=csv.ParseOptions(
                delimiter=self._settings.delimiter,
                quote_char=self._settings.quote,
                double_quote=True,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=self._note_ragged,
            ),
            convert_options=csv.ConvertOptions(
                # The text was decoded strictly before.
                check_utf8=False,
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )

    def _note_ragged(self, row: csv.InvalidRow) -> str:
        # pyarrow numbers all records from 1: what is no ragged record before it is a good one.
        self._ragged.append((row.number - 1 - self._found, row))
        self._found += 1
        return "skip"

    def _finish(self, held: pa.RecordBatch | None) -> Iterator[RowBatch | pa.RecordBatch]:
        """Emit all but the last record."""
        size = held.num_rows if held is not None else 0
        if self._complete and self._ragged and self._ragged[-1][0] == self._good + size:
            self._ragged.pop()
        elif held is not None:
            size -= 1
            if not self._complete:
                self.handover = Handover(fields=[column[size].as_py() for column in held.columns])
        if held is not None or self._complete:
            due = [one for one in self._ragged if one[0] <= self._good + size]
            yield from self._emit(held.slice(0, size) if held is not None else None, due)
        self._window.seek(self._line)

    def _due(self, batch: pa.RecordBatch) -> list[tuple[int, csv.InvalidRow]]:
        """Return the ragged records before the last row of `batch`; later ones wait."""
        return [one for one in self._ragged if one[0] < self._good + batch.num_rows]

    def _emit(
        self, batch: pa.RecordBatch | None, due: list[tuple[int, csv.InvalidRow]]
    ) -> Iterator[RowBatch | pa.RecordBatch]:
        mark = self._window.mark
        del self._ragged[: len(due)]
        ragged = [
            Ragged(before=before - self._good, height=1 + row.text.count(mark.decode()))
            for before, row in due
        ]
        covered = heights(batch, mark) if batch is not None else np.zeros(0, np.int64)
        placed = place(self._line, covered, ragged)
        self._sheet.records += len(covered) + len(ragged)
        self._good += len(covered)
        if batch is not None and batch.num_rows:
            yield from self._rows(batch, placed.good)
        if due:
            details = [self._sheet.ragged_detail(row.actual_columns) for _, row in due]
            yield self._sheet.reject_batch(
                [
                    (line, RejectCode.RAGGED_ROW, detail)
                    for line, detail in zip(placed.ragged.tolist(), details, strict=True)
                ]
            )
        self._line = placed.end
        self._window.release(placed.end)

    def _rows(self, batch: pa.RecordBatch, lines: NDArray[np.int64]) -> Iterator[RowBatch]:
        """Yield the rows that are no blank lines; only where they stand tells `,,` from nothing."""
        empty = all_empty(batch)
        if empty.any():
            blank = np.zeros(len(lines), np.bool_)
            blank[empty] = self._window.blank(lines[empty])
            self._sheet.blank_lines += int(blank.sum())
            batch, lines = batch.filter(pa.array(~blank)), lines[~blank]
        if batch.num_rows:
            values = [batch.column(position) for position in self._sheet.taken]
            yield self._sheet.row_batch(values, pa.array(lines, pa.int64()))
