"""Texts that are too long for one message become several, cut where a reader would pause."""

import re
import unicodedata
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.model.keys import content_digest
from etl.normalize.verdict import UNSEEN_SPACE

_PAUSES: Final = (
    re.compile(r"\r?\n[ \t]*\r?\n\s*"),
    re.compile(r"\r?\n"),
    re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+"),  # noqa: RUF001  full-width signs end Chinese sentences
    re.compile(r"\s+"),
)
"""Places to cut, the best first: paragraph, line, sentence, word. The cut is behind the match."""

_JOINERS: Final = frozenset("\u200d\u034f")
_FARTHEST_BACK: Final = 64


def split_long(messages: pa.RecordBatch, limit: int) -> pa.RecordBatch:
    """Return the messages with every longer text in parts of at most `limit` characters.

    Parts stand behind each other, are numbered from 1 in `part`, and share all else, `whole` too.
    """
    rows = np.flatnonzero(pc.greater(pc.utf8_length(messages["text"]), limit).to_numpy(zero_copy_only=False))
    if not len(rows):
        return messages
    parts = [pieces(messages["text"][row].as_py(), limit) for row in rows]
    counts = np.ones(messages.num_rows, dtype=np.int64)
    counts[rows] = [len(texts) for texts in parts]
    source = np.repeat(np.arange(messages.num_rows), counts)
    number = np.arange(len(source)) - (np.cumsum(counts) - counts)[source] + 1
    wholes = _whole_digests(messages.take(pa.array(rows)))
    cut = pa.array(np.isin(np.arange(messages.num_rows), rows))
    out = _replaced(messages, "whole", cut, wholes).take(pa.array(source))
    texts = [text for one in parts for text in one]
    out = _replaced(out, "text", pa.array(np.isin(source, rows)), texts)
    return out.set_column(
        out.schema.get_field_index("part"), out.schema.field("part"), pa.array(number, pa.int32())
    )


def pieces(text: str, limit: int) -> list[str]:
    """Cut a text into parts of at most `limit` characters; only white space at the cuts is lost.

    Cuts are made in the last fifth of a part if a reader pauses there, and never between a letter and
    its accents, an emoji and its parts, or CR and LF, unless such a sequence has no end.
    """
    found: list[str] = []
    start = 0
    while len(text) - start > limit:
        end = _cut(text, start, limit)
        found.append(text[start:end])
        start = end
    found.append(text[start:])
    trimmed = [part.rstrip() if place == 0 else part.strip() for place, part in enumerate(found[:-1])]
    trimmed.append(found[-1].lstrip() if len(found) > 1 else found[-1])
    return [part for part in trimmed if part.strip(UNSEEN_SPACE)]


def _cut(text: str, start: int, limit: int) -> int:
    last = start + limit
    earliest = start + max(1, limit - limit // 5)
    for pause in _PAUSES:
        ends = [found.end() for found in pause.finditer(text, earliest, last)]
        if ends and not _joined(text, ends[-1]):
            return ends[-1]
    for end in range(last, max(start, last - _FARTHEST_BACK), -1):
        if not _joined(text, end):
            return end
    return last


def _joined(text: str, end: int) -> bool:
    """Return whether the characters on both sides of a cut belong together."""
    before, behind = text[end - 1], text[end]
    return (
        unicodedata.combining(behind) > 0
        or unicodedata.category(behind) in {"Mn", "Me", "Mc"}
        or behind in _JOINERS
        or before in _JOINERS
        or "\U0001f3fb" <= behind <= "\U0001f3ff"
        or (before, behind) == ("\r", "\n")
        or ("\U0001f1e6" <= before <= "\U0001f1ff" and "\U0001f1e6" <= behind <= "\U0001f1ff")
    )


def _whole_digests(messages: pa.RecordBatch) -> list[bytes]:
    at_us = messages["at"].cast(pa.int64()).to_pylist()
    columns = (messages[name].to_pylist() for name in ("lane", "role", "text"))
    return [
        content_digest(lane=lane, at_us=at, role=role, text=text)
        for at, lane, role, text in zip(at_us, *columns, strict=True)
    ]


def _replaced(
    batch: pa.RecordBatch, name: str, hit: pa.Array, values: list[bytes] | list[str]
) -> pa.RecordBatch:
    place = batch.schema.get_field_index(name)
    field = batch.schema.field(name)
    whole = batch.column(place)
    column = pc.replace_with_mask(whole, hit, pa.array(values, field.type))
    return batch.set_column(place, field, column)
