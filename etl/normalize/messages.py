"""The last step: sound rows as messages."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from etl.config.job import Job
from etl.model.schemas import MESSAGE_SCHEMA, RowBatch
from etl.normalize.cells import Cells
from etl.normalize.instants import Micros
from etl.normalize.pseudonyms import pseudonyms
from etl.normalize.variables import SPEAKER, json_objects, names_speaker
from etl.normalize.verdict import Rows, chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What was read of rows, without their texts, one entry each."""

    rows: Rows
    """Where they stand in their batch."""
    lane: pa.Array
    at_us: Micros
    role: pa.Array
    sequence: pa.Array
    native_id: pa.Array
    conversation: pa.Array

    def take(self, rows: Rows) -> "Parts":
        """Return the parts of some rows, which are given once and in order."""
        return Parts(
            rows=self.rows[rows],
            lane=chosen(self.lane, rows),
            at_us=self.at_us[rows],
            role=chosen(self.role, rows),
            sequence=chosen(self.sequence, rows),
            native_id=chosen(self.native_id, rows),
            conversation=chosen(self.conversation, rows),
        )


def assemble(job: Job, batch: RowBatch, parts: Parts, text: pa.Array, *, key: bytes | None) -> pa.RecordBatch:
    """Return one message a row by `MESSAGE_SCHEMA`; with a `key` its user id is pseudonymous."""
    cells, rows, count = Cells(batch), parts.rows, len(parts.rows)
    lane = parts.lane if key is None else pseudonyms(parts.lane, key=key)
    variables = {name: chosen(cells.text(column), rows) for name, column in job.columns.variables.items()}
    if names_speaker(job):
        variables[SPEAKER] = parts.role
    profile = {name: chosen(cells.text(column), rows) for name, column in job.columns.profile.items()}
    return _by_schema(
        {
            "lane": lane,
            "at": pa.array(parts.at_us).cast(pa.timestamp("us", tz="UTC")),
            "sequence": parts.sequence,
            "role": parts.role,
            "text": text,
            "native_id": parts.native_id,
            "conversation": parts.conversation,
            "profile": json_objects(profile, count),
            "variables": json_objects(variables, count),
            "file": pa.repeat(batch.file, count),
            "line": chosen(batch.lines, rows),
            "part": pa.repeat(1, count),
            "whole": pa.nulls(count),
        },
    )


def _by_schema(columns: Mapping[str, pa.Array]) -> pa.RecordBatch:
    arrays = [columns[field.name].cast(field.type) for field in MESSAGE_SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=MESSAGE_SCHEMA)
