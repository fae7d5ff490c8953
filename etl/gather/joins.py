"""The second files: one table per join, in which a key stands once."""

import numpy as np
import pyarrow as pa

from etl.config.reading import Join
from etl.errors import InputError
from etl.gather.cells import Kinds, as_text, cells_of, untellable
from etl.gather.database import Database, Inbox
from etl.model.schemas import RowBatch

BLANK = r"[\s\x0b\x{85}\p{Z}\x{200B}-\x{200D}\x{2060}\x{FEFF}]*"
"""Nothing that a reader sees: Unicode white space and characters without width."""

_KEY_CHARACTERS = 12


def is_blank(cell: str) -> str:
    """Return the SQL that says whether a cell is null or shows nothing."""
    return f"coalesce(regexp_full_match({cell}, '{BLANK}'), true)"


class Lookup:
    """Table `lookup_N`: the keys of one join and what they stand for."""

    def __init__(
        self, database: Database, kinds: Kinds, number: int, join: Join, *, typed: frozenset[str]
    ) -> None:
        self.join = join
        self.kinds: dict[str, set[int]] = {name: set() for name in join.columns if name in typed}
        """Per column that keeps its type the kinds that occur."""
        self.name = f"lookup_{number}"
        self._database = database
        self._number = number
        self._all_kinds = kinds
        self._files: dict[str, int] = {}
        self._count = 0
        values = "".join(f", v{place} VARCHAR, k{place} UTINYINT" for place in range(len(join.columns)))
        database.run(
            f"CREATE TABLE {self.name} (key VARCHAR, place BIGINT, file_number INTEGER, line BIGINT{values})",
        )
        self._inbox = Inbox(database, self.name)

    def value(self, name: str) -> int:
        """Return the number of an added column: its cells are in `v`, their kinds in `k`."""
        return list(self.join.columns).index(name)

    def add(self, batch: RowBatch) -> None:
        """Store rows of a second file.

        Raises:
            InputError: a column is absent or holds no plain values.
        """
        rows = batch.rows.num_rows
        number = self._files.setdefault(batch.file, len(self._files))
        columns = {
            "key": self._text(batch, self.join.key),
            "place": pa.array(np.arange(self._count, self._count + rows)),
            "file_number": pa.repeat(pa.scalar(number, pa.int32()), rows),
            "line": batch.lines,
        }
        for place, (ours, theirs) in enumerate(self.join.columns.items()):
            if ours not in self.kinds:
                columns[f"v{place}"] = self._text(batch, theirs)
                continue
            columns[f"v{place}"], kind = self._typed(batch, theirs)
            columns[f"k{place}"] = pa.repeat(pa.scalar(kind, pa.uint8()), rows)
            if kind is not None and rows:
                self.kinds[ours].add(kind)
        self._count += rows
        self._inbox.put(pa.table(columns))

    def settle(self) -> None:
        """Leave each key once; blank keys go.

        Raises:
            InputError: a key stands for different things; the message says where.
        """
        self._inbox.flush()
        name = self.name
        self._database.run(f"DELETE FROM {name} WHERE {is_blank('key')}")  # noqa: S608  constants
        self._database.run(
            f"CREATE TABLE firsts AS SELECT min(place) AS place FROM {name} GROUP BY key",  # noqa: S608  constants
        )
        many, keys = self._database.row(
            f"SELECT (SELECT count(*) FROM {name}), (SELECT count(*) FROM firsts)",  # noqa: S608  constants
        )
        if many > keys:
            self._database.run(f"CREATE TABLE once AS SELECT * FROM {name} SEMI JOIN firsts USING (place)")  # noqa: S608  constants
            self._refuse_conflicts()
            self._database.run(f"DROP TABLE {name}")
            self._database.run(f"ALTER TABLE once RENAME TO {name}")
        self._database.run("DROP TABLE firsts")

    def _refuse_conflicts(self) -> None:
        numbers = range(len(self.join.columns))
        differs = [f"coalesce(other.v{n}, '') <> coalesce(once.v{n}, '')" for n in numbers]
        differs += [f"other.k{n} <> once.k{n}" for n in numbers]
        found = self._database.row(
            "SELECT other.file_number, other.line, once.file_number, once.line, other.key "  # noqa: S608  constants
            f"FROM {self.name} other JOIN once ON other.key = once.key "
            f"WHERE other.place <> once.place AND ({' OR '.join(['false', *differs])}) "
            "ORDER BY other.place LIMIT 1",
        )
        if found:
            labels = list(self._files)
            file, line, first_file, first_line, key = found
            shown = repr(key[:_KEY_CHARACTERS]) + ("…" if len(key) > _KEY_CHARACTERS else "")
            raise InputError(
                f"{labels[file]}, line {line}: the key {shown} in {self.join.key!r} already stands in "
                f"{labels[first_file]}, line {first_line}, with other values: [[join]] {self._number + 1} "
                f"can't tell which of them is meant",
                hint="export each key once (of a history table only the current rows), "
                "or join on a column without repeats",
            )

    def _text(self, batch: RowBatch, name: str) -> pa.Array:
        cells = cells_of(batch.rows, name, batch.file)
        try:
            return as_text(cells)
        except pa.ArrowException as error:
            raise untellable(batch.file, name, cells.type) from error

    def _typed(self, batch: RowBatch, name: str) -> tuple[pa.Array, int | None]:
        cells = cells_of(batch.rows, name, batch.file)
        try:
            return self._all_kinds.encode(cells)
        except pa.ArrowException as error:
            raise untellable(batch.file, name, cells.type) from error
