"""Columns of times as exports write them, made and read with nothing but the standard library."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from hypothesis import strategies as st

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = {"epoch_s": 0, "epoch_ms": 3, "epoch_us": 6, "epoch_ns": 9}
_PATTERNS: Final = (
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%d-%m-%Y %H.%M.%S",
    "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d %H:%M:%S GMT",
    "%a %b %d %H:%M:%S %z %Y",
    "%a, %d %b %Y %H:%M:%S %z",
    "%d %b %Y %H:%M",
    "%b %d, %Y %I:%M %p",
    "%Y%m%d%H%M%S",
)
FORMATS: Final = ("iso8601", *_UNITS, *_PATTERNS)
"""Formats that detection knows."""

INSTANTS: Final = st.datetimes(
    min_value=datetime(2001, 9, 12),  # noqa: DTZ001  the zone is `timezones`
    max_value=datetime(2026, 9, 19),  # noqa: DTZ001  the zone is `timezones`
    timezones=st.builds(
        lambda minutes: timezone(timedelta(minutes=minutes)),
        st.integers(min_value=-14 * 60, max_value=14 * 60),
    ),
)
_SETTLED: Final = datetime(2023, 8, 31, 14, 59, 14, tzinfo=UTC)
"""Its day is above 12."""


def written(at: datetime, form: str) -> str:
    """Return an instant as an export in this format writes it."""
    if form == "iso8601":
        return at.isoformat(sep="T")
    if form in _UNITS:
        nanoseconds = (at - EPOCH) // timedelta(microseconds=1) * 1_000
        return str(nanoseconds // 10 ** (9 - _UNITS[form]))
    return (at.astimezone(UTC) if "%z" not in form else at).strftime(form)


def meant(cell: str, form: str) -> int:
    """Return the microseconds since 1970 that a cell means, UTC where it says no offset."""
    if form in _UNITS:
        return int(cell) * 10**6 // int(10 ** _UNITS[form])
    at = datetime.fromisoformat(cell) if form == "iso8601" else datetime.strptime(cell, form)  # noqa: DTZ007  next line
    since = (at if at.tzinfo else at.replace(tzinfo=UTC)) - EPOCH
    return since // timedelta(microseconds=1)


def column_of(form: str) -> st.SearchStrategy[list[str]]:
    """Return columns in one format, with a day above 12 in each."""
    return st.lists(INSTANTS, min_size=1, max_size=8).map(
        lambda instants: [written(at, form) for at in (*instants, _SETTLED)],
    )
