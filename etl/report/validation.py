"""What a dry run says of rejects: for each code its first lines."""

from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from etl.model.rejects import RejectCode

LINES_PER_CODE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectLine:
    """One reject, for people."""

    file: str
    line: int
    code: RejectCode
    column: str | None
    detail: str | None


def first_rejects(batches: Iterable[pa.RecordBatch]) -> tuple[RejectLine, ...]:
    """Return up to three rejects of each code, in the order of the closed list."""
    found: dict[RejectCode, list[RejectLine]] = {}
    for batch in batches:
        codes = batch.column("code")
        for code in RejectCode:
            have = found.setdefault(code, [])
            if len(have) < LINES_PER_CODE:
                rows = batch.filter(pc.equal(codes, code.value)).slice(0, LINES_PER_CODE - len(have))
                have.extend(_line(row) for row in rows.to_pylist())
    return tuple(line for lines in found.values() for line in lines)


def _line(row: dict[str, object]) -> RejectLine:
    return RejectLine(**{**row, "code": RejectCode(str(row["code"]))})  # type: ignore[arg-type]
