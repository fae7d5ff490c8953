import pytest

from etl.errors import InputError

COLUMNS = ("user", "text")


@pytest.mark.parametrize(("mark", "name"), [(",", ","), (";", ";"), ("\t", "tab"), ("|", "|")])
def test_delimiter_is_told_from_the_header(read_bytes, mark, name):
    """The rows below may hold any of them; the choice is shown."""
    data = f"user{mark}x{mark}text\na{mark}1{mark}b,,;;||\n".replace(",,;;||", ",;|".replace(mark, ""))
    result = read_bytes(data.encode(), COLUMNS)
    assert [("a", "b" + ",;|".replace(mark, ""))] == result.rows
    assert f"csv, delimiter {name}, utf-8" == result.summary.format


def test_quoted_candidates_do_not_count(read_bytes):
    """A header cell may hold commas, doubled quotes and line ends."""
    data = b'user;"a,b,c ""x,y""\n,,";text\n1;2;3\n'
    assert [("1", "3")] == read_bytes(data, COLUMNS).rows


def test_header_longer_than_a_block_is_read_whole(read_bytes, small_blocks):
    """Block edges must not decide the delimiter."""
    small_blocks(64)
    data = (
        "\r\n\nuser;" + ";".join(f'"c,{number},x"' for number in range(200)) + ";text\n" + "1;" * 201 + "2\n"
    )
    result = read_bytes(data.encode(), COLUMNS)
    assert [("1", "2")] == result.rows
    assert 2 == result.summary.blank_lines


def test_tie_is_an_error(read_bytes):
    """To guess would shift columns."""
    with pytest.raises(InputError, match="a comma and a semicolon stand equally often"):
        read_bytes(b"user,text;x\n", COLUMNS)


def test_single_column_is_an_error_that_says_so(read_bytes):
    """Colons and lines of a report before the header look like that."""
    with pytest.raises(InputError, match="one single column, 'user:text'") as caught:
        read_bytes(b"user:text\na:b\n", COLUMNS)
    assert "[input] delimiter" in caught.value.hint
    assert "skip_lines" in caught.value.hint
    assert [("a", "b")] == read_bytes(b"user:text\na:b\n", COLUMNS, delimiter=":").rows


def test_single_column_that_is_wanted_is_read(read_bytes):
    """Nothing is missing then."""
    assert [("a",)] == read_bytes(b"text\na\n", ("text",)).rows


@pytest.mark.parametrize("line", [b"sep=;\r\n", b'"sep=;"\n', b"SEP=;\n"])
@pytest.mark.parametrize("delimiter", ["auto", ";", ","])
def test_sep_line_is_honoured_and_no_header(read_bytes, line, delimiter):
    """Excel writes and obeys it."""
    result = read_bytes(line + b"user;text,x\na;b\n", ("user", "text,x"), delimiter=delimiter)
    assert [("a", "b")] == result.rows
    assert [3] == result.lines


def test_sep_line_may_name_any_character(read_bytes):
    """It need not be one that is ever guessed."""
    assert [("a", "b")] == read_bytes(b"sep=^\nuser^text\na^b\n", COLUMNS).rows


@pytest.mark.parametrize("mark", [b"\n", b"\r\n", b"\r"])
def test_skipped_lines_are_passed_whatever_stands_on_them(read_bytes, mark):
    """A report's title may hold an open quote; the rows keep their physical lines."""
    data = mark.join([b'"Report, of', b"", b"user,text", b"a,b", b"c,d", b""])
    result = read_bytes(data, COLUMNS, skip_lines=2)
    assert [("a", "b"), ("c", "d")] == result.rows
    assert [4, 5] == result.lines


def test_skipped_lines_over_blocks(read_bytes, small_blocks):
    """A line may be longer than a block."""
    small_blocks(64)
    data = b"x" * 500 + b"\n" + b"y\n" * 100 + b"user\ttext\na\tb\n"
    result = read_bytes(data, COLUMNS, skip_lines=101)
    assert [103] == result.lines


def test_more_lines_to_skip_than_there_are_is_an_error(read_bytes):
    """No header is left."""
    with pytest.raises(InputError, match="is empty"):
        read_bytes(b"user,text\na,b\n", COLUMNS, skip_lines=9)


def test_lines_before_the_header_are_hinted_at(read_bytes):
    """A report's title looks like a header with other columns."""
    with pytest.raises(InputError, match="no column 'user'") as caught:
        read_bytes(b"Report:,March\n\nuser,text\n", COLUMNS)
    assert "skip_lines" in caught.value.hint
