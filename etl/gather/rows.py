"""The rows of first files and openings in one table, each with its place in the final order."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pyarrow as pa

from etl.gather.cells import Kinds, as_text, cells_of, untellable
from etl.gather.database import Database, Inbox
from etl.gather.summary import Place
from etl.model.schemas import RowBatch

FIRST_FILES: Final = 0
"""The part of the first files; that of opening n is n + 1."""

_CHUNK_ROWS: Final = 16_384
_CHUNK_BYTES: Final = 8 << 20
"""The most that is fetched at once, unless a single batch that came in was larger."""


@dataclass(slots=True, kw_only=True)
class StoredFile:
    """What is known of a file whose rows are stored."""

    part: int
    label: str
    number: int
    chunks: list[int] = field(default_factory=list)
    """Rows to be fetched at once, in order; their sum is the file's rows."""
    chunk_bytes: int = 0
    kinds: dict[str, set[int]] = field(default_factory=dict)
    """Per column that keeps its type the kinds that occur."""

    def grow(self, rows: int, size: int) -> None:
        """Count rows into the last chunk, or into new ones where it would become too large."""
        full = not self.chunks or self.chunks[-1] + rows > _CHUNK_ROWS
        if full or self.chunk_bytes + size > _CHUNK_BYTES:
            whole, rest = divmod(rows, _CHUNK_ROWS)
            self.chunks.extend([_CHUNK_ROWS] * whole + [rest] * bool(rest))
            self.chunk_bytes = size
        else:
            self.chunks[-1] += rows
            self.chunk_bytes += size


class RowTable:
    """Table `gathered`: part, file number, line, place, and per column its text and its kind.

    Columns are named by number, since DuckDB does not tell `ID` from `id`.
    """

    def __init__(self, database: Database, kinds: Kinds, *, typed: frozenset[str]) -> None:
        self.extras: list[str] = []
        """Columns that nobody asked for, in the order in which they came."""
        self._database = database
        self._kinds = kinds
        self._typed = set(typed)
        self._numbers: dict[str, int] = {}
        self._files: dict[tuple[int, str], StoredFile] = {}
        self._last = (FIRST_FILES, 0, 0)
        self._in_order = True
        self._count = 0
        self._starts: list[int] = []
        database.run(
            "CREATE TABLE gathered (part INTEGER, file_number INTEGER, line BIGINT, place BIGINT)",
        )
        self._inbox = Inbox(database, "gathered")

    def declare(self, name: str) -> None:
        """Make room for a new column."""
        number = self._numbers[name] = len(self._numbers)
        self._database.run(f"ALTER TABLE gathered ADD COLUMN c{number} VARCHAR")
        self._database.run(f"ALTER TABLE gathered ADD COLUMN k{number} UTINYINT")

    def declare_extra(self, name: str) -> None:
        """Make room for a column that nobody asked for, unless there is; it keeps its type."""
        if name not in self._numbers:
            self.extras.append(name)
            self._typed.add(name)
            self.declare(name)

    def number(self, name: str) -> int | None:
        """Return the number of a column: its cells are in `c`, their kinds in `k`."""
        return self._numbers.get(name)

    def add(
        self,
        part: int,
        batch: RowBatch,
        sources: Mapping[str, str],
        constants: Mapping[str, str],
    ) -> None:
        """Store rows: `sources` are our columns and theirs, `constants` our columns and their values.

        Raises:
            InputError: a column is absent or holds no plain values.
        """
        rows = batch.rows.num_rows
        if not rows:
            return
        key = (part, batch.file)
        file = self._files.setdefault(key, StoredFile(part=part, label=batch.file, number=len(self._files)))
        columns = {
            "part": pa.repeat(pa.scalar(part, pa.int32()), rows),
            "file_number": pa.repeat(pa.scalar(file.number, pa.int32()), rows),
            "line": batch.lines,
            "place": pa.array(np.arange(self._count, self._count + rows)),
        }
        for ours, theirs in sources.items():
            columns |= self._encoded(file, ours, cells_of(batch.rows, theirs, batch.file))
        for ours, value in constants.items():
            columns |= self._encoded(file, ours, pa.repeat(value, rows))
        stored = pa.table(columns)
        file.grow(rows, stored.nbytes)
        self._count += rows
        self._watch_order(file, batch.lines)
        self._inbox.put(stored)

    def settle(self) -> None:
        """Bring all rows into place; none may be added afterwards."""
        self._inbox.flush()
        if not self._in_order:
            self._database.run(
                "CREATE TABLE sorted AS SELECT * EXCLUDE (place), row_number() OVER () - 1 AS place "
                "FROM (SELECT * FROM gathered ORDER BY part, file_number, line, place)",
            )
            self._database.run("DROP TABLE gathered")
            self._database.run("ALTER TABLE sorted RENAME TO gathered")
        sizes = [sum(file.chunks) for file in self.files()]
        self._starts = [sum(sizes[:number]) for number in range(len(sizes))]

    def files(self) -> list[StoredFile]:
        """Return the files in order: the first files as they came, then those of each opening."""
        return sorted(self._files.values(), key=lambda file: (file.part, file.number))

    def rows_of(self, part: int) -> int:
        """Return how many rows a part has."""
        return sum(sum(file.chunks) for file in self._files.values() if file.part == part)

    def place(self, number: int | None) -> Place | None:
        """Return where the row with a place in the order stands."""
        if number is None:
            return None
        file = self.files()[bisect_right(self._starts, number) - 1]
        line = self._database.row(f"SELECT line FROM gathered WHERE place = {number}")[0]  # noqa: S608  a number
        return Place(file=file.label, line=line)

    def _encoded(self, file: StoredFile, name: str, cells: pa.Array) -> dict[str, pa.Array]:
        number = self._numbers[name]
        try:
            if name not in self._typed:
                return {f"c{number}": as_text(cells)}
            text, kind = self._kinds.encode(cells)
        except pa.ArrowException as error:
            raise untellable(file.label, name, cells.type) from error
        kinds = file.kinds.setdefault(name, set())
        if kind is not None:
            kinds.add(kind)
        return {f"c{number}": text, f"k{number}": pa.repeat(pa.scalar(kind, pa.uint8()), len(text))}

    def _watch_order(self, file: StoredFile, lines: pa.Int64Array) -> None:
        numbers = lines.to_numpy()
        first = (file.part, file.number, int(numbers[0]))
        self._in_order &= self._last <= first and bool(np.all(numbers[1:] >= numbers[:-1]))
        self._last = (file.part, file.number, int(numbers[-1]))
