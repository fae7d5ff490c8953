"""Traps of how tables are written: encodings, quotes, delimiters, widths, headers, values of odd kinds."""

import csv
import io
import json
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.errors import ExitCode, InputError
from support.checked import check, rows, write

HEADER = "id,ticket,user,role,at,text"
LINE = "{0},t1,u1,customer,2024-03-01T10:00:0{0}Z,{1}"


def lines(*texts, end="\n", header=HEADER):
    """Return a CSV file of plain texts."""
    return end.join([header, *(LINE.format(number, text) for number, text in enumerate(texts)), ""])


def test_trap_25_ids_stay_the_characters_that_they_are(tmp_path):
    """A spreadsheet keeps fifteen digits; what it wrote over can't be told from another person."""
    kept = ["9007199254740993", "115712.0", "115712", '="000123"', "000123", "123", "'000123", "#N/A"]
    lost = ["9.00719925474099E+15", "1.23457E+17", "1,23457E+17"]
    write(tmp_path, rows(*({"user": user} for user in kept + lost)))
    write(tmp_path, rows({"id": "1.23E+17"}, {"ticket": "1.23E+17"}, {}), "others.csv")

    result = check(tmp_path, "history.csv")

    assert sorted(kept) == sorted(result.of("lane"))
    assert {"id_precision_lost": 3} == result.codes
    assert "user '#N/A' has 1 messages" in result.printed
    assert "without opening the file in a spreadsheet" in result.printed
    assert {"id_precision_lost": 2} == check(tmp_path, "others.csv").codes


def test_trap_26_nothing_is_read_as_missing_and_float_ids_lose_their_point(tmp_path):
    """Data frames take NA for nothing and turn ids with a gap among them into floats."""
    words = ["NULL", "None", "nan", "NaN", "NA", "N/A", "null", "-", "#N/A", "true", "0", "inf", "undefined"]
    write(tmp_path, rows(*({"text": word, "user": "NA"} for word in words)))
    frame = pd.DataFrame(rows({"user": 115712.0}, {"user": None}, {"user": 2.0**53 + 2}, {"user": 1.5}))
    frame.to_parquet(tmp_path / "frame.parquet")
    frame.head(1).to_csv(tmp_path / "frame.csv")

    result = check(tmp_path, "history.csv")
    typed = check(tmp_path, "frame.parquet")

    assert (words, {"NA"}) == (result.texts, set(result.of("lane")))
    assert ["1.5", "115712"] == sorted(typed.of("lane"))
    assert {"missing_user": 1, "id_precision_lost": 1} == typed.codes
    assert ["115712.0"] == check(tmp_path, "frame.csv").of("lane")


@pytest.mark.parametrize(
    ("encoding", "declared", "text"),
    [
        ("utf-8-sig", None, "rødgrød 😀"),
        ("utf-16", None, "rødgrød 😀"),
        ("utf-16-le", "utf-16-le", "rødgrød"),
        ("cp1252", "cp1252", "rødgrød €"),
        ("latin-1", "latin-1", "rødgrød"),
        ("gb18030", "gb18030", "你好"),
    ],
)
def test_trap_27_an_encoding_is_marked_or_declared_and_never_guessed(tmp_path, encoding, declared, text):
    """A letter that was replaced can't be put back."""
    (tmp_path / "a.csv").write_bytes(lines(text, "ok").encode(encoding))

    if declared:
        with pytest.raises(InputError, match=r"not valid utf-8|every second byte is NUL") as refused:
            check(tmp_path)
        assert "[input] encoding" in refused.value.hint
    assert [text, "ok"] == check(tmp_path, input={"encoding": declared}).texts


def test_trap_28_one_foreign_line_stops_the_file_and_is_named(tmp_path):
    """Two exports pasted together; whatever one encoding makes of the other is wrong."""
    data = lines("æøå", "?", "ok").encode().replace(b"?", "rødgrød med fløde".encode("cp1252"))
    (tmp_path / "a.csv").write_bytes(data)

    with pytest.raises(
        InputError, match=r"line 3, byte \d+: not valid utf-8; it looks like cp1252"
    ) as refused:
        check(tmp_path)
    assert "if only some lines are, export it again" in refused.value.hint
    (tmp_path / "b.csv").write_text(lines("fine"), encoding="utf-8")
    told = check(tmp_path, input={"on_file_error": "skip"})
    assert (["fine"], 1) == (told.texts, len(told.summary.skipped_files))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_trap_29_line_breaks_inside_values_stay_and_lines_are_counted(tmp_path, end):
    """A quoted CRLF on the edge of a reader's block lost its LF in a library that is used here."""
    breaks = "a\u2028b\x85c\x0bd\x0ce"
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator=end)
    writer.writerow(HEADER.split(","))
    first, edge, last, fault = rows(
        {"text": "y" * 600_000}, {}, {"text": f"1\n2\r3\r\n{breaks}"}, {"role": "nobody"}
    )
    writer.writerow(first.values())
    filler = "z" * ((1 << 20) - 1 - sink.tell() - len(",".join(edge.values())) + len(edge["text"]) - 1)
    edge["text"] = f"{filler}\r\nB"
    writer.writerows([edge.values(), last.values(), fault.values()])
    written = sink.getvalue()
    (tmp_path / "a.csv").write_bytes(written.encode())

    result = check(tmp_path, text={"max_characters": 1_000_000})

    assert "\r\n" == written[(1 << 20) - 1 : (1 << 20) + 1]
    assert [first["text"], edge["text"], "1\n2\r3\r\na\u2028b\x85cde"] == result.texts
    before = written[: written.index("m3,t1")]
    assert 1 + before.count("\r" if end == "\r" else "\n") == result.rejects[0]["line"]


def test_trap_30_a_quote_that_never_closes_costs_one_record(tmp_path):
    """It must not swallow the rest of a file unnoticed."""
    many = "".join(f"{LINE.format(n % 10, 'x' * 50)}\n" for n in range(100))
    text = lines("sound") + LINE.format(1, '"open') + "\n" + many
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")

    result = check(tmp_path, input={"max_record_bytes": 4096}, columns={"id": None})

    assert "sound" == result.texts[0]
    assert {"record_too_large": 1} == result.codes
    assert 3 == result.rejects[0]["line"]
    assert 101 == result.summary.conservation.rows - 1


def test_trap_31_a_huge_cell_is_one_reject_and_its_neighbours_stay(tmp_path):
    """Standard parsers give up a whole file at 131,072 characters."""
    write(tmp_path, rows({}, {"text": "x" * 900_000}, {"text": "y" * 200_000}, {}))

    result = check(tmp_path)
    wide = check(tmp_path, text={"max_characters": 1_000_000})

    assert ["text 0", "text 3"] == result.texts
    assert {"text_too_long": 2} == result.codes
    assert [6, 900_000, 200_000, 6] == [len(text) for text in wide.texts]


@pytest.mark.parametrize("mark", [";", "\t", "|", ","])
def test_trap_32_the_header_shows_the_delimiter_and_one_column_is_an_error(tmp_path, mark):
    """Commas are in texts, too, so only the header line is asked."""
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter=mark)
    writer.writerow(HEADER.split(","))
    writer.writerow(rows({"text": "one, two; three | four"})[0].values())
    (tmp_path / "a.csv").write_text(sink.getvalue(), encoding="utf-8")
    (tmp_path / "excel.csv").write_text(f"sep={mark}\r\n{sink.getvalue()}", encoding="utf-8")

    assert ["one, two; three | four"] == check(tmp_path, "a.csv").texts
    assert ["one, two; three | four"] == check(tmp_path, "excel.csv").texts
    wrong = "^" if mark == "," else ","
    with pytest.raises(InputError, match="one single column"):
        check(tmp_path, "a.csv", input={"delimiter": wrong})


def test_trap_33_rows_of_another_width_are_rejects_with_their_line(tmp_path):
    """Padding or cutting would shift every column behind."""
    text = lines("sound") + "only,three,fields\n" + LINE.format(2, "one,more") + "\n\n   \nTotal: 4 rows\n"
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    (tmp_path / "report.csv").write_text(f"Report:,Chats\nMade:,today\n\n{lines('x')}", encoding="utf-8")

    result = check(tmp_path, "a.csv")

    assert ["sound"] == result.texts
    assert [(3, "expected 6 fields, found 3"), (4, "expected 6 fields, found 7")] == [
        (reject["line"], reject["detail"]) for reject in result.rejects[:2]
    ]
    assert ({"ragged_row": 4}, 1) == (result.codes, result.summary.files[0].blank_lines)
    with pytest.raises(InputError, match=r"no column .*; found 'Report:', 'Chats'") as refused:
        check(tmp_path, "report.csv")
    assert "skip_lines" in refused.value.hint
    assert ["x"] == check(tmp_path, "report.csv", input={"skip_lines": 3}).texts
    (tmp_path / "bare.csv").write_text(f"{HEADER}\n", encoding="utf-8")
    assert "the files hold no rows" in check(tmp_path, "bare.csv").printed


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("id,ticket,user,role,at,at", "names 'at' more than once"),
        ("id,ticket,user,role,when,text", "no column 'at'; found 'id', 'ticket', 'user', 'role', 'when'"),
        ("id,ticket,user,role,At,text", "no column 'at'"),
        ("id,ticket,user,role,at ,text", "no column 'at'"),
        ("id,ticket,user,role,\u00a0at,text", "no column 'at'"),
    ],
)
def test_trap_34_headers_must_be_exactly_the_jobs_and_near_ones_are_named(tmp_path, header, message):
    """A dictionary takes the last of two columns, and says nothing."""
    (tmp_path / "a.csv").write_text(lines("x", header=header), encoding="utf-8")

    with pytest.raises(InputError, match=message) as refused:
        check(tmp_path)
    near = header.split(",")[4]
    assert (near.strip().lower() == "at" and near != "at") == ("'at' is near" in refused.value.hint)


def test_trap_37_whole_conversations_are_refused_or_unfolded_by_a_named_parser(tmp_path):
    """One message of a whole chat would be one answer to nobody."""
    events = [
        {"type": "chat.msg", "nick": nick, "timestamp": f"2024-03-01T10:00:0{n}Z", "msg": f"said {n}"}
        for n, nick in enumerate(("visitor:1", "agent:9", "agent:trigger"))
    ]
    write(tmp_path, rows({"text": json.dumps(events)}))
    roles = {"customer": ["customer"], "agent": ["agent"], "bot": ["bot"], "skip": ["system"]}

    with pytest.raises(InputError, match="holds whole conversations, one a row") as refused:
        check(
            tmp_path, columns={"role": None}, roles={"everyone": "customer", "customer": None, "agent": None}
        )
    write(tmp_path, rows({"text": json.dumps(events)}, {"text": "no list", "id": "bad"}))
    result = check(tmp_path, columns={"role": None}, input={"transcript": "zendesk-chat"}, roles=roles)

    assert "[input] transcript" in refused.value.hint
    assert [("said 0", "customer"), ("said 1", "agent"), ("said 2", "bot")] == [
        (row["text"], row["role"]) for row in result.messages
    ]
    counts = result.summary.conservation
    assert (2, 2, {"transcript_unreadable": 1}) == (counts.rows, counts.split, result.codes)


def test_trap_39_lists_are_refused_clearly_or_exploded_when_told(tmp_path):
    """The Python form of a list is no message."""
    table = pa.table(
        {
            "user": ["u1", "u2"],
            "ticket": ["t1", "t2"],
            "text": [["a", "b"], ["c"]],
            "m": [rows({}, {}), rows({"id": "m2", "text": "other"})],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    inner = {name: f"m.{name}" for name in ("id", "role", "text")} | {"timestamp": "m.at"}

    with pytest.raises(
        InputError, match=r"no column .*'id'.*; found 'user', 'ticket', 'text', 'm'"
    ) as refused:
        check(tmp_path)
    assert 'explode = "m"' in refused.value.hint
    with pytest.raises(InputError, match="column 'text' has the type list<"):
        check(tmp_path, columns={**inner, "text": "text"}, input={"explode": "m"})
    result = check(tmp_path, columns=inner, input={"explode": "m"})
    assert [("u1", "text 0"), ("u1", "text 1"), ("u2", "other")] == [
        (row["lane"], row["text"]) for row in result.messages
    ]


US = 1_709_287_200_000_000
TYPED_TIMES = [
    pa.array([US // 10**6], pa.timestamp("s", "UTC")),
    pa.array([US // 10**3], pa.timestamp("ms", "Europe/Copenhagen")),
    pa.array([US * 1000 + 999], pa.timestamp("ns", "UTC")),
    pa.array([US // 10**6], pa.int64()),
    pa.array([US // 10**6], pa.uint64()),
    pa.array([float(US // 10**6)], pa.float64()),
    pa.array([Decimal(US // 10**6)], pa.decimal128(20, 0)),
    pa.array(["2024-03-01T10:00:00Z"], pa.large_string()),
    pa.array(["2024-03-01T10:00:00Z"]).dictionary_encode(),
]
TYPED_IDS = [
    (pa.array([2**63 - 1], pa.int64()), str(2**63 - 1)),
    (pa.array([2**64 - 1], pa.uint64()), str(2**64 - 1)),
    (pa.array([Decimal(12345678901234567890)], pa.decimal128(38, 0)), "12345678901234567890"),
    (pa.array([Decimal(100)], pa.decimal128(38, 0)), "100"),
    (pa.array([115712.0], pa.float64()), "115712"),
    (pa.array(["007"], pa.large_string()), "007"),
    (pa.array(["007"]).dictionary_encode(), "007"),
]


def typed(folder, **columns):
    """Write one row with some columns of other types."""
    table = pa.table({**{name: [cell] for name, cell in rows({})[0].items()}, **columns})
    pq.write_table(table, folder / "a.parquet")


def test_trap_40_typed_columns_give_exact_ids_and_instants_or_a_clear_refusal(tmp_path):
    """A number in Parquet is a number; its text must be the one that people know."""
    for column in TYPED_TIMES:
        typed(tmp_path, at=column)
        assert [US] == check(tmp_path).of("at_us"), column.type
    for column, expected in TYPED_IDS:
        typed(tmp_path, user=column)
        assert [expected] == check(tmp_path).of("lane"), column.type
    naive = pa.array([US], pa.timestamp("us"))
    typed(tmp_path, at=naive)
    assert [US - 3_600_000_000] == check(tmp_path, time={"zone": "Europe/Copenhagen"}).of("at_us")
    for rejected, code in (
        ({"at": naive}, "timestamp_without_zone"),
        ({"user": pa.nulls(1)}, "missing_user"),
    ):
        typed(tmp_path, **rejected)
        result = check(tmp_path)
        assert ({code: 1}, ExitCode.INPUT) == (result.codes, result.exit_code)
    for refused in (
        {"at": pa.array([19_000], pa.date32())},
        {"text": pa.array([b"\xff"], pa.binary())},
        {"text": pa.array([["a", "b"]])},
    ):
        typed(tmp_path, **refused)
        with pytest.raises(InputError, match="has the type"):
            check(tmp_path)


def test_trap_47_a_column_that_changes_its_kind_at_the_end_keeps_every_value(tmp_path):
    """Whoever infers a type from the first rows loses the zeros of the last."""
    users = [str(number) for number in range(20_000)]
    write(tmp_path, rows(*({"user": user, "id": user} for user in [*users, "00042", "A-7", "1e5x"])))

    result = check(tmp_path)

    assert sorted([*users, "00042", "A-7", "1e5x"]) == sorted(result.of("lane"))


def test_trap_48_json_is_read_strictly_line_by_line(tmp_path):
    """Two keys of one name, NaN and numbers beyond a float are read differently by everyone."""
    sound, big = rows({}, {"user": 2**63 + 1})
    bad = [
        '{"id": "x", "id": "y"}',
        json.dumps(rows({"text": float("nan")})[0]),
        "[1, 2]",
        '{"id": ',
    ]
    text = "\n".join([json.dumps(sound), *bad, "", json.dumps(big), ""])
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "array.json").write_text(json.dumps([sound, big], indent=1), encoding="utf-8")

    result = check(tmp_path, "a.jsonl")

    assert ["u1", str(2**63 + 1)] == sorted(result.of("lane"), reverse=True)
    assert {"bad_record": 4} == result.codes
    assert [2, 3, 4, 5] == [reject["line"] for reject in result.rejects]
    (tmp_path / "nested.jsonl").write_text(json.dumps({**sound, "text": ["a"]}) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1: column 'text' holds an array, not an id or a text"):
        check(tmp_path, "nested.jsonl")
    with pytest.raises(InputError, match="is one JSON array, not JSON lines"):
        check(tmp_path, "array.json")
