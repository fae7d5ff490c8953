"""The laws of the readers: the same values on the same lines, whatever the format and the delimiter."""

import csv
import io
import json
from typing import Any
from unittest.mock import patch

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl.config.reading import Input
from etl.model.schemas import RowBatch
from etl.source import delimited
from etl.source.discover import discover
from etl.source.reader import read

CELLS = st.text(st.one_of(st.sampled_from('\n\r",; x'), st.characters(codec="utf-8")), max_size=12)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=1, max_size=40)
)


def _reference(text, mark):
    """Return rows and lines by the stdlib: a line is what ends in `mark`."""
    pieces = [piece.decode() for piece in text.encode().splitlines(keepends=True)]
    source = iter(pieces)
    passed: list[str] = []

    def noted():
        for piece in source:
            passed.append(piece)
            yield piece

    reader = csv.reader(noted())
    next(reader)
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    blank = 0
    while True:
        line = 1 + "".join(passed).count(mark)
        row = next(reader, None)
        if row is None:
            return rows, lines, blank
        if row:
            rows.append(tuple(row))
            lines.append(line)
        else:
            blank += 1


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=TABLES,
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    block=st.sampled_from([64, 100, 512, 1 << 20]),
    blank=st.integers(0, 3),
)
def test_reader_agrees_with_the_stdlib(tmp_path, table, end, quoting, block, blank):
    """Two parsers that take turns must be as one, whatever is inside the values and at the block edges."""
    columns = tuple("abcd"[: len(table[0])])
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator=end, quoting=quoting)
    writer.writerow(columns)
    for number, row in enumerate(table):
        writer.writerow(row)
        sink.write(end * (blank if number % 3 == 0 else 0))
    text = sink.getvalue()
    (tmp_path / "a.csv").write_bytes(text.encode())
    (file,) = discover(["a.csv"], base=tmp_path)
    with patch.object(delimited, "_BLOCK_BYTES", block):
        items: list[Any] = list(read(file, columns, Input()))
    batches = [item for item in items if isinstance(item, RowBatch)]
    rejects = [item for item in items[:-1] if not isinstance(item, RowBatch)]
    rows, lines, blanks = _reference(text, "\r" if end == "\r" else "\n")
    # A lone CR in an unquoted value ends a record for both; such a record may be ragged.
    sound = [(line, row) for line, row in zip(lines, rows, strict=True) if len(row) == len(columns)]
    found = [
        (line, tuple(row.values()))
        for batch in batches
        for line, row in zip(batch.lines.to_pylist(), batch.rows.to_pylist(), strict=True)
    ]
    assert sound == found
    assert len(rows) - len(sound) == sum(batch.num_rows for batch in rejects)
    assert blanks == items[-1].blank_lines


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=TABLES, delimiter=st.sampled_from(",;\t|"), skipped=st.integers(0, 3), escaped=st.booleans())
def test_jsonl_and_any_delimiter_give_the_same_rows(tmp_path, table, delimiter, skipped, escaped):
    """How an export was written must not change a value."""
    columns = tuple("abcd"[: len(table[0])])
    sink = io.StringIO()
    sink.write('say "x;,\t|\n' * skipped)
    writer = csv.writer(sink, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([columns, *table])
    lines = [json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=escaped) for row in table]
    (tmp_path / "a.csv").write_bytes(sink.getvalue().encode())
    (tmp_path / "b.jsonl").write_bytes("\n".join(lines).encode())
    found = []
    for file in discover(["a.csv", "b.jsonl"], base=tmp_path):
        batches = [
            item for item in read(file, columns, Input(skip_lines=skipped)) if isinstance(item, RowBatch)
        ]
        found.append([tuple(row.values()) for batch in batches for row in batch.rows.to_pylist()])
    assert [[tuple(row) for row in table]] * 2 == found
