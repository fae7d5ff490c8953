"""Values on a page are words, never markup."""

from dataclasses import replace

import pytest

from etl.report.html import number, page, ticked
from support.approvals import approval, rendered


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1_234_567, "1,234,567"), (2.0, "2"), (2.25, "2.2"), ("as it is", "as it is"), (0, "0")],
)
def test_numbers_read_as_people_write_them(value, shown):
    """Thousands apart, no needless decimals."""
    assert shown == number(value)


def test_words_between_backticks_are_code_and_all_is_escaped():
    """Hints name settings that way."""
    assert "set <code>[text] html</code> &lt;b&gt;" == str(ticked("set `[text] html` <b>"))


def test_a_single_backtick_is_no_code():
    """A file's name may hold one."""
    assert "a`b" == str(ticked("a`b"))


def test_a_page_asks_for_nothing_and_runs_nothing():
    """It opens from disk, offline, and the policy forbids what it does not contain."""
    text = rendered(approval())
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
    assert "<script" not in text
    assert "src=" not in text
    assert "@import" not in text
    assert [] == [part for part in text.split('href="')[1:] if not part.startswith("#")]


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        '" onload="x',
        "</title><b>",
        "{{ 7*7 }}",
        "</style><i>",
        "a\u202eb\x1b[2J`",
    ],
)
def test_hostile_names_stay_words(hostile):
    """A job's name, files, columns, ids, role values and details come from others."""
    text = rendered(approval(hostile))
    assert "<script" not in text
    assert "<b>" not in text
    assert "<i>" not in text
    assert ' onload="x' not in text
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert "{{ 7*7 }}" in text or "7*7" not in hostile


def test_an_unknown_name_in_a_template_is_a_defect():
    """A page with a hole would be signed as if it were whole."""
    with pytest.raises(Exception, match="is undefined"):
        page("approval.html.j2")


def test_a_plan_that_is_refused_is_not_told_to_be_sent():
    """A manager who reads only the top must not approve it."""
    text = rendered(approval())  # its job leaves a role without a name
    assert "Not ready" in text
    assert "What would be sent" in text
    assert "As it stands, an import refuses this plan." in text
    assert "--expect-plan" not in text


def test_a_page_without_messages_has_no_empty_charts():
    """Everything may be known already, or a reject."""
    content = approval()
    counts = replace(content.summary.conservation, planned=0, known=1_234_500)
    text = rendered(replace(content, summary=replace(content.summary, conservation=counts)))
    assert 1 == text.count("<svg")
    assert "How long it takes" not in text


def test_a_page_does_not_grow_with_the_number_of_files():
    """A year of hourly exports is 8,760 of them."""
    content = approval()
    many = replace(content.summary, files=content.summary.files * 8_760)
    text = rendered(replace(content, summary=many))
    assert "the first 200 of 8,760" in text
    assert len(text) < 400_000
