"""Files -> staged messages: read, unfold transcripts, gather second files, normalize."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pyarrow as pa

from etl.config.job import Job
from etl.config.load import JobFile
from etl.errors import InputError
from etl.gather.needs import is_needed
from etl.gather.store import Gathering
from etl.gather.summary import Tally
from etl.model.events import Event, Warned
from etl.model.schemas import FileSummary, NormalizedBatch, RowBatch
from etl.normalize.batch import Normalizer
from etl.pipeline.basis import Basis, InputFiles, basis_of
from etl.pipeline.beginnings import together
from etl.pipeline.inputrows import InputRows, Item
from etl.plan.stage import Staging
from etl.source.discover import SourceFile
from etl.transcript.columns import SPEAKER_COLUMN
from etl.transcript.unfold import Unfolder

_BATCHES_AHEAD = 4
"""Normalized batches that wait to be staged: enough to keep two cores busy, few enough for memory."""


class InputStage:
    """Reads a job's input into a staging area."""

    def __init__(
        self,
        job_file: JobFile,
        staging: Staging,
        folder: Path,
        observe: Callable[[Event], None],
        basis: Basis | None = None,
    ) -> None:
        """Prepare; `folder` is for what does not fit into memory, `basis` is that of now where not given.

        Raises:
            UsageError: the job wants pseudonyms and there is no key.
        """
        self._job = effective(job_file.job)
        self._staging = staging
        self._folder = folder
        self._observe = observe
        basis = basis or basis_of(self._job)
        self._normalizer = Normalizer(self._job, now_us=basis.now_us, key=basis.key)
        unfolder = Unfolder(job_file.job) if self._job.input.transcript else None
        self._rows = InputRows(self._job, unfolder, extra=staging.add_extra, observe=observe)

    def stage(self, files: InputFiles) -> None:
        """Stage every row of the files, and of the second files that the job joins or opens.

        Raises:
            InputError: a file can't be trusted as a whole (unless the job skips such files).
        """
        if is_needed(self._job):
            self._stage_gathered(files)
            return
        for file in files.first:
            try:
                self._stage_alone(file)
            except InputError as error:
                if self._job.input.on_file_error == "stop":
                    raise
                self._staging.discard_file()
                self._staging.skip_file(file.label, error.message)
                self._observe(Warned(message=f"skipped whole: {error.message}"))

    def _stage_alone(self, file: SourceFile) -> None:
        """Stage one file; normalizing runs beside reading and writing, results in order."""
        normalizer: Normalizer | None = None
        ahead: deque[Future[NormalizedBatch]] = deque()
        with ThreadPoolExecutor(max_workers=1) as pool:
            for item in together(self._rows.main(file)):
                if isinstance(item, RowBatch):
                    if normalizer is None or not normalizer.settled:
                        normalizer = self._normalizer.for_file(item)
                    ahead.append(pool.submit(normalizer, item))
                while ahead and (len(ahead) > _BATCHES_AHEAD or not isinstance(item, RowBatch)):
                    self._staging.add(ahead.popleft().result())
                if not isinstance(item, RowBatch):
                    self._take(item)

    def time_format(self, file: SourceFile) -> str | None:
        """Return the format of all times of a first file, if its beginning settles that.

        Raises:
            InputError: the file can't be read, or no format fits.
        """
        rows = (item for item in together(self._rows.main(file)) if isinstance(item, RowBatch))
        with closing(rows):
            first = next(rows, None)
        found = None if first is None else self._normalizer.for_file(first)
        return found.time_format if found is not None and found.settled else None

    def _stage_gathered(self, files: InputFiles) -> None:
        job = self._job
        with Gathering(job, self._folder, memory_limit_mb=job.plan.memory_limit_mb) as gathering:
            labels = [file.label for file in files.first]
            for file in files.first:
                self._gather(self._rows.main(file), gathering.add)
            for number, join in enumerate(job.join):
                for batch in self._rows.joined(join, files.second[join.files]):
                    gathering.add_joined(number, batch)
            for number, opening in enumerate(job.opening):
                for file in files.second[opening.files]:
                    labels.append(file.label)
                    self._gather(self._rows.opening(file, opening), partial(gathering.add_opening, number))
            self._stage_rows(gathering.rows(), {label: number for number, label in enumerate(labels)})
            self._warn(gathering)

    def _gather(self, items: Iterator[Item], add: Callable[[RowBatch], None]) -> None:
        for item in items:
            if isinstance(item, RowBatch):
                add(item)
            else:
                self._take(item)

    def _stage_rows(self, batches: Iterator[RowBatch], numbers: dict[str, int]) -> None:
        """Stage gathered rows under the files that they came from."""
        normalizers: dict[str, Normalizer] = {}
        for batch in batches:
            known = normalizers.get(batch.file)
            if known is None or not known.settled:
                normalizers = {batch.file: self._normalizer.for_file(batch)}
            self._staging.resume_file(numbers[batch.file])
            self._staging.add(normalizers[batch.file](batch))
        self._staging.end_rows()

    def _take(self, item: pa.RecordBatch | FileSummary) -> None:
        if isinstance(item, FileSummary):
            self._staging.finish_file(item)
        else:
            self._staging.add_rejects(item)

    def _warn(self, gathering: Gathering) -> None:
        found = gathering.summary()
        for join, tally in zip(self._job.join, found.unmatched, strict=True):
            self._warn_of(tally, f"rows found no match in {', '.join(join.files)} by {join.on!r}")
        self._warn_of(found.customers_missing, "rows are of conversations in which no customer wrote")
        self._warn_of(found.conversations_with_two_customers, "conversations have two customers or more")

    def _warn_of(self, tally: Tally, what: str) -> None:
        if tally.count and tally.first is not None:
            self._observe(
                Warned(message=f"{tally.count:,} {what}; the first: {tally.first.file}:{tally.first.line}"),
            )


def effective(job: Job) -> Job:
    """Return the job as the stages after unfolding see it.

    A transcript's messages bring their own role (`customer`, `agent`, `bot`, `system`) and ISO times.
    """
    if job.input.transcript is None:
        return job
    columns = job.columns.model_copy(update={"role": job.columns.role or SPEAKER_COLUMN})
    time = job.time.model_copy(update={"format": "iso8601"})
    return job.model_copy(update={"columns": columns, "time": time})


def decision_rules(job: Job) -> dict[str, bool]:
    """Return the words of `order.decide` that a job gives."""
    return {
        "reject_late": job.replay.late == "reject",
        "rows_split": job.text.too_long == "split" and job.input.transcript is None,
    }
