"""What is sent as text: control characters removed, HTML turned into plain text, length checked."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from etl.config.sending import Text
from etl.model.rejects import RejectCode
from etl.normalize.html import LOOKS_LIKE_HTML, plain_text
from etl.normalize.verdict import Details, Fault, Mask, matches, missing

_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+"
_KEPT = (0x09, 0x0A, 0x0D)
_SPACE = 0x20
_DELETE = 0x7F


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The cleaned texts, what is wrong with them and what was changed."""

    text: pa.Array
    faults: tuple[Fault, ...]
    changed: dict[str, Mask]


def read_texts(settings: Text, column: str, cells: pa.Array) -> Texts:
    """Clean texts as the job says, and nothing beyond: no normal form, no trimming."""
    text, controls = _without_controls(cells)
    changed = {"controls_removed": controls}
    if settings.html:
        text, changed["html_converted"] = _without_html(text)
        text, more = _without_controls(text)  # an entity may have stood for one
        changed["controls_removed"] = controls | more
    limit = settings.max_characters
    too_long = np.zeros(len(text), dtype=np.bool_)
    lengths = pc.fill_null(pc.utf8_length(text), 0).to_numpy(zero_copy_only=False)
    if lengths.max(initial=0) > limit:
        too_long = lengths > limit
        if settings.too_long == "truncate":
            text = pc.utf8_slice_codeunits(text, 0, limit)
            changed["truncated"] = too_long
            too_long = np.zeros(len(text), dtype=np.bool_)
    faults = (
        Fault(code=RejectCode.EMPTY_TEXT, column=column, hit=missing(text)),
        Fault(code=RejectCode.TEXT_TOO_LONG, column=column, hit=too_long, details=_lengths(lengths)),
    )
    return Texts(text=text, faults=faults, changed=changed)


def _without_controls(texts: pa.Array) -> tuple[pa.Array, Mask]:
    if not _has_controls(texts):
        return texts, np.zeros(len(texts), dtype=np.bool_)
    hit = matches(texts, _CONTROLS)
    return _replaced(texts, hit, lambda found: pc.replace_substring_regex(found, _CONTROLS, "")), hit


def _has_controls(texts: pa.Array) -> bool:
    """Say at memory speed whether any byte is one: nearly no batch has one, and a regex reads slowly."""
    _, offsets, data = texts.buffers()
    if data is None or not len(texts):
        return False
    ends = np.frombuffer(offsets, np.int32, texts.offset + len(texts) + 1)
    octets = np.frombuffer(data, np.uint8)[ends[texts.offset] : ends[-1]]
    low = octets[octets < _SPACE]
    return bool(np.isin(low, _KEPT, invert=True).any() or (octets == _DELETE).any())


def _without_html(texts: pa.Array) -> tuple[pa.Array, Mask]:
    hit = matches(texts, LOOKS_LIKE_HTML)

    def converted(found: pa.Array) -> pa.Array:
        return pa.array([plain_text(text) for text in found.to_pylist()], pa.string())

    return _replaced(texts, hit, converted), hit


def _replaced(texts: pa.Array, hit: Mask, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    if not hit.any():
        return texts
    chosen = pa.array(hit)
    return pc.replace_with_mask(texts, chosen, change(texts.filter(chosen)))


def _lengths(lengths: npt.NDArray[np.int64]) -> Details:
    def details(rows: npt.NDArray[np.int64]) -> pa.Array:
        counted = pc.cast(pa.array(lengths[rows]), pa.string())
        return pc.binary_join_element_wise(counted, " characters", "")

    return details
