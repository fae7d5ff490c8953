"""Which rows are messages, rejects or skipped, and why."""

import pyarrow as pa
import pytest

from etl.errors import InputError
from etl.model.schemas import MESSAGE_SCHEMA, REJECT_SCHEMA

FILLER = "1970: an empty value? (1970-01-01 00:00:00.000000)"


@pytest.mark.parametrize(
    ("cells", "code", "column", "detail"),
    [
        ({"public": ""}, "unknown_visibility", "public", ""),
        ({"public": None}, "unknown_visibility", "public", None),
        ({"public": "True"}, "unknown_visibility", "public", "True"),
        ({"who": ""}, "missing_role", "who", None),
        ({"who": None}, "missing_role", "who", None),
        ({"who": " \u00a0"}, "missing_role", "who", None),
        ({"who": "End-User"}, "unknown_role", "who", "End-User"),
        ({"who": "a" * 38 + "\nb"}, "unknown_role", "who", "a" * 38 + "<U+000A>b"),
        ({"who": "a" * 41}, "unknown_role", "who", "(a text)"),
        ({"who": "where is my parcel now"}, "unknown_role", "who", "(a text)"),
        ({"public": "jo@example.com"}, "unknown_visibility", "public", "(a text)"),
        ({"user": ""}, "missing_user", "user", None),
        ({"user": None}, "missing_user", "user", None),
        ({"user": "\t\u3000"}, "missing_user", "user", None),
        ({"user": "é" * 256}, "user_too_long", "user", "256 characters: " + "é" * 12 + "…"),
        ({"user": "1.23457E+17"}, "id_precision_lost", "user", "1.23457E+17"),
        ({"user": "1,23457e17"}, "id_precision_lost", "user", "1,23457e17"),
        ({"ticket": "-1E5"}, "id_precision_lost", "ticket", "-1E5"),
        ({"msg": "1.234567890123E+17"}, "id_precision_lost", "msg", "1.2345678901…"),
        ({"when": ""}, "missing_timestamp", "when", None),
        ({"when": None}, "missing_timestamp", "when", None),
        ({"when": " "}, "missing_timestamp", "when", None),
        ({"when": "1/5/2024, Ann"}, "bad_timestamp", "when", "looks like 9/9/9999, aaa"),
        ({"when": "2024-05-01 10:00"}, "timestamp_without_zone", "when", None),
        ({"when": "1970-01-01T00:00Z"}, "timestamp_out_of_range", "when", FILLER),
        ({"seq": "3.0"}, "bad_sequence", "seq", "looks like 9.9"),
        ({"seq": "9223372036854775808"}, "bad_sequence", "seq", "looks like " + "9" * 19),
        ({"seq": "one"}, "bad_sequence", "seq", "looks like aaa"),
        ({"body": ""}, "empty_text", "body", None),
        ({"body": None}, "empty_text", "body", None),
        ({"body": "\n \u00a0\u200b\u200c\u200d\u2060\ufeff\x00\x0b\u2028"}, "empty_text", "body", None),
        ({"body": "x" * 10_001}, "text_too_long", "body", "10001 characters"),
        ({"body": " " * 10_001}, "empty_text", "body", None),
    ],
)
def test_a_faulty_cell_rejects_its_row_with_code_column_and_detail(normalize, cells, code, column, detail):
    """A reject must say what to mend; the sound rows around it stay."""
    done = normalize({}, cells, {})
    assert done.rejects.schema.equals(REJECT_SCHEMA)
    assert [{"file": "in.csv", "line": 3, "code": code, "column": column, "detail": detail}] == (
        done.rejects.to_pylist()
    )
    assert done.messages["line"].to_pylist() == [2, 4]


@pytest.mark.parametrize(
    ("zone", "when", "code", "detail"),
    [
        ("Europe/Copenhagen", "2024-10-27 02:30", "timestamp_ambiguous", "2024-10-27 02:30:00.000000"),
        ("Europe/Copenhagen", "2024-03-31 02:30", "timestamp_nonexistent", "2024-03-31 02:30:00.000000"),
    ],
)
def test_a_wall_time_that_is_not_exactly_one_instant_is_a_reject(normalize, zone, when, code, detail):
    """Clocks that jump make two instants of a digit string, or none; etl does not guess."""
    done = normalize({"when": when}, time={"zone": zone})
    assert [(code, detail)] == [(row["code"], row["detail"]) for row in done.rejects.to_pylist()]


def test_a_row_with_many_faults_gets_the_first_in_fixed_order(normalize):
    """One reject per row: mending them one after the other must uncover the checks in the stated order."""
    faults = [
        ("public", "maybe", "unknown_visibility"),
        ("who", "ghost", "unknown_role"),
        ("user", "", "missing_user"),
        ("ticket", "1E9", "id_precision_lost"),
        ("when", "now", "bad_timestamp"),
        ("seq", "x", "bad_sequence"),
        ("body", "", "empty_text"),
    ]
    rows = [{name: value for name, value, _ in faults[first:]} for first in range(len(faults))]
    assert [code for *_, code in faults] == normalize(*rows).rejects["code"].to_pylist()


def test_rejects_stand_in_row_order_whatever_check_found_them(normalize):
    """People walk through the reject file beside the export."""
    done = normalize({"body": ""}, {"who": "x"}, {"when": "x"}, {"public": ""})
    assert done.rejects["line"].to_pylist() == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"public": "false", "who": "ghost", "user": "", "when": "x", "body": ""}, "private"),
        ({"who": "system", "user": "", "when": "", "body": ""}, "role"),
        ({"who": "system", "public": "maybe"}, "role"),
        ({"who": "system", "public": "false"}, "private"),
    ],
)
def test_a_rule_of_the_job_skips_a_row_before_any_check(normalize, cells, reason):
    """A note or a system row is left out on purpose; what else is wrong with it concerns nobody."""
    done = normalize(cells)
    assert {reason: 1} == done.skipped
    assert done.rejects.num_rows == 0


def test_customers_only_skips_agents_and_bots(normalize):
    """With `customers-only` nothing else may reach the API."""
    done = normalize(
        {"who": "agent"}, {"who": "bot"}, {}, {"who": "ghost"}, message={"speaker": "customers-only"}
    )
    assert done.skipped == {"role": 2}
    assert done.messages["role"].to_pylist() == ["customer"]
    assert done.rejects["code"].to_pylist() == ["unknown_role"]


def test_everyone_gives_all_rows_one_role(normalize):
    """An export that holds one side has no role column."""
    settings = {"columns": {"role": None}, "roles": {"everyone": "agent"}}
    assert normalize({}, {}, **settings).messages["role"].to_pylist() == ["agent", "agent"]
    assert normalize({}, {}, message={"speaker": "customers-only"}, **settings).skipped == {"role": 2}


def test_a_listed_value_counts_even_if_it_is_blank(normalize):
    """Some exports leave the cell of one side empty, and the job can say so."""
    done = normalize({"who": "", "public": ""}, roles={"bot": ("",)}, visibility={"public": ("",)})
    assert done.messages["role"].to_pylist() == ["bot"]


def test_without_a_visibility_column_every_row_is_public(normalize):
    """Not every export has notes."""
    done = normalize({}, columns={"visibility": None}, visibility={})
    assert done.messages.num_rows == 1


def test_literals_stay_exactly_as_they_are(normalize):
    """What other readers take for nothing or for a number is an id or a text here."""
    ids = {"user": "NA", "ticket": "000123", "msg": "null", "body": " N/A "}
    message = normalize(ids).messages.to_pylist()[0]
    assert (
        message["lane"],
        message["conversation"],
        message["native_id"],
        message["text"],
    ) == ("NA", "000123", "null", " N/A ")


def test_blank_optional_cells_are_null(normalize):
    """A blank id must not make all messages without id one message."""
    message = normalize({"msg": " ", "ticket": "", "seq": " "}).messages.to_pylist()[0]
    assert (message["native_id"], message["conversation"], message["sequence"]) == (None, None, None)


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("007", 7),
        ("9223372036854775807", 9223372036854775807),
        ("-5", -5),
        ("0" * 30 + "1", 1),
    ],
)
def test_a_sequence_is_any_whole_number_of_64_bits(normalize, cell, number):
    """It orders messages of one instant."""
    assert [number] == normalize({"seq": cell}).messages["sequence"].to_pylist()


@pytest.mark.parametrize("sign", ["+-5", "--5", "-", "+", "5 ", "\u0665"])
def test_a_sequence_with_senseless_signs_is_rejected(normalize, sign):
    """Stripping signs must not make a number of them."""
    assert normalize({"seq": sign}).rejects["code"].to_pylist() == ["bad_sequence"]


def test_lane_conversation_takes_the_conversation_for_the_user(normalize):
    """Tickets stay apart when each has its own user id; then a row needs one."""
    done = normalize(
        {}, {"ticket": ""}, {"ticket": "x" * 256}, {"user": ""}, message={"lane": "conversation"}
    )
    assert done.messages["lane"].to_pylist() == ["t1", "t1"]
    assert [(row["code"], row["column"]) for row in done.rejects.to_pylist()] == [
        ("missing_user", "ticket"),
        ("user_too_long", "ticket"),
    ]


def test_an_empty_batch_gives_empty_batches_of_the_schemas(normalize):
    """A file may hold a header only."""
    done = normalize()
    assert done.messages.schema.equals(MESSAGE_SCHEMA)
    assert (done.messages.num_rows, done.rejects.num_rows, done.skipped, done.changed) == (0, 0, {}, {})


def test_a_missing_column_is_named(normalize):
    """The operator must learn which mapping is wrong, not see a foreign exception."""
    with pytest.raises(InputError, match=r"in\.csv: column 'absent' is not there"):
        normalize({}, columns={"text": "absent"})


def test_a_nested_column_is_refused(normalize):
    """A list is no text, and its Python form must never be sent."""
    with pytest.raises(InputError, match="column 'body' has cells of type list"):
        normalize({}, typed={"body": pa.array([["a"]])})


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.dictionary(pa.int32(), pa.string()), pa.string_view()]
)
def test_strings_are_read_however_they_are_stored(normalize, kind):
    """Parquet writers differ in how they store the same strings."""
    typed = {
        name: pa.array([value], pa.string()).cast(kind)
        for name, value in (("when", "2024-05-01T10:00Z"), ("user", "u9"))
    }
    assert normalize({}, typed=typed).messages["lane"].to_pylist() == ["u9"]
