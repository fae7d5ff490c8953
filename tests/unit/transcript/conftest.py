"""Invented transcripts, shaped as the products write them."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from etl.config.job import Job
from etl.model.schemas import RowBatch
from etl.transcript.unfold import Unfolded, Unfolder

HEADER = (
    '<p align="center">Chat Started: Monday, December 17, 2018, 23:27:57 (-0500)</p>'
    '<p align="center">Chat Origin: Web Chat</p>'
)
SALESFORCE = (
    f'{HEADER}<p align="center">Agent Nadia Q</p>'
    "( 10s ) Nadia Q: Hello, how&#39;s it going?<br>"
    "( 1m 13s ) Visitor: The lamp &amp; the shade<br>"
)
ZENDESK = """[
  {"type": "chat.memberjoin", "name": "Visitor 11", "nick": "visitor", "timestamp": "2021-03-02T09:00:00Z"},
  {"type": "chat.msg", "name": "Visitor 11", "nick": "visitor:11", "msg": "Is it open?",
   "msg_id": "a1", "timestamp": "2021-03-02T09:00:04Z"},
  {"type": "chat.msg", "name": "Greeter", "nick": "agent:trigger", "msg": "One moment",
   "timestamp": "2021-03-02T09:00:05Z"},
  {"type": "chat.msg", "name": "Odd", "nick": "agent:403", "msg": "It is \\ud83d\\ude42",
   "timestamp": "2021-03-02T09:01:00.250Z"}
]"""
CONNECT = """{"Version": "2019-08-26", "ContactId": "c1", "Participants": [{"ParticipantId": "p1"}],
 "Transcript": [
  {"AbsoluteTime": "2022-05-01T10:00:00.000Z", "Id": "1", "Type": "EVENT", "ParticipantRole": "CUSTOMER",
   "ContentType": "application/vnd.amazonaws.connect.event.participant.joined"},
  {"AbsoluteTime": "2022-05-01T10:00:01.120Z", "Id": "2", "Type": "MESSAGE", "ParticipantRole": "SYSTEM",
   "Content": "You are being connected", "ContentType": "text/plain"},
  {"AbsoluteTime": "2022-05-01T10:00:02.500Z", "Id": "3", "Type": "MESSAGE", "ParticipantRole": "CUSTOMER",
   "Content": "My parcel is late", "ContentType": "text/plain"},
  {"AbsoluteTime": "2022-05-01T10:00:09.000Z", "Id": "4", "Type": "ATTACHMENT", "ParticipantRole": "AGENT"},
  {"AbsoluteTime": "2022-05-01T10:00:10.000Z", "Id": "5", "Type": "MESSAGE", "ParticipantRole": "AGENT",
   "Content": "Let me look", "ContentType": "text/plain"}]}"""
VOICE = """{"Channel": "VOICE",
 "Participants": [{"ParticipantId": "p-1", "ParticipantRole": "AGENT"}, {"ParticipantId": "p-2"}],
 "Transcript": [
  {"BeginOffsetMillis": 0, "EndOffsetMillis": 900, "Content": "Good morning", "ParticipantId": "p-1"},
  {"BeginOffsetMillis": 1250, "EndOffsetMillis": 2000, "Content": "Hi", "ParticipantId": "CUSTOMER"}]}"""


def make_job(transcript: str | None, **settings: Any) -> Job:
    """Return a job for transcripts; settings replace whole tables or add to `columns`."""
    columns: dict[str, Any] = {"user": "Contact", "text": "Body", "timestamp": "Start", "role": "(speaker)"}
    columns |= settings.pop("columns", {})
    tables: dict[str, Any] = {
        "source": "acme",
        "target": {"deployment_id": "d"},
        "roles": {"customer": ("customer",), "agent": ("agent",), "skip": ("system",)},
        "columns": {name: column for name, column in columns.items() if column is not None},
        "input": {"transcript": transcript},
    }
    return Job.model_validate(tables | settings)


def make_batch(*bodies: str | None, **typed: pa.Array) -> RowBatch:
    """Return one conversation a body, from line 2 on; `typed` adds or replaces columns."""
    count = len(bodies)
    columns = {
        "Contact": pa.array([f"u{number}" for number in range(count)], pa.string()),
        "Body": pa.array(bodies, pa.string()),
        "Start": pa.array([""] * count, pa.string()),
    }
    lines = pa.array(range(2, 2 + count), pa.int64())
    return RowBatch(file="chats.csv", rows=pa.RecordBatch.from_pydict(columns | typed), lines=lines)


@pytest.fixture
def unfold() -> Callable[..., Unfolded]:
    """Return a function that unfolds bodies and checks that the books balance."""

    def run(transcript: str, *bodies: str | None, typed: Any = None, **settings: Any) -> Unfolded:
        done = Unfolder(make_job(transcript, **settings))(make_batch(*bodies, **(typed or {})))
        for batch in done.rows:
            batch.rows.validate(full=True)
            assert batch.rows.num_rows == len(batch.lines)
        done.rejects.validate(full=True)
        out = sum(batch.rows.num_rows for batch in done.rows)
        assert len(bodies) + done.extra == out + done.rejects.num_rows
        return done

    return run
