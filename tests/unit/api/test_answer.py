"""What counts as an answer, byte by byte."""

import pytest

from etl.api.answer import HEAD_LIMIT_BYTES, AnswerReader
from etl.api.transport import RawAnswer
from etl.model.exchange import Failure, Phase

LIMIT = 1_000
OK = b"HTTP/1.1 200 OK\r\n"
SHORT = OK + b"Content-Length: 2\r\n\r\n{}"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(*pieces: bytes) -> tuple[AnswerReader, RawAnswer | Failure | None]:
    """Return a reader and what it decided after the last piece."""
    reader = AnswerReader(LIMIT)
    outcome = None
    for piece in pieces:
        outcome = reader.feed(piece)
        if outcome is not None:
            break
    return reader, outcome


REFUSED: dict[str, tuple[bytes, str]] = {
    "both lengths": (OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n", "protocol_error"),
    "both lengths, other order": (
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", "protocol_error",
    ),
    "two lengths": (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", "protocol_error"),
    "list of lengths": (OK + b"Content-Length: 2, 2\r\n\r\n{}", "protocol_error"),
    "signed length": (OK + b"Content-Length: +2\r\n\r\n{}", "protocol_error"),
    "negative length": (OK + b"Content-Length: -1\r\n\r\n", "protocol_error"),
    "length beyond 64 bit": (OK + b"Content-Length: 99999999999999999999\r\n\r\n", "protocol_error"),
    "folded line": (OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\n{}", "protocol_error"),
    "space before the colon": (OK + b"Content-Length : 2\r\n\r\n{}", "protocol_error"),
    "line without a colon": (OK + b"Content-Length\r\n\r\n", "protocol_error"),
    "NUL in a value": (OK + b"X: a\x00b\r\n\r\n", "protocol_error"),
    "bare CR in a value": (OK + b"X: a\rb\r\n\r\n", "protocol_error"),
    "bare LF": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\n{}", "protocol_error"),
    "chunks after bare LF": (CHUNKED + b"2\n{}\n0\n\n", "protocol_error"),
    "bad chunk size": (CHUNKED + b"zz\r\n{}\r\n", "protocol_error"),
    "chunk longer than said": (CHUNKED + b"1\r\n{}\r\n0\r\n\r\n", "protocol_error"),
    "length in the trailer": (CHUNKED + b"0\r\nContent-Length: 2\r\n\r\n", "protocol_error"),
    "other coding": (OK + b"Transfer-Encoding: gzip\r\n\r\n", "protocol_error"),
    "coding under chunks": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n", "protocol_error"),
    "coding over chunks": (OK + b"Transfer-Encoding: chunked, gzip\r\n\r\n", "protocol_error"),
    "chunked twice": (
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "protocol_error",
    ),
    "chunked in HTTP/1.0": (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "protocol_error"),
    "HTTP/0.9 rubbish": (b"<html>hello</html>", "protocol_error"),
    "HTTP/0.9 by name": (b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\n{}", "protocol_error"),
    "HTTP/2 by name": (b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", "protocol_error"),
    "HTTP/2 preface": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00", "protocol_error"),
    "a request": (b"POST / HTTP/1.1\r\n\r\n", "protocol_error"),
    "status of two digits": (b"HTTP/1.1 20 OK\r\n\r\n", "protocol_error"),
    "status of four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", "protocol_error"),
    "status 000": (b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", "protocol_error"),
    "101": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "protocol_error"),
    "101 without an upgrade": (b"HTTP/1.1 101 Switching\r\n\r\n", "protocol_error"),
    "gzip": (OK + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", "answer_encoded"),
    "length above the limit": (OK + b"Content-Length: 1001\r\n\r\n", "answer_too_large"),
    "more than the limit in chunks": (CHUNKED + b"3e9\r\n" + b"x" * 1_001, "answer_too_large"),
    "more than the limit until close": (OK + b"\r\n" + b"x" * 1_001, "answer_too_large"),
    "endless chunk extension": (CHUNKED + b"2;" + b"x" * 70_000, "answer_too_large"),
    "endless trailer": (CHUNKED + b"0\r\nX: " + b"x" * 70_000, "answer_too_large"),
    "head above its limit": (
        OK + b"X: " + b"x" * HEAD_LIMIT_BYTES + b"\r\nContent-Length: 0\r\n\r\n", "protocol_error",
    ),
    "endless head": (OK + b"X: " + b"x" * HEAD_LIMIT_BYTES, "protocol_error"),
    "endless interim answers": (b"HTTP/1.1 103 Hints\r\n\r\n" * 4_000, "protocol_error"),
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 1_000_000], ids=lambda size: f"reads of {size}")
@pytest.mark.parametrize(("data", "kind"), REFUSED.values(), ids=REFUSED.keys())
def test_answer_whose_end_is_open_to_doubt_is_refused(data, kind, size):
    """Two readers of it may see different ends, and the message may have been taken."""
    _, outcome = read(*(data[start : start + size] for start in range(0, len(data), size)))

    assert Failure(phase=Phase.SENT, kind=kind) == outcome


ANSWERS: dict[str, tuple[bytes, int, bytes, bool]] = {
    "length": (SHORT, 200, b"{}", True),
    "chunks": (CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", 200, b"{}", True),
    "chunk extension": (CHUNKED + b"2;a=b\r\n{}\r\n0\r\n\r\n", 200, b"{}", True),
    "trailer": (CHUNKED + b"2\r\n{}\r\n0\r\nX: y\r\n\r\n", 200, b"{}", False),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", True),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", False),
    "close": (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", False),
    "close among others": (OK + b"Connection: x, Close\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", False),
    "upgrade offered": (
        OK + b"Upgrade: h2c\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", True,
    ),
    "empty": (OK + b"Content-Length: 0\r\n\r\n", 200, b"", False),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", False),
    "304 with a length": (b"HTTP/1.1 304 x\r\nContent-Length: 7\r\n\r\n", 304, b"", False),
    "after 103": (b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + SHORT, 200, b"{}", False),
    "after 100 and 102": (b"HTTP/1.1 100 x\r\n\r\nHTTP/1.1 102 x\r\n\r\n" + SHORT, 200, b"{}", False),
    "as large as allowed": (OK + b"Content-Length: 1000\r\n\r\n" + b"x" * 1_000, 200, b"x" * 1_000, True),
}  # fmt: skip


@pytest.mark.parametrize(("data", "status", "body", "reusable"), ANSWERS.values(), ids=ANSWERS.keys())
def test_complete_answer_is_read_and_says_whether_the_connection_may_stay(data, status, body, reusable):
    """Kept is only what ended by its own framing, in the plainest way, with nothing behind it."""
    reader, outcome = read(data)

    assert isinstance(outcome, RawAnswer)
    assert (status, body, reusable) == (outcome.status, outcome.body, reader.reusable)
    assert not reader.overrun


@pytest.mark.parametrize(
    "extra", [SHORT, CHUNKED + b"0\r\n\r\n", b"HTTP/1.1 408 Request Timeout\r\n\r\n", b"x", b"\x00"]
)
@pytest.mark.parametrize("first", [SHORT, CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"])
def test_second_answer_in_the_same_read_spoils_the_connection_not_the_first(first, extra):
    """The first belongs to the request; what follows would go to the next one."""
    reader, outcome = read(first + extra)

    assert isinstance(outcome, RawAnswer)
    assert b"{}" == outcome.body
    assert (False, True) == (reader.reusable, reader.overrun)


@pytest.mark.parametrize("first", [SHORT, CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"])
def test_empty_line_after_the_answer_spoils_the_connection(first):
    """Llhttp passes over it without a word; still nobody asked for it."""
    reader, outcome = read(first + b"\r\n")

    assert isinstance(outcome, RawAnswer)
    assert not reader.reusable


def test_body_without_a_length_ends_with_the_connection():
    """HTTP/1.0 and some proxies frame so; such a connection can't be kept."""
    reader, outcome = read(OK + b"\r\n{}")

    assert outcome is None
    ended = reader.end()
    assert isinstance(ended, RawAnswer)
    assert b"{}" == ended.body
    assert not reader.reusable


@pytest.mark.parametrize(
    "data", [b"", OK, SHORT[:-1], CHUNKED, CHUNKED + b"2\r\n{}\r\n0\r\n", b"HTTP/1.1 103 x\r\n\r\n"]
)
def test_close_before_the_end_is_a_failure(data):
    """A cut answer proves nothing."""
    reader, outcome = read(data) if data else (AnswerReader(LIMIT), None)

    assert outcome is None
    assert Failure(phase=Phase.SENT, kind="protocol_error") == reader.end()


def test_of_repeated_headers_the_last_counts_and_trailers_do_not():
    """Joined by a comma a pause could not be read; a trailer comes after the decision."""
    _, outcome = read(
        OK
        + b"Retry-After: 5\r\nRETRY-AFTER: 7\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nRetry-After: 9\r\n\r\n"
    )

    assert isinstance(outcome, RawAnswer)
    assert {"retry-after": "7", "transfer-encoding": "chunked"} == outcome.headers


def test_headers_of_an_interim_answer_are_not_the_answers():
    """An early hint is no hint at how long everybody should wait."""
    _, outcome = read(b"HTTP/1.1 103 x\r\nRetry-After: 900\r\nContent-Encoding: gzip\r\n\r\n" + SHORT)

    assert isinstance(outcome, RawAnswer)
    assert {"content-length": "2"} == outcome.headers


def test_head_that_was_read_reads_the_answers_after_it():
    """Parsing a head costs as much as sending; most answers of a server differ in their bodies alone."""
    reader, _ = read(SHORT)
    known = reader.known(SHORT)

    assert known is not None
    assert (200, {"content-length": "2"}, b"[]") == known.read(SHORT[:-2] + b"[]")


@pytest.mark.parametrize(
    "data", [SHORT[:-1], SHORT + b"x", SHORT + SHORT, SHORT.replace(b"200", b"429"), SHORT[1:] + b"x", b""]
)
def test_known_head_leaves_all_but_a_whole_answer_with_its_very_bytes_to_the_parser(data):
    """One byte too many is a second answer on its way, one too few a cut one."""
    reader, _ = read(SHORT)
    known = reader.known(SHORT)

    assert known is not None
    assert known.read(data) is None


@pytest.mark.parametrize(
    "pieces",
    [
        [SHORT[:10], SHORT[10:]],
        [SHORT + b"x"],
        [SHORT + b"\r\n"],
        [OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"],
        [CHUNKED + b"2\r\n{}\r\n0\r\n\r\n"],
        [OK + b"Content-Length: 0\r\n\r\n"],
        [b"HTTP/1.1 103 x\r\n\r\n" + SHORT],
        [b"HTTP/1.1 103 x\r\n\r\n", SHORT],
        [SHORT[:-1]],
        [b"rubbish"],
    ],
)
def test_head_is_known_only_of_an_answer_that_came_whole_with_its_length(pieces):
    """Of any other its bytes alone don't say where the next answer ends."""
    reader, _ = read(*pieces)

    assert reader.known(pieces[-1]) is None
