"""Charts: themes, text as text, numbers beside the picture, and a size that ten of them may have."""

import re
from xml.etree import ElementTree as ET

import pytest

from etl.report.charts import Mark, Series, Words, balance, bars, lines

LABELS = [f"2024-{month:02}" for month in range(1, 13)] * 5
WORDS = Words(name="time", title="Messages & more", description="By month.", axis="month")


def many(name: str = "time"):
    """Return the largest chart there is: 60 bars of three series."""
    series = [Series(name=role, values=tuple(range(60))) for role in ("customer", "agent", "bot")]
    words = Words(name=name, title="Messages & more", description="By month.", axis="month")
    return bars(words, LABELS, series, mark=Mark(at=3.5, label="a line"))


def pace():
    """Return a chart of lines with a limit."""
    series = [Series(name="sent", values=(1.0, 2.0)), Series(name="tried", values=(2.0, 3.0))]
    return lines(WORDS, [0, 1], series, labels=["10:00", "10:01"], limit=Mark(at=3, label="limit"))


def rows():
    """Return a balance."""
    return balance(WORDS, {"in": {"read": 10}, "out": {"planned": 9, "rejects": 1}})


@pytest.mark.parametrize("chart", [many, pace, rows])
def test_a_chart_is_well_formed_with_title_and_description(chart):
    """Who can't see it hears them."""
    drawn = chart()
    root = ET.fromstring(drawn.svg)  # noqa: S314  made here
    space = "{http://www.w3.org/2000/svg}"
    assert "img" == root.get("role")
    assert drawn.title == root.findtext(f"{space}title")
    assert drawn.description == root.findtext(f"{space}desc")
    assert {child.get("id") for child in root[:2]} == set((root.get("aria-labelledby") or "").split())


@pytest.mark.parametrize("chart", [many, pace, rows])
def test_colours_are_the_pages(chart):
    """A fixed colour would vanish in one of the two themes."""
    assert [] == re.findall(r"#[0-9a-f]{6}\b", chart().svg)
    assert "var(--series-1)" in chart().svg


def test_text_is_text_and_series_differ_without_colour():
    """It can be read aloud, searched and copied; hatching is in the print of a grey printer."""
    svg = many().svg
    assert ">customer</text>" in svg
    assert ">a line</text>" in svg
    assert 2 == svg.count("<pattern")


def test_the_largest_chart_is_small():
    """Ten charts and their tables stay far below 2 MB."""
    assert len(many().svg) < 20_000
    assert len(pace().svg) < 20_000
    assert len(rows().svg) < 20_000


def test_charts_of_one_page_share_no_id():
    """A hatch would otherwise be the other chart's."""
    first, second = (set(re.findall(r'id="([^"]+)"', str(many(name).svg))) for name in ("one", "two"))
    assert first
    assert set() == first & second


def test_the_same_numbers_give_the_same_picture():
    """Two reports of one plan can be compared."""
    assert many().svg == many().svg


def test_every_number_is_in_the_table():
    """The picture is for a glance, the table for a signature."""
    assert ("month", "customer", "agent", "bot") == many().head
    assert (LABELS[7], 7, 7, 7) == many().rows[7]
    assert (("in", "read", 10), ("out", "planned", 9), ("out", "rejects", 1)) == rows().rows


def test_a_chart_of_nothing_is_drawn():
    """A plan may hold no message."""
    assert () == bars(WORDS, [], [Series(name="customer", values=())]).rows
    assert () == balance(WORDS, {"in": {}, "out": {}}).rows
