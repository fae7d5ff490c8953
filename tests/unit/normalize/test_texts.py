"""What is done to texts, and what is left alone."""

import re
import unicodedata

import pytest

from etl.normalize.texts import COMPOSED


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("a\x00b\x07c\x7fd", "abcd"),
        ("\x1b[31mred", "[31mred"),
        ("a\x0b\x0cb", "ab"),
    ],
)
def test_control_characters_are_removed_and_counted(normalize, cell, text):
    """Databases refuse NUL and terminals obey escape sequences."""
    done = normalize({"body": cell}, {"body": "untouched"})
    assert [text, "untouched"] == done.messages["text"].to_pylist()
    assert done.changed == {"controls_removed": 1}


@pytest.mark.parametrize(
    "cell", ["a\r\nb\tc\rd\n", "e\u0301 ≠ é", "\u2028\u0085x", "😀‍👩", " <b>&amp;", "x\ufffd"]
)
def test_a_text_without_controls_is_never_touched(normalize, cell):
    """Texts stay exact: no normal form, no trimming, no HTML unless asked for."""
    done = normalize({"body": cell})
    assert [cell] == done.messages["text"].to_pylist()
    assert done.changed == {}


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("<p>Hi</p><p>you<br>there</p>", "Hi\n\nyou\nthere"),
        ("<ul><li>one</li><li>two</li></ul>", "  • one\n  • two"),
        ("<table><tr><td>a<td>b</table>", "a\t\tb"),
        ("see <a href='https://x.example/'>this page</a>", "see this page"),
        ("<script>evil()</script><style>p{}</style><p>ok", "ok"),
        ("<p>&amp;lt; is once</p>", "&lt; is once"),
        ("Tom &amp; Jerry\n\n&lt;b&gt; &#233;", "Tom & Jerry\n\n<b> é"),
        ("<p>From: Jo <jo@example.com> &lt;3 a < b</p>", "From: Jo <jo@example.com> <3 a < b"),
        ("<o:p>office</o:p>", "office"),
        ('<a title="1 > 0, 0 < 1" href=x>go</a>', "go"),
        ("<!-- note -->seen", "seen"),
        ("<!-- one --><p>two</p> <!-- three", "two\n\n<!-- three"),
        ("<!DOCTYPE html><P CLASS=x>Up</P>", "Up"),
        ("<p>a&#1;b</p>", "ab"),
    ],
)
def test_html_becomes_what_a_reader_saw(normalize, cell, text):
    """Paragraphs, lists, cells and links' words are kept, code is not, entities are decoded once."""
    done = normalize({"body": cell}, text={"html": True})
    assert [text] == done.messages["text"].to_pylist()
    assert done.changed["html_converted"] == 1


@pytest.mark.parametrize(
    "cell",
    [
        "a < b and c > d",
        "I <3 you",
        "<jo@example.com> wrote  twice",
        "<https://x.example/>",
        "AT&T, Q&A; R&D",
        "if a <b then",
        "<p",
        "unclosed <!-- comment",
        "--> backwards <!--",
        "two\n\n\nlines  ",
        "",
    ],
)
def test_what_is_no_html_survives_the_conversion(normalize, cell):
    """A sign in a sentence is no tag; the parser would swallow what follows it."""
    done = normalize({"body": cell + "."}, text={"html": True})
    assert [cell + "."] == done.messages["text"].to_pylist()
    assert done.changed == {}


def test_a_text_made_to_stall_the_conversion_does_not(normalize):
    """Strangers write the texts; 400,000 unclosed comments would keep a quadratic search busy for minutes."""
    done = normalize(
        {"body": "<b>x</b>" + "<!--" * 400_000}, text={"html": True, "max_characters": 1_000_000}
    )
    assert done.rejects["code"].to_pylist() == ["text_too_long"]


def test_html_without_words_is_an_empty_text(normalize):
    """An image or an empty paragraph says nothing."""
    done = normalize({"body": "<p>&nbsp;</p><br>"}, text={"html": True})
    assert done.rejects["code"].to_pylist() == ["empty_text"]
    assert done.changed == {}


def test_truncate_cuts_between_characters_and_counts(normalize):
    """Emoji count as one character and are never cut in half."""
    settings = {"max_characters": 3, "too_long": "truncate"}
    done = normalize({"body": "a😀é!"}, {"body": "a😀é"}, text=settings)
    assert done.messages["text"].to_pylist() == ["a😀é", "a😀é"]
    assert done.changed == {"truncated": 1}


def test_length_is_measured_after_cleaning(normalize):
    """The limit is about what is sent."""
    done = normalize({"body": "a\x00b"}, {"body": "<b>ab</b>"}, text={"max_characters": 2, "html": True})
    assert done.messages["text"].to_pylist() == ["ab", "ab"]


def test_a_truncated_text_of_white_space_is_empty(normalize):
    """What would be sent decides, not what was cut away."""
    done = normalize({"body": "   x"}, text={"max_characters": 3, "too_long": "truncate"})
    assert done.rejects["code"].to_pylist() == ["empty_text"]


def test_changes_of_rejected_rows_are_not_counted(normalize):
    """The counts speak of messages."""
    assert normalize({"body": "a\x00", "user": ""}, {"body": "\x00"}).changed == {}


def test_nfc_composes_what_can_be_composed_and_counts(normalize):
    """Two systems write the same é in two ways, and a search finds only one of them."""
    rows = [{"body": "e\u0301"}, {"body": "\u00e9"}, {"body": "plain"}]
    done = normalize(*rows, text={"unicode": "nfc"})
    assert ["\u00e9", "\u00e9", "plain"] == done.messages["text"].to_pylist()
    assert {"composed": 1} == done.changed


def test_every_text_of_characters_taken_for_composed_is_in_normal_form():
    """Such texts are not normalized at all; so none of them may combine with another, or stand for one."""
    letters = re.compile(f"[{re.sub(r'x{([0-9A-F]+)}', lambda found: f'U{found[1]:0>8}', COMPOSED)}]")
    composed = [letter for letter in map(chr, range(0x110000)) if letters.match(letter)]
    assert 20_000 < len(composed)
    for letter in composed:
        assert unicodedata.combining(letter) == 0
        assert unicodedata.is_normalized("NFC", letter)
        assert unicodedata.is_normalized("NFC", f"e{letter}")


def test_html_is_noticed_while_its_conversion_is_off(normalize):
    """The operator must hear that tags would be sent."""
    rows = [{"body": "<p>a</p>"}, {"body": "a &amp; b"}, {"body": "a < b & c"}, {"body": "<p>x", "user": ""}]
    assert {"html": 2} == normalize(*rows).found
    assert {} == normalize(*rows, text={"html": True}).found


@pytest.mark.parametrize("body", ["smÃ¸rrebrÃ¸d", "itâ€™s", "10Â\u00a0â‚¬ for 5Â°", "ðŸ˜€", "Ã†ble"])  # noqa: RUF001  damaged on purpose
def test_texts_that_were_read_in_the_wrong_encoding_are_noticed(normalize, body):
    """Such an export was damaged before etl saw it, and only its maker can mend it."""
    assert {"mojibake": 1} == normalize({"body": body}).found


@pytest.mark.parametrize("body", ["smørrebrød", "it’s", "NÃO", "Âge", "10 € für 5°", "😀", "plain"])  # noqa: RUF001  real texts have it
def test_sound_texts_are_not_taken_for_damaged_ones(normalize, body):
    """Portuguese has an Ã of its own."""
    assert {} == normalize({"body": body}).found


def test_masked_texts_are_what_messages_are_made_of(normalize):
    """What is masked leaves no trace, not even in a digest."""
    done = normalize(
        {"body": "I am jo@example.com"}, {"body": "I am al@example.org"}, privacy={"mask": ("email",)}
    )
    assert ["I am [email]"] * 2 == done.messages["text"].to_pylist()
    assert {"masked_email": 2} == done.changed


def test_each_step_sees_what_the_one_before_made(normalize):
    """HTML first, or its quotes could not be seen; length last, or masked texts could be too long."""
    body = "<p>e\u0301!</p><p>On 3 May 2024, at 10:12, Help wrote:</p><blockquote>old</blockquote>"
    text = {"html": True, "quoted_replies": "strip", "unicode": "nfc", "max_characters": 2}
    done = normalize({"body": body}, text=text)
    assert ["\u00e9!"] == done.messages["text"].to_pylist()
    assert {"html_converted": 1, "quotes_stripped": 1, "composed": 1} == done.changed
