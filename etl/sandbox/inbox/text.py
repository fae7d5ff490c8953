"""Text of strangers, made harmless to look at; pure."""

import re
import unicodedata
from typing import Final

from markupsafe import Markup, escape

_SHOWN: Final = re.compile(
    # A flag such as Scotland's is spelt with tag characters: only there they hide nothing.
    "\U0001f3f4[\U000e0020-\U000e007e]+\U000e007f"
    "|[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_SPAN: Final = Markup('<span class="unseen" title="{}">{}</span>')
_MARK: Final = Markup("<mark>{}</mark>")


def visible(text: object) -> Markup:
    """Return text as HTML in which every character can be seen.

    Markup is escaped; characters that hide or turn text round (control, bidirectional, zero-width, tags)
    become labels. Line ends, tabs, and the joiners that emoji and Persian need stay.
    """
    parts: list[Markup] = []
    end = 0
    whole = str(text)
    for match in _SHOWN.finditer(whole):
        parts += (escape(whole[end : match.start()]), _label(match.group()))
        end = match.end()
    parts.append(escape(whole[end:]))
    return Markup("").join(parts)


def excerpt(text: str, sought: str, *, around: int = 70) -> Markup:
    """Return one line of text about the first place that holds what is sought, which is marked.

    Args:
        text: the whole text.
        sought: plain text, whatever its case; "" or one that is not there gives the beginning.
        around: characters before and after.
    """
    line = " ".join(text.split())
    found = re.search(re.escape(" ".join(sought.split())), line, re.IGNORECASE) if sought else None
    if found is None:
        return visible(line[: 2 * around]) + ("…" if len(line) > 2 * around else "")
    begin, end = max(found.start() - around, 0), found.end() + around
    return (
        Markup("…" if begin else "")  # noqa: S704  a constant
        + visible(line[begin : found.start()])
        + _MARK.format(visible(found.group()))
        + visible(line[found.end() : end])
        + ("…" if end < len(line) else "")
    )


def _label(found: str) -> Markup:
    if len(found) > 1:
        return escape(found)
    point = f"U+{ord(found):04X}"
    return _SPAN.format(f"{point} {unicodedata.name(found, 'control character')}", point)
