"""What is sent as text: cleaned, converted, stripped and masked as the job says, and nothing beyond."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.config.job import Job
from etl.config.sending import Privacy
from etl.model.rejects import RejectCode
from etl.normalize.attachments import named
from etl.normalize.html import LOOKS_LIKE_HTML, plain_text
from etl.normalize.mojibake import mojibake
from etl.normalize.octets import Octets, octets_of, pieces
from etl.normalize.quotes import QUOTE_MARK, own_words
from etl.normalize.residues import read_residues
from etl.normalize.scan import longer, matches_among, rows_from, rows_with
from etl.normalize.verdict import Details, Fault, Mask, Rows, mask, matches, missing

if TYPE_CHECKING:
    from etl.normalize.privacy import Masker

_CONTROLS = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+"
_KEPT: Final = b"\n\r\t"
_SPACE = 0x20
_DELETE = 0x7F

COMPOSED: Final = (
    r"\x00-\x{2FF}\x{400}-\x{482}\x{48A}-\x{52F}\x{2010}-\x{2027}\x{2030}-\x{205E}\x{20A0}-\x{20BF}"
    r"\x{4E00}-\x{9FFF}\x{FE0F}\x{1F000}-\x{1FAFF}"
)
"""Characters of which every text is in normal form C already: those of nearly all texts."""

_BEYOND_LATIN: Final = 0xCC
"""All characters from U+0300 on, combining signs first, begin with this byte or a later one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The cleaned texts, what is wrong with them and what was changed or noticed."""

    text: pa.Array
    faults: tuple[Fault, ...]
    residue: Mask
    """Which rows are marks of an earlier hand-over and nothing else."""
    changed: dict[str, Mask]
    found: dict[str, Mask]


class TextReader:
    """Reads the texts of a batch as a job wants them sent."""

    def __init__(self, job: Job, *, key: bytes | None) -> None:
        """Prepare; `key` is the one of pseudonyms.

        Raises:
            UsageError: masking needs a key, or a pattern of the job can't be used.
        """
        self._settings = job.text
        self._column = job.columns.text
        self._masker = _masker(job.privacy, key=key)

    def __call__(self, cells: pa.Array, attachments: pa.Array | None, customer: Mask) -> Texts:
        """Return the texts; each step sees what the one before made of them.

        In this order: control characters, HTML, attachments for texts that show nothing, quoted replies,
        normal form, residues of a hand-over (of customers' texts), masking, length.
        """
        settings = self._settings
        work = _Work(cells if cells.null_count == 0 else pc.fill_null(cells, ""))
        _remove_controls(work)
        if settings.html:
            _convert_html(work)
            _remove_controls(work)  # an entity may have stood for one
        if settings.attachment and attachments is not None:
            _name_attachments(work, attachments, settings.attachment)
        if settings.quoted_replies == "strip":
            _strip_quotes(work)
        if settings.unicode == "nfc":
            _compose(work)
        residue = np.zeros(len(cells), dtype=np.bool_)
        if settings.residues == "skip":
            work.text, residue, cut = read_residues(work.text, customer)
            work.note("residues_cut", cut)
        self._look(work)
        faults = self._bounded(work)
        return Texts(
            text=work.text,
            faults=faults,
            residue=residue,
            changed=work.changed,
            found=work.found,
        )

    def _look(self, work: "_Work") -> None:
        """Notice what looks wrong, and mask personal data."""
        if not self._settings.html:
            candidates = rows_with(work.text, "<&")
            work.found["html"] = matches_among(work.text, candidates, LOOKS_LIKE_HTML)
        work.found["mojibake"] = mojibake(work.text)
        if self._masker is not None:
            masked = self._masker(work.text)
            work.text = masked.texts
            work.changed |= masked.changed

    def _bounded(self, work: "_Work") -> tuple[Fault, ...]:
        limit = self._settings.max_characters
        too_long = longer(work.text, limit)
        if self._settings.too_long == "truncate" and too_long.any():
            work.text = pc.utf8_slice_codeunits(work.text, 0, limit)
            work.note("truncated", too_long)
        if self._settings.too_long != "reject":
            too_long = np.zeros(len(work.text), dtype=np.bool_)
        return (
            Fault(code=RejectCode.EMPTY_TEXT, column=self._column, hit=missing(work.text)),
            Fault(
                code=RejectCode.TEXT_TOO_LONG,
                column=self._column,
                hit=too_long,
                details=_lengths(work.text),
            ),
        )


def _masker(privacy: Privacy, *, key: bytes | None) -> "Masker | None":
    """Return what masks, if the job masks anything: compiling the patterns takes longer than a small plan."""
    if not (privacy.mask or privacy.patterns):
        return None
    from etl.normalize.privacy import Masker  # noqa: PLC0415  see above

    return Masker(privacy, key=key)


class _Work:
    """Texts in the making; none is null."""

    def __init__(self, text: pa.Array) -> None:
        self.text = text
        self.changed: dict[str, Mask] = {}
        self.found: dict[str, Mask] = {}

    def note(self, name: str, hit: Mask) -> None:
        """Record that some texts were changed, perhaps not for the first time."""
        known = self.changed.get(name)
        self.changed[name] = hit if known is None else known | hit

    def replace(self, hit: Mask, change: Callable[[pa.Array], pa.Array]) -> Mask:
        """Change the texts of `hit`; return which ones became others."""
        differs = np.zeros(len(self.text), dtype=np.bool_)
        if hit.any():
            before = self.text.filter(pa.array(hit))
            after = change(before)
            self.text = pc.replace_with_mask(self.text, pa.array(hit), after)
            differs[hit] = mask(pc.not_equal(before, after))
        return differs


def _remove_controls(work: _Work) -> None:
    if _has_controls(work.text):
        hit = matches(work.text, _CONTROLS)
        work.note(
            "controls_removed",
            work.replace(hit, lambda texts: pc.replace_substring_regex(texts, _CONTROLS, "")),
        )


def _has_controls(texts: pa.Array) -> bool:
    """Say at memory speed whether any byte is one: nearly no batch has one, and a regex reads slowly."""
    octets, _ = octets_of(texts)
    return any(map(_controls, pieces(octets)))


def _controls(piece: Octets) -> bool:
    """Say whether a piece has a control character, by counting: most have none but line ends."""
    others = np.count_nonzero(piece < _SPACE)
    for kept in _KEPT:
        if others:
            others -= np.count_nonzero(piece == kept)
    return bool(others > 0 or np.any(piece == _DELETE))


def _convert_html(work: _Work) -> None:
    hit = matches_among(work.text, rows_with(work.text, "<&"), LOOKS_LIKE_HTML)
    work.replace(hit, lambda texts: _each(texts, plain_text))
    work.note("html_converted", hit)


def _name_attachments(work: _Work, attachments: pa.Array, template: str) -> None:
    empty = missing(work.text)
    if not empty.any():
        return

    def filled(texts: pa.Array) -> pa.Array:
        return pc.coalesce(named(attachments.filter(pa.array(empty)), template), texts)

    work.note("attachments_named", work.replace(empty, filled))
    _remove_controls(work)


def _strip_quotes(work: _Work) -> None:
    hit = matches(work.text, QUOTE_MARK)
    work.note("quotes_stripped", work.replace(hit, lambda texts: _each(texts, own_words)))


def _compose(work: _Work) -> None:
    hit = matches_among(work.text, rows_from(work.text, _BEYOND_LATIN), f"[^{COMPOSED}]")
    work.note("composed", work.replace(hit, lambda texts: pc.utf8_normalize(texts, form="NFC")))


def _each(texts: pa.Array, change: Callable[[str], str]) -> pa.Array:
    return pa.array([change(text) for text in texts.to_pylist()], pa.string())


def _lengths(texts: pa.Array) -> Details:
    def details(rows: Rows) -> pa.Array:
        counted = pc.cast(pc.utf8_length(texts.take(pa.array(rows))), pa.string())
        return pc.binary_join_element_wise(counted, " characters", "")

    return details
