"""HTML to plain text that loses nothing a reader saw: paragraphs, lists, table cells, links' words."""

import re
from html import unescape
from typing import Final

from resiliparse.extract.html2text import extract_plain_text

_ELEMENTS: Final = (
    "a|abbr|address|area|article|aside|audio|b|base|bdi|bdo|big|blockquote|body|br|button|canvas|caption|center"
    "|cite|code|col|colgroup|data|datalist|dd|del|details|dfn|dialog|dir|div|dl|dt|em|embed|fieldset|figcaption"
    "|figure|font|footer|form|h[1-6]|head|header|hgroup|hr|html|i|iframe|img|input|ins|kbd|label|legend|li|link"
    "|main|map|mark|menu|meta|meter|nav|nobr|noscript|object|ol|optgroup|option|output|p|param|picture|pre"
    "|progress|q|rp|rt|ruby|s|samp|script|section|select|small|source|span|strike|strong|style|sub|summary|sup"
    "|svg|table|tbody|td|template|textarea|tfoot|th|thead|time|title|tr|track|tt|u|ul|var|video|wbr"
    "|(?:o|v|w|m|x|st1):[a-z][a-z0-9]*"
)
_REST: Final = r"""(?:"[^"]*"|'[^']*'|[^<>"'])*>"""
# A closing > is asked for: a parser swallows the rest of the text behind a tag that never ends.
_AFTER_SIGN: Final = rf"(?:/?(?:{_ELEMENTS})(?:>|[\s/]{_REST})|!(?:doctype|\[){_REST}|\?xml{_REST})"
_OPEN: Final = "<!--"
_CLOSE: Final = "-->"
_ENTITY: Final = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"

LOOKS_LIKE_HTML: Final = rf"(?is:<{_AFTER_SIGN}|{_OPEN}.*?{_CLOSE})|{_ENTITY}"
"""A known element, a comment or an entity, for RE2; `a < b`, `<3` and `<jo@example.com>` are none."""

_TAG: Final = re.compile(f"<{_AFTER_SIGN}", re.IGNORECASE)
_NO_TAG: Final = re.compile(f"<(?!{_AFTER_SIGN})", re.IGNORECASE)


def plain_text(text: str) -> str:
    """Return what a reader of the HTML saw; entities are decoded once, scripts and styles dropped.

    A `<` that begins no tag stays. A text with entities but no tag keeps its line breaks.
    """
    # Searched once and not by a pattern: a text full of unclosed comments would take quadratic time.
    last = text.rfind(_CLOSE)
    if not 0 <= text.find(_OPEN) < last and not _TAG.search(text):
        return unescape(text)

    def shielded(sign: re.Match[str]) -> str:
        begins_comment = sign.start() < last and text.startswith(_OPEN, sign.start())
        return "<" if begins_comment else "&lt;"

    converted: str = extract_plain_text(
        _NO_TAG.sub(shielded, text),
        preserve_formatting=True,
        main_content=False,
        list_bullets=True,
        alt_texts=True,
        links=False,
        form_fields=False,
        noscript=True,
    )
    return converted
