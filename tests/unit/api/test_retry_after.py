"""`Retry-After` in all its forms (RFC 9110, section 10.2.3)."""

import pytest

from etl.api.wire import read_retry_after

DATE = "Fri, 03 Jun 2022 10:20:00 GMT"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("1", 1.0), (" 120 ", 120.0), ("0005", 5.0), ("1.5", 1.5), ("86400", 86_400.0)],
)
def test_number_is_seconds(value, seconds):
    """The plain form needs no clock."""
    assert seconds == read_retry_after(value, None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("Fri, 03 Jun 2022 10:21:00 GMT", 60.0),
        ("Friday, 03-Jun-22 10:21:00 GMT", 60.0),
        ("Fri Jun  3 10:21:00 2022 +0000", 60.0),
        ("Fri, 03 Jun 2022 10:19:00 GMT", -60.0),
        ("Fri, 03 Jun 2022 12:21:00 +0200", 60.0),
    ],
)
def test_date_is_relative_to_the_answers_own(value, seconds):
    """The server's clock may differ from ours by minutes."""
    assert seconds == read_retry_after(value, DATE)


@pytest.mark.parametrize("date", [None, "", "yesterday", "Fri, 03 Jun 2022 10:20:00 -0000"])
def test_date_without_the_answers_own_is_unknown(date):
    """Comparing it with our clock could hold for hours, or not at all."""
    assert read_retry_after("Fri, 03 Jun 2022 10:21:00 GMT", date) is None


@pytest.mark.parametrize(
    "value",
    [
        None, "", " ", "soon", "-5", "+5", "1e9", "inf", "nan", "0x10", "٣", "²", "1_000", "5, 7", ".5", "5.",
        "1654251574", "9" * 400, "9" * 10_000,
        "Fri, 03 Jun 99999 10:21:00 GMT", "Fri, 99 Jun 2022 10:21:00 GMT",
        "Fri, 03 Jun 2022 10:21:00 +99999999",
        "Fri, 03 Jun 2022 10:21:00 GMT" * 2, "Fri, 03 Jun 2044 10:21:00 GMT", "\x00", "Fri, 03 Jun 2022",
        "Fri, 03 Jun " + "9" * 30 + " 10:21:00 GMT",
    ],
)  # fmt: skip
def test_anything_else_is_unknown(value):
    """Garbage, or a point in time where seconds belong, must not hold the target for decades."""
    assert read_retry_after(value, DATE) is None
