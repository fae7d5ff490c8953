"""What a job's files hold, row by row: read with the columns that are asked for, transcripts unfolded."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import pyarrow as pa

from etl.config.job import Job
from etl.config.reading import POSITION_COLUMN, Input, Join, Opening
from etl.config.suspects import overlooked
from etl.errors import InputError
from etl.gather.needs import (
    join_columns,
    join_times,
    main_columns,
    opening_columns,
    opening_times,
    time_columns,
)
from etl.model.events import Event, FileProgress
from etl.model.schemas import FileSummary, RowBatch
from etl.pipeline.sample import columns_of
from etl.source.discover import SourceFile
from etl.source.reader import read
from etl.transcript.columns import SPEAKER_COLUMN, TIME_COLUMN
from etl.transcript.looks import looks_like_transcript
from etl.transcript.unfold import Unfolder

# pyarrow has no types, so its batches can't be part of a union that mypy reads.
Item: TypeAlias = Any
"""A `RowBatch`, a batch of rejects, or at last the file's summary."""


class InputRows:
    """Reads the files of one job."""

    def __init__(
        self,
        job: Job,
        unfolder: Unfolder | None,
        *,
        extra: Callable[[int], None],
        observe: Callable[[Event], None],
    ) -> None:
        """Prepare; `job` is the effective one, `extra` is told of rows beyond one a record."""
        self._job = job
        self._unfolder = unfolder
        self._extra = extra
        self._observe = observe
        # What is special about the first files is not true of the second ones.
        self._second = job.input.model_copy(
            update={"explode": None, "transcript": None, "skip_lines": 0, "format": "auto"},
        )

    def main(self, file: SourceFile) -> Iterator[Item]:
        """Yield what a first file holds, its transcripts unfolded."""
        made = {SPEAKER_COLUMN, POSITION_COLUMN, TIME_COLUMN}
        if self._unfolder is not None:
            made.add(str(self._job.columns.role))
        columns = tuple(name for name in main_columns(self._job) if name not in made)
        first = True
        for item in self._read(file, columns, time_columns(self._job) & set(columns), self._job.input):
            if isinstance(item, FileSummary):
                yield replace(item, overlooked=overlooked(self._job, columns_of(file, self._job.input)))
                continue
            if not isinstance(item, RowBatch):
                yield item
                continue
            if first and self._unfolder is None:
                self._refuse_transcript(item)
            first = False
            yield from self._unfolded(item)

    def _unfolded(self, batch: RowBatch) -> Iterator[Item]:
        if self._unfolder is None:
            yield batch
            return
        unfolded = self._unfolder(batch)
        self._extra(unfolded.extra)
        yield unfolded.rejects
        yield from unfolded.rows

    def _refuse_transcript(self, batch: RowBatch) -> None:
        """Refuse one row per conversation where the job takes it for one per message (trap 37)."""
        if self._job.columns.role is not None:
            return
        parser = looks_like_transcript(batch.rows.column(self._job.columns.text))
        if parser is not None:
            raise InputError(
                f"{batch.file}: column {self._job.columns.text!r} holds whole conversations, one a row",
                hint="export one row per message; or set `[input] transcript` "
                'to "salesforce", "zendesk-chat" or "amazon-connect" if it is one of these',
            )

    def joined(self, join: Join, files: Sequence[SourceFile]) -> Iterator[RowBatch]:
        """Yield the rows of the files that a job joins.

        Raises:
            InputError: a row there can't be read.
        """
        columns, times = join_columns(join), join_times(self._job, join)
        for file in files:
            for item in self._read(file, columns, times, self._second):
                if isinstance(item, RowBatch):
                    yield item
                elif isinstance(item, pa.RecordBatch) and item.num_rows:
                    place = f"{item['file'][0]}:{item['line'][0]}"
                    raise InputError(
                        f"{place}: {item['code'][0]}: a row that can't be read in a [[join]] file",
                        hint="a missing row there would leave messages without their user or role",
                    )

    def opening(self, file: SourceFile, opening: Opening) -> Iterator[Item]:
        """Yield what a file of openings holds."""
        columns, times = opening_columns(opening), opening_times(self._job, opening)
        return self._read(file, columns, times, self._second)

    def _read(
        self,
        file: SourceFile,
        columns: tuple[str, ...],
        times: frozenset[str],
        settings: Input,
    ) -> Iterator[Item]:
        def progress(done: int) -> None:
            self._observe(FileProgress(file=file.label, bytes_done=done, bytes_total=file.size))

        return read(file, columns, settings, times=times, progress=progress)
