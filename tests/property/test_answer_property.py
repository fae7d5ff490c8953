"""Laws of reading answers: where the reads are cut never matters, and nothing is raised."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from etl.api.answer import AnswerReader
from etl.api.transport import RawAnswer
from etl.model.exchange import Failure, Phase

LIMIT = 500

HEADS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK", b"HTTP/1.1 429 x", b"HTTP/1.1 103 x\r\n\r\nHTTP/1.1 200 OK",
     b"HTTP/1.1 204 x", b"HTTP/1.1 101 x", b"HTTP/2.0 200 OK"]
)  # fmt: skip
FIELDS = st.lists(
    st.sampled_from(
        [b"Content-Length: 5", b"Content-Length: 0", b"Transfer-Encoding: chunked", b"Connection: close",
         b"Content-Encoding: gzip", b"Set-Cookie: \xff; a", b" folded", b"Retry-After: 5"]
    ),
    max_size=3,
)  # fmt: skip
BODIES = st.sampled_from(
    [b"", b"hello", b"hell", b"hello, world", b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\nX: y\r\n\r\n",
     b"5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", b"helloHTTP/1.1 200 OK\r\n\r\n", b"hello\r\n"]
)  # fmt: skip
ANSWERS = st.builds(
    lambda head, fields, body: b"\r\n".join([head, *fields, b"", body]), HEADS, FIELDS, BODIES
)


def outcome(pieces: list[bytes]) -> tuple[RawAnswer | Failure | None, bool]:
    """Return what a reader decides, and whether the connection may stay."""
    reader = AnswerReader(LIMIT)
    for piece in pieces:
        decided = reader.feed(piece)
        if decided is not None:
            return decided, reader.reusable
    return None, reader.reusable


@settings(deadline=None, max_examples=300)
@given(data=ANSWERS, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_where_the_reads_are_cut_does_not_change_the_answer(data, cuts):
    """TCP has no messages: a server can't be held to its writes."""
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    whole, _ = outcome([data])
    cut, _ = outcome([data[start:end] for start, end in pairwise(bounds) if end > start])

    assert whole == cut


@settings(deadline=None, max_examples=300)
@given(data=ANSWERS, extra=st.binary(min_size=1, max_size=5) | ANSWERS)
def test_a_connection_is_kept_only_if_the_answer_is_all_that_came(data, extra):
    """One byte too many, and the next message may be given what was meant for this one."""
    decided, kept = outcome([data])
    if kept:
        assert (decided, False) == outcome([data + extra])


@settings(deadline=None, max_examples=300)
@given(pieces=st.lists(ANSWERS | st.binary(min_size=1, max_size=80), min_size=1, max_size=3))
def test_whatever_comes_is_an_answer_a_failure_after_sending_or_not_yet_decided(pieces):
    """A reader that raised would leave a message in flight."""
    decided, kept = outcome(pieces)

    assert decided is None or isinstance(decided, RawAnswer) or decided.phase is Phase.SENT
    assert isinstance(decided, RawAnswer) or not kept


@settings(deadline=None, max_examples=300)
@given(first=ANSWERS, body=st.binary(max_size=8), other=ANSWERS)
def test_what_a_known_head_reads_is_what_a_reader_reads_and_nothing_else(first, body, other):
    """It passes the parser over: an answer that it took for another would be another message's."""
    reader = AnswerReader(LIMIT)
    reader.feed(first)
    known = reader.known(first)
    if known is None:
        return
    for data in (first, known.data + body, first + body, other):
        read = known.read(data)
        again, kept = outcome([data])
        assert read is None or (read, True) == (again, kept)
    assert outcome([first])[0] == known.read(first)
