"""Text from files and APIs as people may safely see it. Pure."""

import unicodedata


def visible(text: str, *, kept: str = "") -> str:
    """Return text with control, format and bidirectional characters as escapes, but those in `kept`.

    A file name or an id could otherwise move a cursor, forge a line or turn what stands around it
    (CVE-2009-4487, CVE-2021-42574).
    """
    return "".join(
        character
        if character in kept or unicodedata.category(character)[0] != "C"
        else ascii(character)[1:-1]
        for character in text
    )
