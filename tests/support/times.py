"""A column of times, read by a job's settings."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from etl.config.reading import Time
from etl.normalize.times import TimeReader
from etl.normalize.verdict import Verdicts

NOW_US = 1_790_000_000_000_000
"""2026-09-21 14:13:20 UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What became of a column of times."""

    times: list[int]
    """The sound ones, in microseconds."""
    codes: list[str]
    details: list[str | None]
    offsets: dict[str, int]


def read(*cells: str | None, typed: pa.Array | None = None, **settings: Any) -> Read:
    """Return what becomes of cells, or of a typed column, by the job's [time]; unsaid, the format is ISO."""
    column = pa.array(cells, pa.string()) if typed is None else typed
    time = Time.model_validate({"format": "iso8601"} | settings)
    done = TimeReader(time, "when", now_us=NOW_US)(column)
    verdicts = Verdicts(len(column))
    verdicts.reject(done.faults)
    rejects = verdicts.rejects("f", pa.array(range(len(column)), pa.int64()))
    rejects.validate(full=True)
    return Read(
        times=done.at_us[verdicts.open].tolist(),
        codes=rejects["code"].to_pylist(),
        details=rejects["detail"].to_pylist(),
        offsets=done.offsets,
    )
