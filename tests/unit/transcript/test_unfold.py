import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from etl.errors import InputError, UsageError
from etl.transcript.columns import source_columns
from etl.transcript.unfold import MAX_ROWS, Unfolder
from unit.transcript.conftest import CONNECT, SALESFORCE, VOICE, ZENDESK, make_batch, make_job


def column(done, name):
    """Return a column of all rows."""
    return [cell for batch in done.rows for cell in batch.rows.column(name).to_pylist()]


def test_each_message_becomes_a_row_with_its_own_text_time_and_role(unfold):
    """The rows are what normalize would get from an export with one row per message."""
    done = unfold("salesforce", SALESFORCE)
    (batch,) = done.rows
    assert ["Contact", "Body", "Start", "(speaker)", "(position)"] == batch.rows.schema.names
    assert ["system", "system", "system", "agent", "customer"] == column(done, "(speaker)")
    assert ["Hello, how's it going?", "The lamp & the shade"] == column(done, "Body")[3:]
    assert ["2018-12-17T23:28:07.000-05:00", "2018-12-17T23:29:10.000-05:00"] == column(done, "Start")[3:]
    assert ["0", "1", "2", "3", "4"] == column(done, "(position)")
    assert ["u0"] * 5 == column(done, "Contact")
    assert [2] * 5 == batch.lines.to_pylist()
    assert ("chats.csv", 4, 0) == (batch.file, done.extra, done.rejects.num_rows)


@pytest.mark.parametrize(
    ("transcript", "body", "rows"), [("zendesk-chat", ZENDESK, 4), ("amazon-connect", CONNECT, 5)]
)
def test_parser_is_the_one_that_the_job_names(unfold, transcript, body, rows):
    """The form is never guessed."""
    done = unfold(transcript, body)
    assert (rows, 0) == (len(column(done, "Body")), done.rejects.num_rows)
    assert ([], 1) == (
        column(unfold("salesforce", body), "Body"),
        unfold("salesforce", body).rejects.num_rows,
    )


def test_unreadable_conversation_is_a_reject_and_the_others_go_on(unfold):
    """One broken cell must not cost the export; nothing of it is half imported."""
    done = unfold("zendesk-chat", ZENDESK, "secret words", None, " ", "[]", ZENDESK)
    assert [
        {
            "file": "chats.csv",
            "line": line,
            "code": "transcript_unreadable",
            "column": "Body",
            "detail": detail,
        }
        for line, detail in [
            (3, "no JSON: Expecting value at character 1"),
            (4, "no transcript in the cell"),
            (5, "no transcript in the cell"),
            (6, "a transcript without any entry"),
        ]
    ] == done.rejects.to_pylist()
    assert ["u0"] * 4 + ["u5"] * 4 == column(done, "Contact")
    assert 6 == done.extra


def test_empty_batch_gives_nothing(unfold):
    """A file may have a header only."""
    done = unfold("zendesk-chat")
    assert ((), 0, 0) == (done.rows, done.rejects.num_rows, done.extra)


def test_voice_counts_from_the_time_of_its_row(unfold):
    """Typed or written, but never now."""
    typed = {"Start": pa.array([datetime(2022, 5, 1, 10, tzinfo=UTC)], pa.timestamp("ms", "UTC"))}
    done = unfold("amazon-connect", VOICE, typed=typed)
    assert ["2022-05-01T10:00:00.000Z", "2022-05-01T10:00:01.250Z"] == column(done, "Start")
    assert 1 == unfold("amazon-connect", VOICE).rejects.num_rows


def test_naive_start_is_read_in_the_zone_of_the_job(unfold):
    """Salesforce reports write local times."""
    typed = {"Start": pa.array(["2022-05-01 12:00"])}
    done = unfold("amazon-connect", VOICE, typed=typed, time={"zone": "Europe/Copenhagen"})
    assert "2022-05-01T10:00:01.250Z" == column(done, "Start")[1]


def test_ids_stay_unique_and_an_empty_one_stays_empty(unfold):
    """An id of the conversation alone would make all its messages the same."""
    typed = {"Id": pa.array(["a", "", None])}
    done = unfold("zendesk-chat", *[ZENDESK] * 3, typed=typed, columns={"id": "Id"})
    assert ["a#0", "a#1", "a#2", "a#3", *[""] * 4, *[None] * 4] == column(done, "Id")


def test_other_columns_keep_their_types(unfold):
    """Normalize reads them as it would from the export."""
    typed = {"score": pa.array([1.5]), "kind": pa.array(["x"]).dictionary_encode()}
    done = unfold("zendesk-chat", ZENDESK, typed=typed)
    assert [pa.float64(), typed["kind"].type] == [done.rows[0].rows.column(name).type for name in typed]
    assert [1.5] * 4 == column(done, "score")


def test_roles_and_times_need_no_column_of_the_export(unfold):
    """A chat carries both inside; a job names them all the same."""
    job = {"columns": {"role": None, "timestamp": "(time)", "sequence": "(position)"}}
    done = unfold("zendesk-chat", ZENDESK, **job)
    assert ["system", "customer", "bot", "agent"] == column(done, "(speaker)")
    assert "2021-03-02T09:01:00.250Z" == column(done, "(time)")[3]
    assert ("Contact", "Body") == source_columns(make_job("zendesk-chat", **job))
    assert ("Contact", "Start", "Body") == source_columns(make_job("zendesk-chat", columns={"role": "who"}))


def test_role_column_of_the_export_is_replaced(unfold):
    """One row of a conversation has one value, its messages have several speakers."""
    done = unfold("zendesk-chat", ZENDESK, typed={"who": pa.array(["x"])}, columns={"role": "who"})
    assert ["system", "customer", "bot", "agent"] == column(done, "who")


def test_large_results_come_in_several_batches(unfold):
    """Memory of the stages behind is bounded by the batch."""
    message = {"type": "chat.msg", "nick": "visitor", "msg": "hi", "timestamp": "2021-03-02T09:00:00Z"}
    long = json.dumps([message] * (MAX_ROWS + 10))
    done = unfold("zendesk-chat", ZENDESK, long, ZENDESK)
    assert [MAX_ROWS, 14, 4] == [batch.rows.num_rows for batch in done.rows]
    assert [*range(MAX_ROWS + 10)] == [int(cell) for cell in column(done, "(position)")[4:-4]]


def test_huge_neighbour_is_not_repeated_without_end(unfold):
    """One row of 16 MB could ask for terabytes."""
    typed = {"notes": pa.array(["x" * 20_000_000])}
    done = unfold("zendesk-chat", ZENDESK, typed=typed)
    assert ["4 messages beside cells too large to repeat that often"] == done.rejects["detail"].to_pylist()


@pytest.mark.parametrize(
    ("name", "cells", "expected"),
    [
        (
            "Body",
            pa.array([[1]]),
            "chats.csv: column 'Body' has cells of type list<item: int64>, which are no texts",
        ),
        (
            "Id",
            pa.array([[1]]),
            "chats.csv: column 'Id' has cells of type list<item: int64>, which are no texts",
        ),
    ],
)
def test_column_that_holds_no_texts_is_an_error(name, cells, expected):
    """The mapping is wrong, not the row."""
    unfolder = Unfolder(make_job("zendesk-chat", columns={"id": "Id"}))
    with pytest.raises(InputError) as caught:
        unfolder(make_batch(ZENDESK, **{"Id": pa.array(["a"])} | {name: cells}))
    assert expected == caught.value.message


def test_absent_text_column_is_an_error():
    """The mapping is wrong, not the row."""
    with pytest.raises(InputError, match="column 'Chat' is not there"):
        Unfolder(make_job("zendesk-chat", columns={"text": "Chat"}))(make_batch(ZENDESK))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"id": "Key", "conversation": "Key"}, "columns.id and columns.conversation both name 'Key'"),
        (
            {"conversation_start": "Start"},
            "columns.timestamp and columns.conversation_start both name 'Start'",
        ),
        ({"variables": {"raw": "Body"}}, "columns.text and columns.variables.raw both name 'Body'"),
        ({"role": "Body"}, "columns.text and columns.role both name 'Body'"),
    ],
)
def test_column_that_is_the_message_s_and_the_conversation_s_is_refused(columns, expected):
    """With its id on it, each message would be a conversation of its own."""
    with pytest.raises(UsageError) as caught:
        Unfolder(make_job("salesforce", columns=columns))
    assert caught.value.message.startswith(expected)
    assert caught.value.hint


def test_job_without_a_parser_is_refused():
    """Only jobs that name one have transcripts."""
    with pytest.raises(UsageError, match="names no parser"):
        Unfolder(make_job(None))
