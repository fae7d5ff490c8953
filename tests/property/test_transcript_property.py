"""Laws of transcripts: whatever a cell holds, it is read whole or refused, fast, and the books balance."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.clock import SYSTEM
from etl.config.job import Job
from etl.model.schemas import REJECT_SCHEMA, RowBatch
from etl.transcript.amazon_connect import parse_amazon_connect
from etl.transcript.entry import Flaw
from etl.transcript.looks import looks_like_transcript
from etl.transcript.moments import written
from etl.transcript.salesforce import parse_salesforce
from etl.transcript.unfold import Unfolder
from etl.transcript.zendesk_chat import parse_zendesk_chat

PARSERS = {
    "salesforce": parse_salesforce,
    "zendesk-chat": parse_zendesk_chat,
    "amazon-connect": parse_amazon_connect,
}
START = datetime(2020, 1, 1, 12, tzinfo=UTC)
PIECES = (
    '<p align="center">', "</p>", "<br>", "<br/>", "<p>", "<", ">", "( 1s ) ", "( 1h 2m 3s ) ",
    "( 999999999d )", "Chat Started: Monday, December 17, 2018, 23:27:57 (-0500)", "Agent ", "Ann",
    "Ann: ", ": ", "&#39;", "&amp;lt;", "&#xD800;", "hi", "\n", "\u2028", "\x00", " ", "\U0001f642",
)  # fmt: skip
KEYS = (
    "type", "nick", "msg", "timestamp", "sender_type", "history", "message", "Transcript", "Participants",
    "Type", "AbsoluteTime", "BeginOffsetMillis", "Content", "ParticipantRole", "ParticipantId",
)  # fmt: skip
VALUES = (
    "chat.msg", "offline_msg", "visitor", "agent:1", "AGENT", "CUSTOMER", "MESSAGE", "EVENT",
    "2021-03-02T09:00:00Z", "2021-03-02T09:00:00", "9999-12-31T23:59:59Z", "\ud800",
)  # fmt: skip

texts = st.text(st.characters(codec="utf-8"), max_size=40)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from(VALUES)
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | texts, inner),
    max_leaves=20,
)
cells = (
    texts | st.lists(st.sampled_from(PIECES) | texts, max_size=20).map("".join) | documents.map(json.dumps)
)


@pytest.mark.parametrize("name", PARSERS)
@given(cell=cells | st.text(), start=st.none() | st.just(START))
def test_no_text_makes_a_parser_raise(name, cell, start):
    """One strange cell must not end an import of millions."""
    read = PARSERS[name](cell, start)
    assert isinstance(read, Flaw | list)
    if isinstance(read, list):
        assert all(entry.at.utcoffset() is not None and entry.text is not None for entry in read)


@given(bodies=st.lists(st.none() | cells, max_size=6), name=st.sampled_from(tuple(PARSERS)))
def test_books_balance_and_rejects_hold_no_text(bodies, name):
    """Rows in + extra = rows out + rejects, and a reason is made of our own words."""
    job = Job.model_validate(
        {
            "source": "acme",
            "target": {"deployment_id": "d"},
            "roles": {"customer": ("customer",)},
            "columns": {"user": "u", "text": "body", "timestamp": "at", "role": "(speaker)", "id": "id"},
            "input": {"transcript": name},
        },
    )
    rows = {
        "u": pa.array(["u"] * len(bodies), pa.string()),
        "id": pa.array([str(number) for number in range(len(bodies))], pa.string()),
        "body": pa.array(bodies, pa.string()),
        "at": pa.array(["2020-01-01T00:00:00Z"] * len(bodies), pa.string()),
    }
    lines = pa.array(range(len(bodies)), pa.int64())
    done = Unfolder(job)(RowBatch(file="f", rows=pa.RecordBatch.from_pydict(rows), lines=lines))
    out = [row for batch in done.rows for row in batch.rows.to_pylist()]
    assert len(bodies) + done.extra == len(out) + done.rejects.num_rows
    assert 0 <= done.extra
    assert len(out) == len({row["id"] for row in out})
    assert REJECT_SCHEMA == done.rejects.schema
    assert looks_like_transcript(rows["body"]) in {None, "unknown", *PARSERS}


plain = st.text(st.characters(codec="utf-8", exclude_characters="<>&\r\n"), max_size=30).map(
    lambda text: text.strip(" \t")
)
chats = st.lists(st.tuples(st.integers(0, 10**6), st.booleans(), plain), max_size=8)


@given(chat=chats, hours=st.integers(-12, 14))
def test_written_transcript_is_read_as_it_was_said(chat, hours):
    """Every message comes back with its speaker, its text and its exact second."""
    start = datetime(2018, 12, 17, 23, 27, 57, tzinfo=timezone(timedelta(hours=hours)))
    body = "".join(
        f"( {seconds // 60}m {seconds % 60}s ) {'Ann: B' if agent else 'Cy'}: {text}<br>"
        for seconds, agent, text in chat
    )
    header = f"Chat Started: {start:%A, %B %d, %Y, %H:%M:%S (%z)}"
    centred = "".join(f'<p align="center">{line}</p>' for line in (header, "Agent Ann: B"))
    read = parse_salesforce(centred + body, None)
    assert isinstance(read, list)
    assert [
        (written(start + timedelta(seconds=seconds)), "agent" if agent else "customer", text)
        for seconds, agent, text in chat
    ] == [(written(entry.at), entry.speaker.value, entry.text) for entry in read[2:]]


@pytest.mark.parametrize("name", PARSERS)
@pytest.mark.parametrize(
    "piece",
    [
        "<p", "<p ", "<br", "<a ", "( ", "( 1", "( 1s ) ", ":", "( 1s ) a: ", "<br>( 1s ) a: b", "<br>", "&",
        "&#", "[", "{", '{"type":', '"', "\\", "9", "Chat Started: ", '<p align="center">Agent a</p>',
        "2021-01-01 10:00 ",
    ],
)  # fmt: skip
def test_a_large_cell_takes_no_longer_than_its_size(name, piece):
    """A cell of megabytes that a pattern tries again from every character would hang the import."""
    header = '<p align="center">Chat Started: Monday, December 17, 2018, 23:27:57 (-0500)</p>( 1s ) a: '
    cell = header + piece * (2_000_000 // len(piece))
    begun = SYSTEM.monotonic()
    PARSERS[name](cell, START)
    PARSERS[name](cell[len(header) :], START)
    looks_like_transcript(pa.array([cell, cell[len(header) :]]))
    assert 20 > SYSTEM.monotonic() - begun
