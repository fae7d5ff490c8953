"""A job's input cut into parts that workers read apart: a file each, or some row groups of a Parquet file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from etl.config.job import Job
from etl.gather.needs import is_needed
from etl.pipeline.basis import InputFiles
from etl.source.discover import SourceFile
from etl.source.formats import Compression, Format

PART_BYTES: Final = 128 << 20
"""A Parquet file is cut where about so much of it lies in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one worker reads at once. Parts are numbered in order of the input."""

    number: int
    files: InputFiles
    first_number: int
    """The number of its first file among all."""
    time_format: str | None = None
    """As it was found at the beginning of the file, where the part does not hold that."""


def cut(job: Job, files: InputFiles, settle: Callable[[SourceFile], str | None]) -> tuple[Part, ...]:
    """Return the parts of an input.

    `settle` tells the format of a file's times by its beginning, None where that does not settle it; then
    the file stays whole. An input whose rows must be brought together first is one part.
    """
    if is_needed(job):
        return (Part(number=0, files=files, first_number=0),)
    pieces = [
        (number, piece, time_format)
        for number, file in enumerate(files.first)
        for piece, time_format in _pieces(job, file, settle)
    ]
    return tuple(
        Part(
            number=place,
            files=InputFiles(first=(piece,), second={}),
            first_number=number,
            time_format=time_format,
        )
        for place, (number, piece, time_format) in enumerate(pieces)
    )


def _pieces(
    job: Job, file: SourceFile, settle: Callable[[SourceFile], str | None]
) -> Iterator[tuple[SourceFile, str | None]]:
    ranges = _ranges(file) if _can_be_cut(job, file) else []
    if len(ranges) > 1:
        time_format = settle(file)
        if time_format is not None:
            for start, stop in ranges:
                yield replace(file, row_groups=(start, stop)), time_format
            return
    yield file, None


def _can_be_cut(job: Job, file: SourceFile) -> bool:
    whole = job.input.explode is not None or job.input.transcript is not None
    return file.format is Format.PARQUET and file.compression is Compression.NONE and not whole


def _ranges(file: SourceFile) -> list[tuple[int, int]]:
    """Return the row groups of a Parquet file in ranges of about so many bytes."""
    try:
        with file.place.open_seekable() as stream:
            metadata = pq.read_metadata(stream)
    except (pa.ArrowException, OSError):
        return []  # who reads it says what is wrong with it
    ranges: list[tuple[int, int]] = []
    start = size = 0
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        size += sum(row_group.column(place).total_compressed_size for place in range(row_group.num_columns))
        if size >= PART_BYTES or group == metadata.num_row_groups - 1:
            ranges.append((start, group + 1))
            start, size = group + 1, 0
    return ranges
