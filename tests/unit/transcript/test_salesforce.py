from datetime import UTC, datetime

import pytest

from etl.transcript.entry import Entry, Flaw, Speaker
from etl.transcript.moments import written
from etl.transcript.salesforce import parse_salesforce
from unit.transcript.conftest import HEADER, SALESFORCE

CUSTOMER, AGENT, SYSTEM = Speaker.CUSTOMER, Speaker.AGENT, Speaker.SYSTEM
START = datetime(2020, 1, 1, tzinfo=UTC)
NADIA = '<p align="center">Agent Nadia Q</p>'


def said(cell, start=None):
    """Return speaker and text of all messages."""
    entries = parse_salesforce(cell, start)
    assert isinstance(entries, list)
    return [(entry.speaker, entry.text) for entry in entries if entry.speaker is not SYSTEM]


def refusal(cell, start=None):
    """Return why a cell is not read."""
    flaw = parse_salesforce(cell, start)
    assert isinstance(flaw, Flaw)
    return flaw.detail


def test_transcript_is_read_with_exact_times():
    """Start plus offset, in the header's own offset."""
    entries = parse_salesforce(SALESFORCE, None)
    assert isinstance(entries, list)
    begun = "Chat Started: Monday, December 17, 2018, 23:27:57 (-0500)"
    assert [
        ("2018-12-17T23:27:57.000-05:00", SYSTEM, begun),
        ("2018-12-17T23:27:57.000-05:00", SYSTEM, "Chat Origin: Web Chat"),
        ("2018-12-17T23:27:57.000-05:00", SYSTEM, "Agent Nadia Q"),
        ("2018-12-17T23:28:07.000-05:00", AGENT, "Hello, how's it going?"),
        ("2018-12-17T23:29:10.000-05:00", CUSTOMER, "The lamp & the shade"),
    ] == [(written(entry.at), entry.speaker, entry.text) for entry in entries]


@pytest.mark.parametrize(
    ("mark", "seconds"),
    [
        ("( 10s )", 10), ("(1m 13s)", 73), ("( 1h 2m 3s )", 3_723), ("( 1d 1s )", 86_401), ("( 2m )", 120),
        ("( 75 s )", 75),
    ],
)  # fmt: skip
def test_offset_is_read_in_every_length(mark, seconds):
    """Long chats count hours, and a part that is zero may be left out."""
    entries = parse_salesforce(f"{HEADER}{NADIA}{mark} Visitor: hi<br>", START)
    assert isinstance(entries, list)
    assert Entry(at=START, speaker=SYSTEM, text="Agent Nadia Q") == entries[2]
    assert seconds == (entries[3].at - START).total_seconds()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Wednesday, September 5, 2019, 03:07:03 (+0000)", "2019-09-05T03:07:03.000Z"),
        ("Thursday, 5 September 2019, 03:07:03 (+0530)", "2019-09-05T03:07:03.000+05:30"),
        ("Thursday, September 05, 2019, 3:07:03 (GMT-03:00)", "2019-09-05T03:07:03.000-03:00"),
    ],
)
def test_english_header_is_read_in_both_orders(header, expected):
    """The month is a word, so day and month are never guessed."""
    entries = parse_salesforce(f'<p align="center">Chat Started: {header}</p>', None)
    assert isinstance(entries, list)
    assert [expected] == [written(entry.at) for entry in entries]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "12/05/2019",
        "Monday, Septembre 5, 2019, 03:07:03 (+0000)",
        "Monday, June 31, 2019, 03:07:03 (+0000)",
    ],
)
def test_header_that_is_no_time_needs_the_start_of_the_row(header):
    """Nothing else in the cell says when the chat began."""
    cell = f'<p align="center">Chat Started: {header}</p>{NADIA}( 1s ) Nadia Q: hi<br>'
    assert "no start: no ISO time with an offset in the row, no English header in the cell" == refusal(cell)
    assert [(AGENT, "hi")] == said(cell, START)


def test_row_wins_over_the_header():
    """The row's time is typed by the platform, the header is prose."""
    entries = parse_salesforce(SALESFORCE, START)
    assert isinstance(entries, list)
    assert "2020-01-01T00:00:10.000Z" == written(entries[3].at)


def test_header_in_another_language_tells_agents_by_their_names():
    """The word before the name is the org's, the name is the one that speaks."""
    cell = (
        '<p align="center">Chat iniciado: lunes 17 de diciembre</p><p align="center">Agente Nadia Q</p>'
        "( 1s ) Nadia Q: hola<br>( 2s ) Visitante: buenas<br>"
    )
    assert [(AGENT, "hola"), (CUSTOMER, "buenas")] == said(cell, START)
    assert refusal(cell).startswith("no start")


def test_other_language_without_an_agent_is_refused():
    """Taking everybody for customers would put agents' words into customers' mouths."""
    cell = '<p align="center">Chat iniciado</p>( 1s ) Nadia Q: hola<br>'
    assert "a header in another language that announces no agent who speaks" == refusal(cell, START)
    assert [] == said('<p align="center">Chat iniciado</p>', START)


def test_agents_after_a_transfer_are_agents():
    """Each joins with a line of their own."""
    cell = (
        f"{SALESFORCE}"
        '<p align="center">Chat Transferred From Nadia Q To Omar</p><p align="center">Agent Omar</p>'
        "( 2m ) Omar: I take over<br>( 2m 5s ) Nadia Q: bye<br>( 2m 6s ) Visitor: ok"
    )
    assert [(AGENT, "I take over"), (AGENT, "bye"), (CUSTOMER, "ok")] == said(cell)[2:]
    entries = parse_salesforce(cell, None)
    assert isinstance(entries, list)
    assert "2018-12-17T23:29:10.000-05:00" == written(entries[5].at)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Team: Lights: Agent 7: hi", (AGENT, "hi")),
        ("Team: hi", (CUSTOMER, "hi")),
        (
            "Visitor: note: at 5:30, see http://example.com",
            (CUSTOMER, "note: at 5:30, see http://example.com"),
        ),
        ("Visitor:", (CUSTOMER, "")),
        (": nameless", (CUSTOMER, "nameless")),
    ],
)
def test_name_with_colons_is_matched_whole(line, expected):
    """The longest announced name wins; a customer's ends at the first colon, so no text is lost."""
    cell = f'{HEADER}<p align="center">Agent Team: Lights: Agent 7</p>( 1s ) {line}<br>'
    assert [expected] == said(cell)


def test_speaker_without_a_name_is_no_agent():
    """A centred line of one word announces nobody."""
    assert [(CUSTOMER, "hi")] == said(f'{HEADER}<p align="center">Agent</p>( 1s ) : hi<br>')


def test_line_without_an_offset_goes_on_with_the_message():
    """A visitor's line break is a line break, and blank lines stay inside a message only."""
    cell = f"{HEADER}( 1s ) V: one<br>two<BR/><br />( 3s ) is long<br>( see 5s )<br><br>( 9s ) V:<br>hi"
    assert [(CUSTOMER, "one\ntwo\n\n( 3s ) is long\n( see 5s )"), (CUSTOMER, "hi")] == said(cell)


def test_entities_are_decoded_once_and_markup_is_dropped():
    """What the visitor saw is what is sent."""
    cell = f'{HEADER}( 1s ) V: &amp;lt; a < b <3 <b>x</b> <a href="u">http://u</a> <jo@x.y> <old><br>'
    assert [(CUSTOMER, "&lt; a < b <3 x http://u <jo@x.y> <old>")] == said(cell)


def test_paragraph_that_is_not_centred_belongs_to_the_message():
    """Agents may write rich text; only centred paragraphs are the system's."""
    cell = f"{HEADER}( 1s ) Visitor: <p>one</p><p>two</p><br>"
    assert [(CUSTOMER, "one\n\ntwo")] == said(cell)


def test_break_inside_the_header_is_a_line_of_the_system():
    """An empty line of it is none."""
    cell = '<p style="text-align: center">Chat Started: x<br>More<br></p>'
    entries = parse_salesforce(cell, START)
    assert isinstance(entries, list)
    assert ["Chat Started: x", "More"] == [entry.text for entry in entries]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("", "no centred header as Salesforce writes it"),
        ("( 1s ) Visitor: hi<br>", "no centred header as Salesforce writes it"),
        ("hello", "text without an offset after line 0"),
        (f"{HEADER}hello<br>", "text without an offset after line 2"),
        (f"{HEADER}( 1s ) hello<br>", "text without an offset after line 2"),
        (f"{HEADER}( 1s ) {'x' * 256}: hello<br>", "text without an offset after line 2"),
        (f"{HEADER}{HEADER}", "more than one chat in the cell"),
        (f'{HEADER}<p align="center">Agent', "a centred paragraph without an end"),
        (
            f'{HEADER}<p align="center">Agent X<p align="center">',
            "a centred paragraph without an end at line 3",
        ),
        (f"{HEADER}( 999999999d ) Visitor: hi", "line 3: an offset beyond any calendar"),
    ],
)
def test_what_is_not_the_form_is_refused(cell, expected):
    """Half a conversation would be a distorted one, so the cell is refused whole."""
    assert expected == refusal(cell)


def test_only_the_first_colons_can_end_a_name():
    """A text that is nothing but colons must not take long."""
    assert [(CUSTOMER, ": " * 20 + "x")] == said(f"{HEADER}( 1s ) V: {': ' * 20}x<br>")
