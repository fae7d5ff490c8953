"""JSON lines -> row batches: one object a line, exact strings, bad lines rejected one by one.

Lines are parsed by the standard library, each by itself: pyarrow's reader turns large numbers into
floats, takes the last of two equal keys and gives up a whole file for one bad line. What comes of the
lines is columnar again: a batch is built column by column.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from etl.config.reading import Input
from etl.errors import InputError
from etl.model.rejects import RejectCode
from etl.model.schemas import FileSummary
from etl.source.delimited import Item
from etl.source.discover import SourceFile
from etl.source.header import explode_advice, missing_columns
from etl.source.objects import Objects
from etl.source.sheet import Reject, Sheet
from etl.source.strict import LineError, parse
from etl.source.text import Text

_CHUNK_BYTES: Final = 1 << 20
_BLANK: Final = " \t\r"


def read_jsonl(
    file: SourceFile, columns: tuple[str, ...], settings: Input, progress: Callable[[int], None]
) -> Iterator[Item]:
    """Yield a JSON lines file's rows and rejects, and at last its summary.

    Raises:
        InputError: the file as a whole can't be read, a mapped name appears in no line, a mapped value is
            nested, or the counts do not add up.
    """
    with Text(file, encoding=settings.encoding, chunk_bytes=_CHUNK_BYTES) as text:
        sheet = Sheet(label=file.label, columns=columns)
        objects = Objects(file, columns, settings.explode)
        line = 1
        for lines in _lines(text, settings.max_record_bytes):
            records, numbers, rejects = _parsed(lines, line, settings.max_record_bytes, sheet)
            line += len(lines)
            for values, places, bad in objects.batches(records, numbers):
                sheet.records += len(places) + len(bad)
                if len(places):
                    sheet.columns = objects.columns
                    yield sheet.row_batch(values, places)
                rejects += bad
            if rejects:
                yield sheet.reject_batch(rejects)
            progress(text.consumed)
        if missing := objects.unseen():
            raise missing_columns(file.label, objects.seen(), missing, explode_advice(objects.lists()))
        if line == 1 + sheet.blank_lines:
            raise InputError(f"{file.label}: is empty", hint="export it again")
        sheet.check(counted=line - 1, passed=text.line_feeds + text.open_end)
        progress(file.size)
        kept = [part for part in text.description.split(", ") if part != "utf-8"]
        exploded = f"{objects.parents} lines exploded by {settings.explode}" if objects.explode else None
        yield FileSummary(
            file=file.label,
            format=", ".join(filter(None, ["jsonl", *kept, exploded])),
            records=sheet.rows + sheet.rejects,
            blank_lines=sheet.blank_lines,
            bytes_read=text.bytes_read,
        )


def _lines(text: Text, limit: int) -> Iterator[list[bytes | None]]:
    """Yield lists of whole lines; None stands for one that was too large to keep."""
    held: list[bytes] = []
    size = 0
    while chunk := text.read():
        first, *rest = chunk.data.split(b"\n")
        size += len(first)
        if size <= limit:
            held.append(first)
        if rest:
            yield [b"".join(held) if size <= limit else None, *rest[:-1]]
            held, size = [rest[-1]], len(rest[-1])
    if size:
        yield [b"".join(held) if size <= limit else None]


def _parsed(
    lines: list[bytes | None], first: int, limit: int, sheet: Sheet
) -> tuple[list[dict[str, Any]], list[int], list[Reject]]:
    """Return the objects, their lines, and the rejects; count the blank lines."""
    records: list[dict[str, Any]] = []
    numbers: list[int] = []
    rejects: list[Reject] = []
    for number, raw in enumerate(lines, first):
        if raw is None or len(raw) > limit:
            rejects.append((number, RejectCode.RECORD_TOO_LARGE, f"larger than {limit} bytes"))
        elif line := raw.decode().strip(_BLANK):
            try:
                records.append(parse(line))
            except LineError as error:
                rejects.append((number, RejectCode.BAD_RECORD, error.detail))
            else:
                numbers.append(number)
        else:
            sheet.blank_lines += 1
            sheet.records += 1
    sheet.records += len(rejects)
    return records, numbers, rejects
