"""Notices whole conversations in single cells, for jobs that do not say how to read them."""

from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

UNKNOWN: Final = "unknown"
"""Whole conversations in a form that no parser reads."""

_SAMPLE: Final = 1_000
_CLOCK: Final = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?: ?[AaPp]\.?[Mm]\.?)?"
_DATE: Final = r"(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{2,4})"
_SEVERAL: Final = 2
_FORMS: Final = (
    ("salesforce", r"\(\s*(?:[0-9]+\s*[dhm]\s*)*[0-9]+\s*s\s*\)[^:<\n]{1,255}:", _SEVERAL),
    ("salesforce", r"(?i)<p[^<>]*center[^<>]*>\s*Chat Started:", 1),
    ("zendesk-chat", r'"type"\s*:\s*"(?:chat\.[a-z_.]+|offline_msg)"', 1),
    ("amazon-connect", r'"(?:AbsoluteTime|BeginOffsetMillis)"\s*:', 1),
    (UNKNOWN, rf"{_DATE}(?:T|,? +){_CLOCK}|[\[(]{_CLOCK}[\])]|(?:^|\n|<br ?/?>){_CLOCK}\b", _SEVERAL),
    (UNKNOWN, r"(?i)\(\s*(?:[0-9]+\s*[dhm]\s*)*[0-9]+\s*s\s*\)", _SEVERAL),
)
"""Parser, what marks a message of it, and how many of those are more than one message would have."""


def looks_like_transcript(texts: pa.Array) -> str | None:
    """Name the parser (`[input] transcript`) that the texts seem to be for, or `UNKNOWN`, or None.

    A column looks like transcripts when more than half of its first filled cells do.
    """
    kind = texts.type.value_type if pa.types.is_dictionary(texts.type) else texts.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        return None
    sample = texts.slice(0, _SAMPLE).cast(pa.large_string())
    filled = sample.filter(pc.greater(pc.binary_length(sample), 0))
    for name, mark, least in _FORMS:
        marked = pc.greater_equal(pc.count_substring_regex(filled, mark), least)
        if 2 * (pc.sum(marked).as_py() or 0) > len(filled):
            return name
    return None
