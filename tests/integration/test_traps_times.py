"""Traps of time and order: zones, formats, units, and what has no order of its own."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from etl.errors import ExitCode, InputError
from support.checked import check, rows, write

NOON_US = 1_709_287_200_000_000
"""2024-03-01 10:00:00 UTC."""


def at(*cells):
    """Return rows with these times."""
    return rows(*({"at": cell} for cell in cells))


def instants(result):
    """Return the planned times as ISO 8601 without a zone."""
    return [f"{datetime.fromtimestamp(us // 10**6, UTC):%Y-%m-%dT%H:%M:%S}" for us in result.of("at_us")]


def test_trap_14_one_second_keeps_the_sequence_and_then_the_files_order(tmp_path):
    """Reports have minutes only, so ties are the rule there."""
    table = rows(
        {"text": "third", "place": "3"},
        {"text": "first", "place": "1"},
        {"text": "second", "place": "2"},
        at="2024-03-01T10:00:00Z",
    )
    write(tmp_path, table)
    many = [{**row, "id": f"{n}-{row['id']}"} for n in range(10) for row in table]
    write(tmp_path, many, "many.csv")

    assert ["third", "first", "second"] == check(tmp_path, "history.csv").texts
    assert ["first", "second", "third"] == check(tmp_path, "history.csv", columns={"sequence": "place"}).texts
    printed = check(tmp_path, "many.csv").printed
    assert "100 % of the times are whole minutes" in printed
    assert "96.7 % in the same second as the one before" in printed


def test_trap_15_newest_first_and_mixed_users_come_out_in_order(tmp_path):
    """Helpdesks list the newest first; a lane must not run backwards."""
    table = rows(*({"user": f"u{number % 2}"} for number in range(10)))
    write(tmp_path, table[::-1])

    result = check(tmp_path)

    assert [f"text {n}" for n in (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)] == result.texts


def test_trap_18_local_times_need_a_zone_and_never_the_machines(tmp_path):
    """The same file must not mean other instants on another machine."""
    write(tmp_path, at("2024-07-01 10:00:00", "2024-01-01 10:00:00"))
    script = (
        "import sys; from pathlib import Path; from support.checked import check; "
        "print(check(Path(sys.argv[1]), time={'zone': 'Europe/Copenhagen'}).of('at_us'))"
    )

    refused = check(tmp_path)
    told = {
        subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            env={**os.environ, "TZ": zone, "PYTHONPATH": str(Path(__file__).parents[1])},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for zone in ("Asia/Tokyo", "UTC")
    }

    assert ({"timestamp_without_zone": 2}, ExitCode.INPUT) == (refused.codes, refused.exit_code)
    assert {"[1704099600000000, 1719820800000000]\n"} == told


@pytest.mark.parametrize(
    ("ambiguous", "twice"),
    [("reject", []), ("earlier", ["2023-10-29T00:30:00"]), ("later", ["2023-10-29T01:30:00"])],
)
def test_trap_19_the_doubled_hour_is_a_choice_and_the_missing_one_a_reject(tmp_path, ambiguous, twice):
    """An hour off is an hour off; nobody would find it later."""
    write(tmp_path, at("2023-10-29 02:30:00", "2024-03-31 02:30:00", "2023-10-29 12:00:00"))

    result = check(tmp_path, time={"zone": "Europe/Copenhagen", "ambiguous": ambiguous})

    assert [*twice, "2023-10-29T11:00:00"] == instants(result)
    lost = {} if twice else {"timestamp_ambiguous": 1}
    assert {"timestamp_nonexistent": 1} | lost == result.codes


def test_trap_20_offsets_are_taken_at_their_word_and_shown(tmp_path):
    """An offset is a claim; a person can judge it once it is seen beside its own conversation's start."""
    table = at("2024-03-01T10:00:00+01:00", "2024-03-01T10:00:00-0800", "2024-03-01T10:00:00Z")
    write(tmp_path, [{**row, "began": "2024-03-01T09:30:00Z"} for row in table])

    result = check(tmp_path, columns={"conversation_start": "began"})

    assert ["2024-03-01T09:00:00", "2024-03-01T10:00:00", "2024-03-01T18:00:00"] == instants(result)
    assert {"+01:00": 1, "-08:00": 1, "Z": 1} == result.summary.offsets
    assert "1 messages lie before the start of their own conversation" in result.printed
    assert "2024-03-01 to 2024-03-01" in result.printed


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (("03/04/2024 10:00", "05/06/2024 10:00"), "ambiguous"),
        (("2024-03-01T10:00:00Z", "13/04/2024 10:00"), "no one format"),
        (("13/04/2024 10:00", "04/13/2024 10:00"), "mixes orders"),
    ],
)
def test_trap_21_day_and_month_are_never_guessed_and_formats_never_mixed(tmp_path, cells, reason):
    """Whoever guesses is right for twelve days of each month."""
    write(tmp_path, at(*cells))

    with pytest.raises(InputError, match=reason):
        check(tmp_path, time={"zone": "UTC"})
    told = check(tmp_path, time={"zone": "UTC", "format": "%d/%m/%Y %H:%M"})
    sound = sum(cell[2] == "/" and int(cell[3:5]) <= 12 for cell in cells)
    assert (sound, len(cells) - sound) == (len(told.messages), told.codes.get("bad_timestamp", 0))


def test_trap_22_units_are_told_by_plausible_windows_and_never_rescaled(tmp_path):
    """Milliseconds read as seconds are the year 56000."""
    for number, name in enumerate(("s", "ms", "us", "ns")):
        write(tmp_path, at(f"{NOON_US // 10**6}{'000' * number}"), f"{name}.csv")
        assert [NOON_US] == check(tmp_path, f"{name}.csv").of("at_us")
    write(tmp_path, at("1709287200", "1709287200.25", "1709287200000", "1,5", "1.71E+12", "-1"), "mixed.csv")

    with pytest.raises(InputError, match="no one format"):
        check(tmp_path, "mixed.csv")
    result = check(tmp_path, "mixed.csv", time={"format": "epoch_s"})

    assert [NOON_US, NOON_US + 250_000] == result.of("at_us")
    assert {"timestamp_out_of_range": 2, "bad_timestamp": 2} == result.codes


def test_trap_23_dates_that_mean_nothing_have_reasons_of_their_own(tmp_path):
    """Zero dates are missing values in disguise; an overflow would turn up as another year."""
    far = ("0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2001-09-09T01:46:39Z", "2262-04-12T00:00:00Z")
    bad = ("0000-00-00 00:00:00", "2023-02-29T12:00:00Z", "10000-01-01T00:00:00Z", "45352.5")
    write(tmp_path, at("2024-02-29T12:00:00Z", "2001-09-09T01:46:40Z", "9999-12-31T23:59:59Z", *far, *bad))
    write(tmp_path, at("45352.5"), "serial.csv")

    result = check(tmp_path, "history.csv", time={"format": "iso8601"})

    assert ["2001-09-09T01:46:40", "2024-02-29T12:00:00"] == instants(result)
    assert {"timestamp_out_of_range": 5, "bad_timestamp": 4} == result.codes
    serial = check(tmp_path, "serial.csv", time={"format": "excel_serial", "zone": "UTC"})
    assert ["2024-03-01T12:00:00"] == instants(serial)


def test_trap_24_decimals_beyond_microseconds_are_cut(tmp_path):
    """Rounding 10:00:59.9999999 would move it into the next minute."""
    write(tmp_path, at("2024-03-01T10:00:00.9999999Z", "2024-03-01T10:00:01.123456789Z"))
    table = pa.Table.from_pylist(rows({}, {})).set_column(
        4, "at", pa.array([NOON_US * 1_000 + 999_999_999, NOON_US * 1_000 + 1], pa.timestamp("ns", "UTC"))
    )
    pq.write_table(table, tmp_path / "typed.parquet")

    assert [NOON_US + 999_999, NOON_US + 1_123_456] == check(tmp_path, "history.csv").of("at_us")
    assert [NOON_US, NOON_US + 999_999] == check(tmp_path, "typed.parquet").of("at_us")


def test_trap_38_offsets_from_a_start_are_added_to_it_and_refused_without_one(tmp_path):
    """No file of relative times may ever be filled up with the present."""
    chat = (
        '<p align="center">Chat Started: Friday, March 01, 2024, 10:00:00 (+0000)</p>'
        '<p align="center">Agent Eva</p>( 5s ) Eva: Hello<br>'
    )
    later = "( 1m 13s ) Visitor: My lamp<br>"
    write(tmp_path, rows({"text": chat + later}, {"text": later, "at": ""}))
    write(tmp_path, at("5", "73000"), "voice.csv")

    told = check(
        tmp_path,
        "history.csv",
        input={"transcript": "salesforce"},
        columns={"role": None},
        roles={"skip": ["system"]},
    )

    assert [NOON_US + 5_000_000, NOON_US + 73_000_000] == told.of("at_us")
    assert {"transcript_unreadable": 1} == told.codes
    with pytest.raises(InputError, match="no one unit"):
        check(tmp_path, "voice.csv")


def test_trap_49_days_in_file_names_say_nothing(tmp_path):
    """A daily file holds answers of a year later; only the column counts."""
    table = at("2024-04-02T10:00:00Z", "2023-05-01T10:00:00Z")
    write(tmp_path, table, "answers-2023-05-01.csv")
    (tmp_path / "2023-05-02.jsonl").write_text(
        json.dumps(rows({"id": "x", "at": "2025-01-01T00:00:00Z"})[0]) + "\n", encoding="utf-8"
    )

    result = check(tmp_path)

    assert ["2023-05-01T10:00:00", "2024-04-02T10:00:00", "2025-01-01T00:00:00"] == instants(result)
    assert {"2023": 1, "2024": 1, "2025": 1} == result.insight.times.per_year
