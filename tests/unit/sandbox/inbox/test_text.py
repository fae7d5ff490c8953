"""Text of strangers on a page."""

import pytest
from markupsafe import Markup

from etl.sandbox.inbox.text import excerpt, visible


def test_markup_is_shown_and_never_run():
    """A message is data, whatever it looks like."""
    assert Markup("&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp; &#34;") == visible(
        '<script>alert(1)</script> &amp; "'
    )


@pytest.mark.parametrize(
    ("hidden", "label"),
    [
        ("\x00", "U+0000"),
        ("\x1b", "U+001B"),
        ("\x7f", "U+007F"),
        ("\u202e", "U+202E"),
        ("\u2066", "U+2066"),
        ("\u200b", "U+200B"),
        ("\ufeff", "U+FEFF"),
        ("\U000e0041", "U+E0041"),
    ],
)
def test_characters_that_hide_or_turn_text_become_labels(hidden, label):
    """Who reads a message must see what is in it: RIGHT-TO-LEFT OVERRIDE makes an .exe look like a .txt."""
    shown = visible(f"a{hidden}b")

    assert hidden not in shown
    assert f'">{label}</span>b' in shown
    assert f"U+{ord(hidden):04X} " in shown


@pytest.mark.parametrize(
    "text",
    ["two\nlines\tand a tab", "👩‍👩‍👧", "می‌خواهم", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "Ærø שלום"],
    ids=["lines", "joined emoji", "Persian", "flag", "letters"],
)
def test_what_texts_need_stays_as_it_is(text):
    """Joiners and a flag's tags belong to what is read."""
    assert text == visible(text)


def test_excerpt_marks_what_was_sought_in_its_surroundings():
    """A list shows why a message was found."""
    text = f"{'x' * 100} my <b>Order</b> came {'y' * 100}"

    shown = excerpt(text, "order", around=12)

    assert "…xxxxx my &lt;b&gt;<mark>Order</mark>&lt;/b&gt; came yy…" == shown


@pytest.mark.parametrize("sought", ["", "absent"])
def test_excerpt_without_a_find_is_the_beginning_in_one_line(sought):
    """The list of conversations shows the first words."""
    assert "a b&lt;…" == excerpt("a\n b<" + "c" * 9, sought, around=2)
