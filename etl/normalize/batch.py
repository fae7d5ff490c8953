"""The stage: one row batch in, one message batch and its rejects out."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from etl.config.job import Job
from etl.errors import InputError
from etl.model.rejects import SkipReason
from etl.model.schemas import MESSAGE_SCHEMA, NormalizedBatch, RowBatch
from etl.normalize.identity import content_digests, message_keys, read_ids
from etl.normalize.roles import read_roles, read_visibility
from etl.normalize.sequences import read_sequence
from etl.normalize.texts import read_texts
from etl.normalize.times import TimeReader
from etl.normalize.variables import SPEAKER, json_objects, names_speaker
from etl.normalize.verdict import Verdicts


class Normalizer:
    """Turns rows into messages by a job. It keeps nothing from one batch to the next.

    Promises: rows = messages + rejects + skipped, whatever the cells hold; a row gives the same message,
    reject or skip wherever it stands and whatever stands beside it.
    """

    def __init__(self, job: Job, *, now_us: int) -> None:
        """Prepare for a job; times later than `now_us` (microseconds since 1970 UTC) and a day are rejects.

        Raises:
            UsageError: a setting of the job can't be carried out.
        """
        self._job = job
        self._times = TimeReader(job.time, job.columns.timestamp, now_us=now_us)
        self._names_speaker = names_speaker(job)

    def __call__(self, batch: RowBatch) -> NormalizedBatch:
        """Return the messages, the rejects and the counts of what was skipped or changed.

        Raises:
            InputError: a mapped column is absent, or its type can hold no such value.
        """
        job, columns, rows = self._job, self._job.columns, batch.rows.num_rows
        source = _Cells(batch)
        roles = read_roles(job, source.optional(columns.role), rows)
        visibility = read_visibility(job, source.optional(columns.visibility), rows)
        ids = read_ids(job, source.text, rows)
        times = self._times(source.time(columns.timestamp))
        sequence = read_sequence(columns.sequence, source.optional(columns.sequence), rows)

        verdicts = Verdicts(rows)
        verdicts.skip(SkipReason.PRIVATE, visibility.skip)
        verdicts.skip(SkipReason.ROLE, roles.skip)
        verdicts.reject(
            [
                *visibility.faults, *roles.faults, *ids.user_faults, *ids.id_faults,
                *times.faults, *sequence.faults,
            ],
        )  # fmt: skip
        # Texts are dear, so only those of rows that are sound so far are looked at.
        sound = np.flatnonzero(verdicts.open)
        texts = read_texts(job.text, columns.text, source.text(columns.text).take(pa.array(sound)))
        verdicts.reject(texts.faults, at=sound)

        kept = verdicts.open[sound]
        chosen = pa.array(np.flatnonzero(verdicts.open))
        text = texts.text.filter(pa.array(kept))
        lane, role, native_id = (values.take(chosen) for values in (ids.lane, roles.role, ids.native_id))
        at_us = times.at_us[verdicts.open]
        content = content_digests(lane, at_us, role, text)
        variables = {name: source.text(column).take(chosen) for name, column in columns.variables.items()}
        if self._names_speaker:
            variables[SPEAKER] = role
        profile = {name: source.text(column).take(chosen) for name, column in columns.profile.items()}
        messages = _messages(
            {
                "key": message_keys(job.source, native_id, content),
                "content": content,
                "lane": lane,
                "at": pa.array(at_us).cast(pa.timestamp("us", tz="UTC")),
                "sequence": sequence.numbers.take(chosen),
                "role": role,
                "text": text,
                "native_id": native_id,
                "conversation": ids.conversation.take(chosen),
                "profile": json_objects(profile, len(chosen)),
                "variables": json_objects(variables, len(chosen)),
                "file": pa.repeat(batch.file, len(chosen)),
                "line": batch.lines.take(chosen),
            },
        )
        changed = {name: int(np.count_nonzero(hit & kept)) for name, hit in texts.changed.items()}
        return NormalizedBatch(
            messages=messages,
            rejects=verdicts.rejects(batch.file, batch.lines),
            skipped=verdicts.skipped,
            changed={name: count for name, count in changed.items() if count},
        )


def _messages(columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    arrays = [columns[field.name].cast(field.type) for field in MESSAGE_SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=MESSAGE_SCHEMA)


class _Cells:
    """A batch's columns by their source names."""

    def __init__(self, batch: RowBatch) -> None:
        self._batch = batch

    def text(self, column: str) -> pa.Array:
        """Return a column as exact strings."""
        cells = self._column(column)
        try:
            return cells.cast(pa.string())
        except pa.ArrowException as problem:
            raise self._unusable(column, f"has cells of type {cells.type}, which are no texts") from problem

    def optional(self, column: str | None) -> pa.Array | None:
        """Return a column that may not be mapped."""
        return None if column is None else self.text(column)

    def time(self, column: str) -> pa.Array:
        """Return a column with its type, unless its cells are strings in some way of storing them."""
        cells = self._column(column)
        kind = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
        textual = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
        return cells.cast(pa.string()) if textual or pa.types.is_null(kind) else cells

    def _column(self, column: str) -> pa.Array:
        if column not in self._batch.rows.schema.names:
            raise self._unusable(column, "is not there")
        return self._batch.rows.column(column)

    def _unusable(self, column: str, fault: str) -> InputError:
        return InputError(
            f"{self._batch.file}: column {column!r} {fault}",
            hint="compare the names under [columns] with the file's header, and map a column of plain values",
        )
