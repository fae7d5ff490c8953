"""The stage: one row batch in, one message batch and its rejects out."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa

from etl.config.job import Job
from etl.config.reading import POSITION_COLUMN
from etl.errors import InputError, UsageError
from etl.model.rejects import SkipReason
from etl.model.schemas import NormalizedBatch, Role, RowBatch
from etl.normalize.cells import Cells
from etl.normalize.detect import detect, tells
from etl.normalize.identity import read_ids
from etl.normalize.messages import Parts, assemble
from etl.normalize.roles import read_roles, read_visibility
from etl.normalize.rows import wanted_rows
from etl.normalize.sequences import read_sequence
from etl.normalize.split import split_long
from etl.normalize.texts import TextReader, Texts
from etl.normalize.times import AUTO, Instants, TimeReader
from etl.normalize.users import read_users
from etl.normalize.verdict import Mask, Rows, Verdicts, among, chosen

_NEARLY_ALL: Final = 0.9
"""From this share of sound rows on, leaving the others out costs more than their texts."""


class Normalizer:
    """Turns rows into messages by a job. It keeps nothing from one batch to the next.

    Promises: rows + split = messages + rejects + skipped, whatever the cells hold; a row gives the same
    messages, reject or skip wherever it stands and whatever stands beside it.
    """

    def __init__(
        self, job: Job, *, now_us: int, key: bytes | None = None, time_format: str | None = None
    ) -> None:
        """Prepare for a job; times later than `now_us` (microseconds since 1970 UTC) and a day are rejects.

        `key` is the one of pseudonyms, where the job wants any. With `time.format = "auto"` and no
        `time_format` in its place, batches are taken only by what `for_file` returns.

        Raises:
            UsageError: a setting of the job can't be carried out.
        """
        _refuse_missing_key(job, key)
        self._job = job
        self._now_us = now_us
        self._key = key
        self.settled = True
        """Whether a file's later batches are to be read as this one; not before a time was seen."""
        fmt = time_format or job.time.format
        self._times = self._starts = None
        if fmt != AUTO:
            self._times = TimeReader(job.time, job.columns.timestamp, now_us=now_us, fmt=fmt)
        if fmt != AUTO and job.columns.conversation_start is not None:
            self._starts = TimeReader(job.time, job.columns.conversation_start, now_us=now_us, fmt=fmt)
        self._texts = TextReader(job, key=key)

    @property
    def time_format(self) -> str:
        """Return the format in which times are read."""
        return AUTO if self._times is None else self._times.format

    def for_file(self, first: RowBatch) -> "Normalizer":
        """Return the normalizer of one file, whose first batch is shown; a declared format stays.

        Raises:
            InputError: no format, or more than one, fits the file's first times.
        """
        if self._job.time.format != AUTO:
            return self
        column = self._job.columns.timestamp
        wanted = wanted_rows(first, self._job.rows)
        cells = Cells(wanted if wanted.rows.num_rows else first).time(column)
        if not tells(cells):
            blank = Normalizer(self._job, now_us=self._now_us, key=self._key, time_format="iso8601")
            blank.settled = False
            return blank
        try:
            fmt = detect(cells, self._job.time, column=column, now_us=self._now_us)
        except InputError as problem:
            raise InputError(f"{first.file}: {problem.message}", hint=problem.hint) from problem
        return Normalizer(self._job, now_us=self._now_us, key=self._key, time_format=fmt)

    def __call__(self, batch: RowBatch) -> NormalizedBatch:
        """Return the messages, the rejects and the counts of what was skipped, changed or found.

        Raises:
            InputError: a mapped column is absent, or its type can hold no such value.
        """
        wanted = wanted_rows(batch, self._job.rows)
        cells = Cells(wanted)
        verdicts = Verdicts(wanted.rows.num_rows)
        verdicts.leave_out(SkipReason.FILTERED, batch.rows.num_rows - wanted.rows.num_rows)
        parts, noticed, offsets = self._judge(cells, verdicts)
        # Texts are dear: looked at are only those of rows that are sound so far, unless nearly all are.
        nearly_all = np.count_nonzero(verdicts.open) >= _NEARLY_ALL * len(verdicts.open)
        sound = np.flatnonzero(verdicts.open | nearly_all)
        texts = self._read_texts(cells, sound, parts.role)
        verdicts.skip(SkipReason.RESIDUE, texts.residue, at=sound)
        verdicts.reject(texts.faults, at=sound)
        kept = verdicts.open[sound]
        whole = assemble(
            self._job,
            wanted,
            parts.take(np.flatnonzero(verdicts.open)),
            texts.text if kept.all() else texts.text.filter(pa.array(kept)),
            key=self._key if self._job.users.pseudonymize else None,
        )
        messages = whole
        if self._job.text.too_long == "split":
            messages = split_long(whole, self._job.text.max_characters)
        return NormalizedBatch(
            messages=messages,
            rejects=verdicts.rejects(batch.file, wanted.lines),
            skipped=verdicts.skipped,
            changed=_counts(texts.changed, kept),
            found=_counts({**{name: hit[sound] for name, hit in noticed.items()}, **texts.found}, kept),
            split=messages.num_rows - whole.num_rows,
            offsets=offsets,
        )

    def _judge(self, cells: Cells, verdicts: Verdicts) -> tuple[Parts, dict[str, Mask], dict[str, int]]:
        """Read all but the texts, decide on every row, and return also what is only counted."""
        if self._times is None:
            raise ValueError("the format of times is found out file by file: call for_file first")
        job, columns, rows = self._job, self._job.columns, len(verdicts.open)
        roles = read_roles(job, cells.optional(columns.role), rows)
        visibility = read_visibility(job, cells.optional(columns.visibility), rows)
        users = read_users(job, cells.text, rows)
        ids = read_ids(job, cells.text, rows)
        times = self._times(cells.time(columns.timestamp))
        order = columns.sequence
        if order is None and POSITION_COLUMN in cells:
            order = POSITION_COLUMN
        sequence = read_sequence(order, cells.optional(order), rows)

        verdicts.skip(SkipReason.PRIVATE, visibility.skip)
        verdicts.skip(SkipReason.ROLE, roles.skip)
        verdicts.reject(
            [
                *visibility.faults, *roles.faults, *users.faults, *ids.faults, *times.faults,
                *sequence.faults,
            ],
        )  # fmt: skip
        parts = Parts(
            rows=np.arange(rows),
            lane=users.lane,
            at_us=times.at_us,
            role=roles.role,
            sequence=sequence.numbers,
            native_id=ids.native_id,
            conversation=ids.conversation,
        )
        noticed = {"placeholder_user": users.placeholder}
        if self._starts is not None:
            starts = self._starts(cells.time(str(columns.conversation_start)))
            noticed["before_conversation_start"] = _readable(starts) & (times.at_us < starts.at_us)
        return parts, noticed, times.offsets

    def _read_texts(self, cells: Cells, sound: Rows, role: pa.Array) -> Texts:
        columns, attachments = self._job.columns, cells.optional(self._job.columns.attachments)
        return self._texts(
            chosen(cells.text(columns.text), sound),
            None if attachments is None else chosen(attachments, sound),
            among(chosen(role, sound), (Role.CUSTOMER.value,)),
        )


def _readable(instants: Instants) -> Mask:
    faulty = np.zeros(len(instants.at_us), dtype=np.bool_)
    for fault in instants.faults:
        faulty |= fault.hit
    return ~faulty


def _refuse_missing_key(job: Job, key: bytes | None) -> None:
    asking = "[users] pseudonymize" if job.users.pseudonymize else '[privacy] replacement = "pseudonym"'
    if not key and (job.users.pseudonymize or job.privacy.replacement == "pseudonym"):
        raise UsageError(
            f"{asking} needs a key",
            hint=f"set the environment variable {job.users.key_env} to 16 characters or more",
        )


def _counts(hits: Mapping[str, Mask], kept: Mask) -> dict[str, int]:
    counts = {name: int(np.count_nonzero(hit & kept)) for name, hit in hits.items()}
    return {name: count for name, count in counts.items() if count}
