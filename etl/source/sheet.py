"""One text file while it is read: its columns, its counts, and the batches made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from etl.errors import InputError
from etl.model.rejects import RejectCode
from etl.model.schemas import REJECT_SCHEMA, RowBatch

Reject = tuple[int, RejectCode, str]
"""Line, code, detail."""


@dataclass(slots=True, kw_only=True)
class Sheet:
    """What is known of the file, and what came of it so far."""

    label: str
    columns: tuple[str, ...]
    """The mapped columns that the file has."""
    width: int = 0
    """Fields of the header (CSV)."""
    taken: list[int] = field(default_factory=list)
    """Where the mapped columns stand (CSV)."""
    blank_lines: int = 0
    records: int = 0
    """Records that a parser found, blank lines included."""
    rows: int = 0
    rejects: int = 0

    def ragged_detail(self, found: int) -> str:
        """Return what is wrong with a record of `found` fields."""
        return f"expected {self.width} fields, found {found}"

    def row_batch(self, values: Sequence[pa.StringArray], lines: pa.Int64Array) -> RowBatch:
        """Return rows of the mapped columns, and count them."""
        rows = pa.RecordBatch.from_arrays(list(values), names=list(self.columns))
        self.rows += len(lines)
        return RowBatch(file=self.label, rows=rows, lines=lines)

    def reject_batch(self, rejects: Sequence[Reject]) -> pa.RecordBatch:
        """Return rejects by `REJECT_SCHEMA`, and count them."""
        self.rejects += len(rejects)
        columns = [
            pa.repeat(pa.scalar(self.label), len(rejects)),
            pa.array([line for line, _, _ in rejects], pa.int64()),
            pa.array([code.value for _, code, _ in rejects], pa.string()),
            pa.nulls(len(rejects), pa.string()),
            pa.array([detail for _, _, detail in rejects], pa.string()),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=REJECT_SCHEMA)

    def check(self, *, counted: int, passed: int) -> None:
        """Check at the end of the file that nothing vanished.

        Raises:
            InputError: line ends passed but were not accounted for, or records became neither row nor reject.
        """
        if counted != passed:
            raise InputError(
                f"{self.label}: {passed} line ends passed but {counted} were accounted for",
                hint="the file was not taken; this is a defect, please report it",
            )
        out = self.rows + self.rejects + self.blank_lines
        if self.records != out:
            raise InputError(
                f"{self.label}: {self.records} records were found, but {self.rows} rows, "
                f"{self.rejects} rejects and {self.blank_lines} blank lines came of them",
                hint="the file was not taken; this is a defect, please report it",
            )
