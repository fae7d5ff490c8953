import bz2
import gzip

import pyarrow as pa
import pytest

from etl.errors import InputError

HEAD = "user,text\n"


def test_multi_member_gzip_with_padding_is_read_whole(read_bytes):
    """Log rotation and `cat` make such files; tapes pad with zeros."""
    data = gzip.compress(b"user,text\na,1\n") + gzip.compress(b"b,2\n") + b"\0" * 700
    assert [("a", "1"), ("b", "2")] == read_bytes(data, ("user", "text")).rows


@pytest.mark.parametrize("size", [1, 11, 40])
def test_truncated_gzip_is_damaged(read_bytes, size):
    """The good part must not pass for the whole."""
    data = gzip.compress((HEAD + "a,1\n" * 5_000).encode())
    with pytest.raises(InputError, match=rf"damaged at byte {len(data) - size}: it ends in the middle"):
        read_bytes(data[:-size], ("user", "text"))


def test_gzip_with_wrong_checksum_is_damaged(read_bytes):
    """Only the end of the file says so."""
    data = bytearray(gzip.compress((HEAD + "a,1\n" * 500).encode()))
    data[-6] ^= 1
    with pytest.raises(InputError, match=r"damaged at byte \d+: incorrect data check"):
        read_bytes(bytes(data), ("user", "text"))


def test_gzip_followed_by_other_bytes_is_damaged(read_bytes):
    """What follows might be rows that were lost."""
    data = gzip.compress(b"user,text\na,1\n")
    with pytest.raises(InputError, match=f"damaged at byte {len(data)}: something that is not gzip"):
        read_bytes(data + b"b,2\n", ("user", "text"))


def test_gzip_that_holds_parquet_is_named(read_bytes):
    """Its bytes are no text at all."""
    with pytest.raises(InputError, match="Parquet file inside gzip"):
        read_bytes(gzip.compress(b"PAR1abc"), ("user", "text"))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_byte_order_mark_decides(read_bytes, encoding):
    """Excel writes UTF-16 whatever the job declares; the first header must not carry the mark."""
    rows = [("æøå", "日本😀"), ("b", 'two\r\nlines "q"')]
    data = 'user,text\r\næøå,日本😀\r\nb,"two\r\nlines ""q"""\r\n'.encode(encoding)
    assert rows == read_bytes(data, ("user", "text"), encoding="cp1252").rows


def test_quoted_header_behind_a_mark_is_found(read_bytes):
    """A parser that sees the mark first takes the quote for a part of the name."""
    assert [("a", "b")] == read_bytes(b'\xef\xbb\xbf"user","text"\na,b\n', ("user", "text")).rows


def test_declared_encoding_is_used(read_bytes):
    """cp1252 can't be told from its neighbours by looking."""
    data = "user,text\na,Grüße: €5\n".encode("cp1252")
    assert [("a", "Grüße: €5")] == read_bytes(data, ("user", "text"), encoding="cp1252").rows


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "cp1252", "utf-16-le"])
def test_characters_cut_by_a_chunk_are_whole(read_bytes, small_blocks, encoding):
    """Chunk edges fall into characters in every file that is large enough."""
    small_blocks(64)
    texts = ["é" * size for size in range(1, 40)]
    data = (HEAD + "".join(f"u,{text}\n" for text in texts)).encode(encoding)
    assert [("u", text) for text in texts] == read_bytes(data, ("user", "text"), encoding=encoding).rows


def test_wrong_byte_is_named_by_line_offset_and_likely_encoding(read_bytes):
    """The person must find the row and the setting."""
    data = (HEAD + "a,fine\n" * 10).encode() + "b,Grüße aus Köln, schöne Tage\n".encode("cp1252")
    with pytest.raises(
        InputError, match=r"line 12, byte 84: not valid utf-8; it looks like cp1252"
    ) as caught:
        read_bytes(data, ("user", "text"))
    assert "Gr" not in caught.value.message


def test_wrong_byte_in_lines_that_end_in_cr_is_counted_by_them(read_bytes):
    """Without a single LF the line would always be the first."""
    with pytest.raises(InputError, match="line 3, byte 16"):
        read_bytes(b"user,text\ra,b\rb,\xff\r", ("user", "text"))


def test_character_cut_by_the_end_of_the_file_is_an_error(read_bytes):
    """A truncated download must not pass."""
    with pytest.raises(InputError, match="line 2, byte 12: not valid utf-8"):
        read_bytes(b"user,text\na,\xc3", ("user", "text"))


def test_utf16_without_a_mark_is_named(read_bytes):
    """Read as UTF-8 it is valid, with a NUL between the letters."""
    data = (HEAD + "a,b\n").encode("utf-16-le")
    with pytest.raises(InputError, match="probably utf-16-le") as caught:
        read_bytes(data, ("user", "text"))
    assert 'encoding = "utf-16-le"' in caught.value.hint
    assert [("a", "b")] == read_bytes(data, ("user", "text"), encoding="utf-16-le").rows


def test_unknown_encoding_is_an_error(read_bytes):
    """A typo must not end in a stack trace; `base64` is a codec but no text encoding."""
    for name in ("utf-9", "base64", "rot13"):
        with pytest.raises(InputError, match="no text encoding"):
            read_bytes(b"user,text\n", ("user", "text"), encoding=name)


def test_nul_in_a_text_stays(read_bytes):
    """Cutting at NUL would alter a text silently; normalize removes and counts it."""
    assert [("a", "x\0y")] == read_bytes(b"user,text\na,x\0y\n", ("user", "text")).rows


def _zstd(data):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


PACKERS = {"zst": _zstd, "bz2": bz2.compress}


def _noise():
    rows = (number * 2_654_435_761 % 10**9 for number in range(60_000))
    return (HEAD + "".join(f"u{row},t\n" for row in rows)).encode()


@pytest.mark.parametrize("name", PACKERS)
def test_every_frame_is_read(read_bytes, name):
    """Parallel packers and `cat` make files of several."""
    pack = PACKERS[name]
    data = pack(b"user,text\na,1\n") + pack(b"b,2\n") + pack(b"") + pack(b"c,3\n")
    result = read_bytes(data, ("user", "text"), name=f"export.csv.{name}")
    assert [("a", "1"), ("b", "2"), ("c", "3")] == result.rows
    assert result.summary.format.endswith("zstd" if name == "zst" else "bzip2")


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("cut", [1, 9, 100_000])
def test_truncated_frame_is_damaged(read_bytes, name, cut):
    """The good part must not pass for the whole."""
    data = PACKERS[name](_noise())
    with pytest.raises(InputError, match=r"(zstd|bzip2) file is damaged at byte \d+: it ends in the middle"):
        read_bytes(data[:-cut], ("user", "text"))


@pytest.mark.parametrize("name", PACKERS)
def test_damaged_frame_is_an_error_with_its_place(read_bytes, name):
    """A flipped byte must not become other text."""
    data = bytearray(PACKERS[name](_noise()))
    middle = len(data) // 2
    data[middle : middle + 40] = bytes(40)
    with pytest.raises(InputError, match=r"(zstd|bzip2) file is damaged at byte \d+"):
        read_bytes(bytes(data), ("user", "text"))


@pytest.mark.parametrize("name", PACKERS)
def test_other_bytes_behind_the_last_frame_are_damage(read_bytes, name):
    """What follows might be rows that were lost."""
    with pytest.raises(InputError, match="follows"):
        read_bytes(PACKERS[name](_noise()) + b"more,rows\n", ("user", "text"))


def test_summary_says_how_the_file_was_read(read_bytes):
    """What was decided without the person must be seen."""
    data = gzip.compress("user;text\na;b\n".encode("utf-16"))
    result = read_bytes(data, ("user", "text"))
    assert "csv, delimiter ;, utf-16 (byte order mark), gzip" == result.summary.format
