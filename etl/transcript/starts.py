"""When each conversation began, by its own row."""

from datetime import UTC, datetime
from typing import Final, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa

from etl.config.reading import Time
from etl.transcript.moments import from_epoch_us, read_iso

_PER_SECOND: Final = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_MICROSECONDS: Final = 1_000_000


def read_starts(settings: Time, cells: pa.Array) -> list[datetime | None]:
    """Return the instant in each cell with a fixed offset; None where there is none without a guess.

    Cells are ISO 8601 or typed as times. A cell without an offset is read in the job's zone; without one,
    and in the hours that the zone's clocks skip or (unless the job chooses) repeat, it is none.
    """
    zone = None if settings.zone is None else ZoneInfo(settings.zone)
    return [
        at if at is None or at.tzinfo is not None else _localized(at, zone, settings.ambiguous)
        for at in _read(cells)
    ]


def _read(cells: pa.Array) -> list[datetime | None]:
    kind = cells.type
    if pa.types.is_timestamp(kind):
        numbers = cells.cast(pa.int64()).to_pylist()
        return [_from_number(number, kind.unit, aware=kind.tz is not None) for number in numbers]
    if pa.types.is_dictionary(kind):
        return _read(cells.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return [None if cell is None else read_iso(cell) for cell in cells.to_pylist()]
    return [None] * len(cells)


def _from_number(number: int | None, unit: str, *, aware: bool) -> datetime | None:
    at = None if number is None else from_epoch_us(number * _MICROSECONDS // _PER_SECOND[unit])
    return at if at is None or aware else at.replace(tzinfo=None)


def _localized(
    wall: datetime, zone: ZoneInfo | None, ambiguous: Literal["reject", "earlier", "later"]
) -> datetime | None:
    if zone is None:
        return None
    try:
        first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        exists = first.astimezone(zone).replace(tzinfo=None, fold=0) == wall
    except OverflowError:
        return None
    # What follows is added in UTC: in a zone, Python adds to the wall clock.
    if not exists or (first != second and ambiguous == "reject"):
        return None
    return second if ambiguous == "later" else first
