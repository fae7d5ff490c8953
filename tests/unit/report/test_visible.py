"""What people see of text that others wrote."""

import pytest

from etl.report.visible import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("one\ntwo", r"one\ntwo"),
        ("æ 日本 😀", "æ 日本 😀"),
    ],
)
def test_what_would_obey_or_turn_is_shown_as_an_escape(text, shown):
    """Escape sequences, bidirectional marks and forged lines; letters of any script stay."""
    assert shown == visible(text)


def test_what_is_to_be_kept_stays():
    """A terminal's lines need their ends."""
    assert "one\ntwo\\r" == visible("one\ntwo\r", kept="\n")
