"""Whatever strangers write, the Inbox shows it as text."""

import re
import unicodedata
from html import unescape
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from etl.sandbox.inbox.filters import Filters
from etl.sandbox.inbox.text import excerpt, visible

HIDDEN = "".join(map(chr, [*range(32), 0x7F, 0x200B, 0x202A, 0x202E, 0x2066, 0x2069, 0xFEFF, 0xE0041]))
texts = st.text() | st.text(alphabet="<>&\"'/ab\n" + HIDDEN)
TAG = re.compile(r'<span class="unseen" title="U\+[0-9A-F]{4,6} [A-Za-z -]+">(U\+[0-9A-F]{4,6})</span>')


def shown_as(character):
    """Return what stands for a character that is not shown itself."""
    return f"U+{ord(character):04X}"


@given(texts)
def test_text_is_shown_whole_and_nothing_of_it_is_markup(text):
    """Each character is there, or its number; only the labels' own tags are tags."""
    html = str(visible(text))
    plain = TAG.sub(r"\1", html)

    assert "<" not in plain
    assert '"' not in plain
    kept = [c if c in unescape(plain) else shown_as(c) for c in text]
    assert "".join(kept) == unescape(plain) or "\U0001f3f4" in text


@given(texts)
def test_nothing_that_turns_text_round_is_left(text):
    """Control characters but tab and line feed, and all that override direction."""
    left = set(TAG.sub("", str(visible(text)))) - {"\n", "\t"}

    assert set() == {c for c in left if unicodedata.category(c) == "Cc"}
    assert set() == {c for c in left if unicodedata.bidirectional(c) in {"LRO", "RLO", "LRE", "RLE", "PDF"}}
    assert set() == {c for c in left if unicodedata.bidirectional(c) in {"LRI", "RLI", "FSI", "PDI"}}


@given(texts, texts)
def test_excerpt_is_never_markup_either(text, sought):
    """Cut anywhere, marked anywhere."""
    html = TAG.sub("", str(excerpt(text, sought)))

    assert "<" not in html.replace("<mark>", "").replace("</mark>", "")
    assert html.count("<mark>") == html.count("</mark>") <= 1


@given(
    st.dictionaries(
        st.sampled_from(["activity", "from", "to", "user", "id", "text", "before", "before_seq"]),
        texts | st.dates().map(str) | st.sampled_from(["active", "expired", "5.3", "9"]),
    )
)
def test_filters_take_anything_and_repeat_themselves(query):
    """An address can be typed by hand; the next page must be of the same list."""
    filters = Filters.read(query)
    again = Filters.read(dict(parse_qsl(filters.query())))

    begin, end = filters.seconds("Europe/Copenhagen")
    assert isinstance(begin + end, int)
    assert filters.query() == again.query()
