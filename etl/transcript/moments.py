"""Instants: read strictly, moved exactly, written as ISO 8601 with an offset. No clock, no machine zone."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_ISO: Final = re.compile(
    r"\s*([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?"
    r" ?(?:([Zz]|UTC)|([+-])([0-9]{2})(?::?([0-9]{2}))?)?\s*",
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = 1_000


def read_iso(text: str) -> datetime | None:
    """Read an ISO 8601 date and time; naive where it has no offset, None where it is none.

    Digits beyond the microsecond are cut.
    """
    found = _ISO.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction, utc, sign, hours, minutes = found.groups()
    micros = int((fraction or "0")[:6].ljust(6, "0"))
    try:
        zone = UTC if utc else fixed_offset(sign, hours, minutes or "0") if sign else None
        return datetime(
            int(year), int(month), int(day), int(hour), int(minute), int(second or 0), micros, zone
        )
    except ValueError:
        return None


def read_aware(value: object) -> datetime | None:
    """Read a value of a document as an ISO 8601 instant with an offset; None where it is none."""
    at = read_iso(value) if isinstance(value, str) else None
    return None if at is None or at.tzinfo is None else at


def fixed_offset(sign: str, hours: str, minutes: str) -> timezone:
    """Return the zone of a written offset.

    Raises:
        ValueError: there is no such offset.
    """
    distance = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-distance if sign == "-" else distance)


def moved(at: datetime, distance: int, unit: timedelta) -> datetime | None:
    """Return the instant so many units later, in the same offset; None where no calendar reaches."""
    try:
        return at + distance * unit
    except OverflowError:
        return None


def from_epoch_us(micros: int) -> datetime | None:
    """Return the UTC instant so many microseconds after 1970; None where no calendar reaches."""
    return moved(_EPOCH, micros, timedelta(microseconds=1))


def written(at: datetime) -> str:
    """Write an instant exactly, as `2018-12-18T04:28:07.000-05:00`, in UTC with a Z."""
    text = at.isoformat(timespec="microseconds" if at.microsecond % _MILLISECOND else "milliseconds")
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text
