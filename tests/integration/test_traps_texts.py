"""Traps inside texts: markup, quotes, what can't be seen, what spreadsheets would run, what is personal."""

import csv
import json

import pytest

from etl.errors import InputError
from support.checked import check, rows, write
from support.leaks import leaks

QUOTED = "Works now, thanks!\n\nOn Mon, 4 Mar 2024 at 10:00, Support <help@example.com> wrote:\n> Try again"


def test_trap_01_html_is_counted_and_kept_or_turned_into_text_once(tmp_path):
    """Markup must not reach a customer's bot unnoticed, and `a < b` is no markup."""
    bodies = [
        "<p>Hi &amp; bye &lt;3</p>",
        "one<br>two<p>three</p>",
        "<style>p{}</style><p>x</p>",
        "a < b and c > d",
    ]
    write(tmp_path, rows(*({"text": body} for body in bodies)))

    raw = check(tmp_path)
    plain = check(tmp_path, text={"html": True})

    assert bodies == raw.texts
    assert {"html": 3} == raw.summary.found
    assert "3 texts look like HTML" in raw.printed
    assert ["Hi & bye <3", "one\ntwo\n\nthree", "x", "a < b and c > d"] == plain.texts
    assert {"html_converted": 3} == plain.summary.changed


def test_trap_02_only_the_mapped_one_of_two_bodies_is_sent(tmp_path):
    """The same words twice in one message would be a doubled text."""
    write(tmp_path, rows({"html_body": "<p>hello</p>", "plain_body": "hello"}))

    result = check(tmp_path, columns={"text": "plain_body"})

    assert ["hello"] == result.texts
    assert {} == result.summary.found


def test_trap_03_quoted_mails_stay_unless_the_job_strips_them(tmp_path):
    """What is a quote is a guess, so cutting is never the default."""
    write(tmp_path, rows({"text": QUOTED}))

    assert [QUOTED] == check(tmp_path).texts
    stripped = check(tmp_path, text={"quoted_replies": "strip"})
    assert ["Works now, thanks!"] == stripped.texts
    assert {"quotes_stripped": 1} == stripped.summary.changed


def test_trap_35_controls_are_removed_and_counted_and_unseen_ids_are_shown(tmp_path):
    """Databases refuse NUL; a text must not be cut at it, and a log must not obey an escape."""
    write(
        tmp_path,
        rows({"text": "a\0b\x1b[31mc"}, {"text": "tab\tand\nline"}, {"role": "agent\u202e\x1b"}),
    )
    (tmp_path / "b.jsonl").write_text(
        json.dumps(rows({"id": "s", "text": "half \ud800 pair"})[0]) + "\n", encoding="utf-8"
    )

    result = check(tmp_path)

    assert ["ab[31mc", "tab\tand\nline"] == result.texts
    assert {"controls_removed": 1} == result.summary.changed
    assert {"unknown_role": 1, "bad_record": 1} == result.codes
    assert "agent<U+202E><U+001B>" in result.printed
    assert "\x1b" not in result.printed


@pytest.mark.parametrize(
    ("settings", "sent", "rejected"),
    [
        ({}, ["<p>&nbsp;</p>", ".", "👍"], 6),
        ({"html": True}, [".", "👍"], 7),
        ({"attachment": "[file: {names}]"}, ["[file: invoice.pdf]", "<p>&nbsp;</p>", ".", "👍"], 5),
    ],
)
def test_trap_36_texts_that_show_nothing_are_rejects(tmp_path, settings, sent, rejected):
    """An empty message can't be sent; a dot and an emoji are messages."""
    blank = ["", "   ", "\u00a0", "\u200b\ufeff", "\n\n", "", "<p>&nbsp;</p>", ".", "👍"]
    files = ["", "", "", "", "", "invoice.pdf", "", "", ""]
    write(
        tmp_path,
        rows(*({"text": text, "files": name} for text, name in zip(blank, files, strict=True))),
    )

    result = check(tmp_path, columns={"attachments": "files"}, text=settings)

    assert sent == result.texts
    assert {"empty_text": rejected} == result.codes


def test_trap_45_cells_that_begin_a_formula_are_sent_as_text_and_defused_in_the_rejects_file(tmp_path):
    """The rejects file is opened in the very spreadsheet that would run them."""
    formulas = ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\tx", "\rx"]
    write(tmp_path, rows(*({"text": formula} for formula in formulas)))
    names = ["=1+1.csv", "+1.csv", "-1.csv", "@a.csv"]
    for number, name in enumerate(names):
        write(tmp_path, rows({"id": f"r{number}", "role": formulas[number]}), name)

    result = check(tmp_path, "history.csv", *names)

    assert formulas == result.texts
    with result.rejects_csv.open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert {f"'{name}" for name in names} <= set(cells)
    assert [] == [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_trap_50_no_text_and_no_whole_id_leaves_the_plan(tmp_path):
    """Reject files and logs are mailed around; nothing personal belongs into them."""
    words = "secret-words-of-jo@example.com"
    user = "jo.customer@example.com-and-more"
    table = rows(
        {"text": f"mail jo@example.com: {words}"},
        {"text": words, "user": "u" * 256},
        {"text": words, "at": words},
        {"text": words * 9, "id": "long"},
        {"text": words, "user": f"{user}1", "role": "unknown"},
        {"text": f"{words} changed", "id": "m0"},
    )
    write(tmp_path, table)

    with pytest.raises(InputError) as refused:
        check(tmp_path)
    result = check(tmp_path, text={"max_characters": 100}, time={"format": "iso8601"})

    assert {
        "user_too_long": 1, "bad_timestamp": 1, "text_too_long": 1, "unknown_role": 1, "conflict": 1,
    } == result.codes  # fmt: skip
    outputs = [result.printed, *result.notes, str(refused.value), refused.value.hint]
    assert [] == leaks(result.state, outputs, [words, user])
    assert "personal data in texts (email 1)" in result.printed
