import pyarrow as pa
import pytest

from etl.transcript.looks import looks_like_transcript
from unit.transcript.conftest import CONNECT, SALESFORCE, VOICE, ZENDESK


def texts(*cells):
    """Return a column of cells."""
    return pa.array(cells, pa.string())


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (SALESFORCE, "salesforce"),
        ('<p align="center">Chat Started: Monday</p>', "salesforce"),
        (ZENDESK, "zendesk-chat"),
        ('{"type":"offline_msg","message":"x"}', "zendesk-chat"),
        (CONNECT, "amazon-connect"),
        (VOICE, "amazon-connect"),
        ("[10:00] Ann: hi\n[10:01:30] Bo: hello", "unknown"),
        ("10:00 AM Ann: hi\n10:02 AM Bo: hello", "unknown"),
        ("2009-09-01 19:02 hi | 2009-09-01 19:10 hello", "unknown"),
        ("01/09/2009, 7:02 PM hi<br>01/09/2009, 7:10 PM hello", "unknown"),
        ("( 12s ) hi ( 1m 3s ) hello", "unknown"),
    ],
)
def test_whole_conversation_is_noticed(cell, expected):
    """Sent as one message it would be a wall of text by nobody."""
    assert expected == looks_like_transcript(texts(cell, cell))


@pytest.mark.parametrize(
    "cell",
    [
        "hello", "Can I come at 10:00 or 11:30 tomorrow?", "On 2009-09-01 19:02 you wrote: thanks",
        "It took ( 12s ) only", '{"type": "text"}', "(see 5s) and (see 6s): no",
    ],
)  # fmt: skip
def test_ordinary_message_is_none(cell):
    """Times are spoken of in messages, too."""
    assert looks_like_transcript(texts(cell, cell)) is None


def test_few_odd_cells_do_not_make_a_column_of_transcripts():
    """Somebody may paste a log into a message."""
    assert looks_like_transcript(texts(SALESFORCE, "hello")) is None
    assert "salesforce" == looks_like_transcript(texts(SALESFORCE, "", None))


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_any_kind_of_text_is_looked_at(kind):
    """Parquet stores texts in several ways."""
    assert "zendesk-chat" == looks_like_transcript(texts(ZENDESK).cast(kind))


def test_what_is_no_text_is_no_transcript():
    """A column of numbers is another stage's trouble."""
    assert looks_like_transcript(pa.array([1])) is None
    assert looks_like_transcript(texts()) is None
    assert looks_like_transcript(pa.array([None], pa.string())) is None
