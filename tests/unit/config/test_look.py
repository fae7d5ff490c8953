"""What the cells of a column show: how times are written, HTML, texts."""

import pytest

from etl.config.look import Look


def look(*cells: str | None) -> Look:
    """Return a column of these cells."""
    return Look(name="column", cells=cells)


@pytest.mark.parametrize(
    ("cells", "formats", "offsets"),
    [
        (["2024-03-01T10:00:00Z", "2024-03-01T10:00:00.123456+01:00"], ("iso8601",), {"Z": 1, "+01:00": 1}),
        (["2024-03-01 10:00:00", "2024-03-01 10:00:00 UTC"], ("iso8601",), {"none": 1, "UTC": 1}),
        (["1709283600", "1709283601.5"], ("epoch_s",), {"UTC": 2}),
        (["1709283600000"], ("epoch_ms",), {"UTC": 1}),
        (["1709283600000000"], ("epoch_us",), {"UTC": 1}),
        (["1709283600000000000"], ("epoch_ns",), {"UTC": 1}),
        (["28-10-2023 14.00.00"], ("%d-%m-%Y %H.%M.%S",), {"none": 1}),
        (["8/31/2019 2:59:14 PM"], ("%m/%d/%Y %I:%M:%S %p",), {"none": 1}),
        (["Tue Oct 31 22:10:47 +0000 2017"], ("%a %b %d %H:%M:%S %z %Y",), {"written out": 1}),
        (["03/04/2024 10:00"], ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"), {"none": 1}),
    ],
)
def test_times_are_recognised_by_their_values(cells, formats, offsets):
    """The format that is written into the job is the one that the cells have."""
    times = look(*cells).times()

    assert times is not None
    assert formats == times.formats
    assert offsets == times.offsets


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [None, ""],
        ["hello"],
        ["2024-03-01"],
        ["12345"],
        ["1709283600", "1709283600000"],
        ["4512345678901234567890"],
    ],
)
def test_other_values_are_no_times(cells):
    """A day without a time, an id, or two units in one column are nothing to guess from."""
    assert look(*cells).times() is None


def test_day_and_month_are_told_apart_by_a_day_after_the_twelfth():
    """One such row is proof; all rows must still fit."""
    times = look(*["03/04/2024 10:00"] * 50, "25/04/2024 10:00").times()

    assert times is not None
    assert ("%d/%m/%Y %H:%M",) == times.formats


def test_few_odd_cells_do_not_hide_the_format():
    """They become rejects; the others are times."""
    times = look(*["2024-03-01T10:00:00Z"] * 20, "soon").times()

    assert times is not None
    assert 1 == times.others


def test_columns_typed_by_the_file_need_no_format():
    """A timestamp of Parquet says all itself, but for a missing zone."""
    cells = ("2024-03-01 10:00:00",)

    aware = Look(name="at", cells=cells, typed="instant").times()
    naive = Look(name="at", cells=cells, typed="naive-instant").times()

    assert aware is not None
    assert naive is not None
    assert () == aware.formats == naive.formats
    assert 0 == aware.naive
    assert 1 == naive.naive


@pytest.mark.parametrize(
    ("text", "share"), [("<p>Hi</p>", 1.0), ("a<br>b", 1.0), ("a < b and c > d", 0.0), ("i<3 you", 0.0)]
)
def test_html_is_seen_by_its_tags(text, share):
    """Comparisons in plain texts are no tags."""
    assert share == look(text).html_share()
