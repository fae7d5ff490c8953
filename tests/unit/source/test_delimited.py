import csv
import io
from typing import Any

import pytest

from etl.config.reading import Input
from etl.errors import InputError, UsageError
from etl.source.discover import discover
from etl.source.reader import read

COLUMNS = ("user", "text")


def _table(*rows, end="\r\n", quoting=csv.QUOTE_MINIMAL):
    sink = io.StringIO()
    csv.writer(sink, lineterminator=end, quoting=quoting).writerows([COLUMNS, *rows])
    return sink.getvalue().encode()


def test_only_mapped_columns_are_kept_in_the_order_asked_for(read_bytes):
    """The stages behind know columns by the job's names only."""
    result = read_bytes(b'a,text,user\n"1\n2",t,u\n', ("user", "text"))
    assert ["user", "text"] == result.batches[0].rows.schema.names
    assert [("u", "t")] == result.rows


def test_values_stay_exact(read_bytes):
    """Type inference and NA guessing would alter ids and texts."""
    rows = [("007", "NULL"), ("1.0", "NaN"), ("9007199254740993", ""), ("NA", "  x "), ("1e5", "true")]
    assert rows == read_bytes(_table(*rows), COLUMNS).rows


def test_lines_count_line_ends_in_all_columns(read_bytes):
    """A reject's line must be where the person's editor finds the row."""
    data = b'note,user,text\n"1\n2\n3",a,x\n,b,"y\r\nz"\n,c,w\n'
    result = read_bytes(data, COLUMNS)
    assert [2, 5, 7] == result.lines
    assert ("b", "y\r\nz") == result.rows[1]


def test_header_over_several_lines_is_counted(read_bytes):
    """The first row stands where the header ends."""
    assert [4] == read_bytes(b'user,text,"a\nb\nc"\nu,t,x\n', COLUMNS).lines


def test_last_line_needs_no_end(read_bytes):
    """Many exports lack it."""
    assert [("a", "b")] == read_bytes(b"user,text\na,b", COLUMNS).rows


@pytest.mark.parametrize("mark", [b"\n", b"\r\n", b"\r"])
def test_ragged_rows_are_rejects_wherever_they_stand(read_bytes, mark):
    """Padding or cutting would shift columns; first, middle and last are different paths of the parser."""
    data = mark.join([b"user,text", b"a", b"a,1", b'b,"2', b'3",4', b"c,3", b"d,4,5,6", b""])
    result = read_bytes(data, COLUMNS)
    assert [
        (2, "ragged_row", "expected 2 fields, found 1"),
        (4, "ragged_row", "expected 2 fields, found 3"),
        (7, "ragged_row", "expected 2 fields, found 4"),
    ] == sorted(result.rejects)
    assert [3, 6] == result.lines


def test_file_of_ragged_rows_only_has_no_row(read_bytes, small_blocks):
    """Pyarrow takes such a file for an empty one."""
    small_blocks(64)
    result = read_bytes(b"user,text\n" + b"a,b,c\n" * 100, COLUMNS)
    assert [] == result.rows
    assert list(range(2, 102)) == sorted(line for line, _, _ in result.rejects)


def test_blank_lines_are_counted_and_nothing_else(read_bytes):
    """They are neither rows nor faults, but a row of empty cells is a row."""
    result = read_bytes(b"\nuser,text\r\n\r\na,b\n\n,\n\n\n \nc,d\n\n", COLUMNS)
    assert 6 == result.summary.blank_lines
    assert [("a", "b"), ("", ""), ("c", "d")] == result.rows
    assert [4, 6, 10] == result.lines
    assert [(9, "ragged_row", "expected 2 fields, found 1")] == result.rejects


def test_blank_line_and_empty_cell_of_one_column_differ(read_bytes):
    """Pyarrow returns the same for both; where they stand tells them apart."""
    result = read_bytes(b'text\na\n\n""\nb\n', ("text",))
    assert [("a",), ("",), ("b",)] == result.rows
    assert [2, 4, 5] == result.lines
    assert 1 == result.summary.blank_lines


def test_header_only_has_no_rows(read_bytes):
    """An export of a quiet day is sound."""
    result = read_bytes(b"user,text\n", COLUMNS)
    assert 0 == result.summary.records
    assert [] == result.batches


def test_file_of_blank_lines_is_empty(read_bytes):
    """There is no header to check."""
    with pytest.raises(InputError, match="is empty"):
        read_bytes(b"\n\r\n\n", COLUMNS)


def test_duplicate_header_is_an_error_that_names_it(read_bytes):
    """Which of them is meant can't be told; nameless ones can't be meant."""
    with pytest.raises(InputError, match="'text' more than once"):
        read_bytes(b"user,text,text\n", COLUMNS)
    assert [("a", "b")] == read_bytes(b"user,text,,\na,b,,\n", COLUMNS).rows


def test_missing_column_lists_what_is_there_and_near(read_bytes):
    """The usual cause is another case or a space."""
    with pytest.raises(InputError, match="no column 'user', 'text'; found 'User ', 'txt', 'x'") as caught:
        read_bytes(b"User ,txt,x\n", COLUMNS)
    assert "'user' is near 'User '" in caught.value.hint
    assert "'text' is near 'txt'" in caught.value.hint


@pytest.mark.parametrize(("mark", "word"), [(";", "semicolon"), ("\t", "tab"), ("|", "pipe")])
def test_wrong_delimiter_is_recognised(read_bytes, mark, word):
    """One single column is hardly ever meant."""
    data = f"user{mark}text\na{mark}b\n".encode()
    with pytest.raises(InputError, match=f"the delimiter is probably a {word}"):
        read_bytes(data, COLUMNS, delimiter=",")
    assert [("a", "b")] == read_bytes(data, COLUMNS, delimiter=mark).rows


def test_own_quote_is_used(read_bytes):
    """Some exports quote with an apostrophe."""
    assert [("a,b", 'c"d')] == read_bytes(b"user,text\n'a,b',c\"d\n", COLUMNS, quote="'").rows


def test_delimiter_and_quote_must_differ(read_bytes):
    """Each parser would understand something else."""
    with pytest.raises(UsageError, match="same character"):
        read_bytes(b"user,text\n", COLUMNS, delimiter='"')


def test_quotes_inside_unquoted_values_stay(read_bytes):
    """`6" pipe` is a text."""
    data = b'user,text\na,he said "hi"\nb,6" pipe\nc,"x"y"z"\n'
    assert [("a", 'he said "hi"'), ("b", '6" pipe'), ("c", 'xy"z"')] == read_bytes(data, COLUMNS).rows


@pytest.mark.parametrize("shift", range(80))
def test_quoted_crlf_on_a_block_edge_is_whole(read_bytes, small_blocks, shift):
    """Pyarrow loses the LF when a read ends between CR and LF (arrow issue 51368)."""
    small_blocks(72)
    rows = [("x" * shift, "a\r\nb")] + [(f"u{number}", "\r\n" * (number % 5)) for number in range(60)]
    result = read_bytes(_table(*rows), COLUMNS)
    assert rows == result.rows
    assert [2 + sum(1 + text.count("\n") for _, text in rows[:k]) for k in range(len(rows))] == result.lines


def test_lines_that_end_in_cr_are_counted_by_cr(read_bytes, small_blocks):
    """Excel for Mac writes CR between rows and LF inside cells."""
    small_blocks(64)
    rows = [(f"u{number}", "a\nb" if number % 9 == 0 else "x\ry") for number in range(100)]
    result = read_bytes(_table(*rows, end="\r", quoting=csv.QUOTE_ALL), COLUMNS)
    assert rows == result.rows
    assert [2 + sum(1 + text.count("\r") for _, text in rows[:k]) for k in range(100)] == result.lines


def test_stray_cr_ends_a_record_but_no_line(read_bytes):
    """A sloppy export leaves a CR unquoted; the rows after it must keep their lines."""
    result = read_bytes(b"user,text\na,1\nb,2\rc,3\nd,4\n", COLUMNS)
    assert [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")] == result.rows
    assert [2, 3, 3, 4] == result.lines


def test_giant_cell_is_a_row_when_the_limit_allows(read_bytes, small_blocks):
    """Pyarrow gives up on what is larger than its block; the rows around must not be lost."""
    small_blocks(64)
    rows = [(f"u{number}", "y" * (700 if number == 50 else 7)) for number in range(100)]
    assert rows == read_bytes(_table(*rows), COLUMNS).rows


@pytest.mark.parametrize("at", [0, 1, 50, 98, 99])
def test_record_over_the_limit_is_the_only_reject(read_bytes, at):
    """One bad record must cost one record."""
    rows = [(f"u{number}", "y" * (5_000 if number == at else 7)) for number in range(100)]
    result = read_bytes(_table(*rows), COLUMNS, max_record_bytes=2_000)
    assert rows[:at] + rows[at + 1 :] == result.rows
    assert [(at + 2, "record_too_large", "larger than 2000 bytes")] == result.rejects
    assert 1 == result.summary.records - len(result.rows)


@pytest.mark.parametrize("limit", range(1_024, 1_200, 16))
def test_limit_does_not_depend_on_the_place_in_the_file(read_bytes, limit):
    """The same record must have the same fate in the next export, whatever stands before it."""
    rows = [("u", "y" * (size - 3)) for size in range(900, 1_300, 7)]
    result = read_bytes(_table(*rows, end="\n"), COLUMNS, max_record_bytes=limit)
    assert [row for row in rows if len(row[1]) + 3 <= limit] == result.rows
    assert [row for row in rows if len(row[1]) + 3 > limit] == [
        rows[line - 2] for line, _, _ in result.rejects
    ]


def test_unclosed_quote_costs_its_own_line(read_bytes, small_blocks):
    """It would swallow the rest of the file."""
    small_blocks(64)
    lines = ["user,text", *[f"u{number},t" for number in range(200)]]
    lines[100] = 'bad,"never closed'
    result = read_bytes("\n".join(lines).encode(), COLUMNS)
    assert [(101, "record_too_large", "the quote that opens on line 101 is never closed")] == result.rejects
    assert 199 == len(result.rows)
    assert ("u199", "t") == result.rows[-1]
    assert 201 == result.lines[-1]


def test_unclosed_quote_in_the_last_line_is_a_reject(read_bytes):
    """Pyarrow and csv both take it for a row."""
    result = read_bytes(b'user,text\na,1\nb,"2', COLUMNS)
    assert [("a", "1")] == result.rows
    assert [(3, "record_too_large", "the quote that opens on line 3 is never closed")] == result.rejects


def test_line_where_the_quote_opens_is_named(read_bytes):
    """A record can have sound multi-line values before the open one."""
    result = read_bytes(b'user,text\n"a\nb\nc","d\ne,f\n', COLUMNS)
    assert (2, "record_too_large", "the quote that opens on line 4 is never closed") == result.rejects[0]


def test_quote_that_is_open_at_the_limit_is_a_reject(read_bytes):
    """The limit bounds memory and what is swallowed."""
    body = b"".join(b"u%d,t\n" % number for number in range(1_000))
    result = read_bytes(b'user,text\nbad,"open\n' + body + b'"\nx,y\n', COLUMNS, max_record_bytes=1_024)
    assert (2, "record_too_large") == result.rejects[0][:2]
    assert "the quote that opens on line 2 is never closed within them" in result.rejects[0][2]
    assert 1_001 == sum(1 for row in result.rows if row[0] == "x" or row[1] == "t")


def test_header_that_never_ends_is_an_error(read_bytes):
    """Without a header nothing can be read."""
    with pytest.raises(InputError, match="line 1: the header is the quote that opens"):
        read_bytes(b'user,"text\na,b\n', COLUMNS)


def test_file_that_changed_since_it_was_listed_is_refused(tmp_path):
    """Its digest would be that of other rows."""
    path = tmp_path / "a.csv"
    path.write_bytes(b"user,text\n")
    (file,) = discover(["a.csv"], base=tmp_path)
    path.write_bytes(b"user,text\na,b\n")
    with pytest.raises(InputError, match="14 bytes now and had 10"):
        list(read(file, COLUMNS, Input()))


def test_progress_is_a_total_that_ends_with_the_size(read_bytes, small_blocks):
    """The bar must reach its end, and not run backwards."""
    small_blocks(256)
    data = _table(*[("u", "t" * 50)] * 200)
    progress = read_bytes(data, COLUMNS).progress
    assert len(data) == progress[-1]
    assert sorted(progress) == progress


def test_reading_may_be_stopped_at_any_batch(tmp_path, small_blocks):
    """`init` looks at the first rows only; no thread may go on reading."""
    small_blocks(64)
    (tmp_path / "a.csv").write_bytes(_table(*[("u", "t")] * 500))
    (file,) = discover(["a.csv"], base=tmp_path)
    items: Any = read(file, COLUMNS, Input())
    assert "a.csv" == next(items).file
    items.close()


def test_lost_line_ends_are_an_error(read_bytes, monkeypatch):
    """Should a parser ever lose a byte, lines would be wrong from there on, silently."""
    monkeypatch.setattr("etl.source.fast.heights", lambda batch, _: [1] * batch.num_rows)
    data = b"user,text\n" + b'a,"x\ny"\nb,z\n' * 50
    with pytest.raises(InputError, match="line"):
        read_bytes(data, COLUMNS)
