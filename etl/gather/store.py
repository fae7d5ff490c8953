"""The face of gathering: rows of several files in, rows that stand alone out."""

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa

from etl.config.job import Job
from etl.config.reading import CUSTOMER_COLUMN
from etl.gather.cells import Kinds, as_text
from etl.gather.database import Database
from etl.gather.joins import Lookup
from etl.gather.matching import find_customers, match
from etl.gather.needs import (
    added_columns,
    main_columns,
    output_columns,
    refuse_existing,
    refuse_senseless,
    time_columns,
)
from etl.gather.rows import FIRST_FILES, RowTable, StoredFile
from etl.gather.summary import GatherSummary, Tally
from etl.gather.view import View
from etl.model.schemas import RowBatch


class Gathering:
    """Rows of the first files, of joins and of openings, until all are there. A context manager.

    Add everything, in any order of the three, then read `rows` and `summary`; adding later is an error.
    On exit nothing of it stays.

    Raises:
        UsageError: the job's joins and openings don't fit together.
        InputError: by every method; a file lacks a column or holds one that is no text, a join's key
            stands for different things, the disk is full, or the memory limit is too low.
    """

    def __init__(self, job: Job, folder: Path, *, memory_limit_mb: int) -> None:
        refuse_senseless(job)
        self._job = job
        self._main = main_columns(job)
        self._kinds = Kinds()
        self._summary: GatherSummary | None = None
        self._database = Database(folder, memory_limit_mb=memory_limit_mb)
        times = time_columns(job)
        self._rows = RowTable(self._database, self._kinds, typed=times)
        given = {name for opening in job.opening for name in (*opening.columns, *opening.constants)}
        for name in (*self._main, *(name for name in added_columns(job) if name in given)):
            self._rows.declare(name)
        self._lookups = [
            Lookup(self._database, self._kinds, number, join, typed=times)
            for number, join in enumerate(job.join)
        ]
        self._view = View(job, self._rows, self._lookups)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._database.close()

    def add(self, batch: RowBatch) -> None:
        """Take rows of a first file, read with `main_columns`.

        Columns beyond these are carried through with their type.

        Raises:
            UsageError: the file has a column that a join adds.
        """
        refuse_existing(self._job, batch.file, batch.rows.schema.names)
        self._add(FIRST_FILES, batch, {name: name for name in self._main}, {})

    def add_joined(self, number: int, batch: RowBatch) -> None:
        """Take rows of the second file of join `number` (from 0), read with `join_columns`."""
        self._refuse_late()
        self._lookups[number].add(batch)

    def add_opening(self, number: int, batch: RowBatch) -> None:
        """Take rows of the file of opening `number` (from 0), read with `opening_columns`."""
        opening = self._job.opening[number]
        self._add(FIRST_FILES + 1 + number, batch, opening.columns, opening.constants)

    def rows(self) -> Iterator[RowBatch]:
        """Yield all rows with their final columns.

        The first files come first, in the order in which they came, then the openings; within a file by
        line, then as they came. A batch is of one file and has at most 16,384 rows. Columns are those of
        `output_columns`, then what was carried through. Cells are strings, null where nothing is known;
        those of `time_columns` keep the type that they have throughout a file or a join, and are text in
        ISO 8601 where it varies.
        """
        self._gather()
        done = 0
        for file in self._rows.files():
            for rows in file.chunks:
                yield self._fetch(file, done, done + rows)
                done += rows

    def summary(self) -> GatherSummary:
        """Return what was found."""
        return self._gather()

    def _add(self, part: int, batch: RowBatch, sources: dict[str, str], constants: dict[str, str]) -> None:
        self._refuse_late()
        read = {*sources.values(), *self._main, *added_columns(self._job)}
        extras = [name for name in batch.rows.schema.names if name not in read]
        for name in extras:
            self._rows.declare_extra(name)
        self._rows.add(part, batch, {**sources, **{name: name for name in extras}}, constants)

    def _refuse_late(self) -> None:
        if self._summary is not None:
            raise ValueError("rows were read already")

    def _gather(self) -> GatherSummary:
        if self._summary is None:
            self._rows.settle()
            unmatched = []
            customers: tuple[Tally, Tally] | None = None
            for number, lookup in enumerate(self._lookups):
                if lookup.join.on == CUSTOMER_COLUMN and customers is None:
                    customers = self._find_customers()
                lookup.settle()
                unmatched.append(match(self._database, self._view, number, lookup))
            missing, several = customers or self._find_customers()
            first = self._rows.rows_of(FIRST_FILES)
            openings = range(FIRST_FILES + 1, FIRST_FILES + 1 + len(self._job.opening))
            self._summary = GatherSummary(
                rows=first,
                openings=sum(self._rows.rows_of(part) for part in openings),
                unmatched=tuple(unmatched),
                customers_missing=missing,
                conversations_with_two_customers=several,
            )
        return self._summary

    def _find_customers(self) -> tuple[Tally, Tally]:
        return find_customers(self._database, self._view, self._job, self._kinds)

    def _fetch(self, file: StoredFile, first: int, end: int) -> RowBatch:
        names = [*output_columns(self._job), *self._rows.extras]
        kinds = {name: self._view.kinds_in(file, name) for name in names}
        cells = [f"{self._view.text(name)} AS c{place}" for place, name in enumerate(names)]
        cells += [
            f"{self._view.kind(name)} AS k{place}" for place, name in enumerate(names) if len(kinds[name]) > 1
        ]
        table = self._database.table(
            f"SELECT g.line, {', '.join(cells)} FROM {self._view.tables(names)} "  # noqa: S608  numbers
            f"WHERE {self._view.within(names, first, end)} ORDER BY g.place",
        ).combine_chunks()
        arrays = []
        for place, name in enumerate(names):
            text = as_text(_array(table, f"c{place}"))
            kind = _array(table, f"k{place}") if len(kinds[name]) > 1 else pa.nulls(len(text))
            arrays.append(self._kinds.decode(text, kinds[name], kind))
        return RowBatch(
            file=file.label,
            rows=pa.RecordBatch.from_arrays(arrays, names=names),
            lines=_array(table, "line"),
        )


def _array(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks else pa.nulls(0, column.type)
