"""Masks personal data inside texts, and counts what is left of it.

Names of persons are not looked for: no pattern finds them honestly. Counts are of texts, not of occurrences.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.config.sending import Privacy
from etl.normalize.checks import compact
from etl.normalize.kinds import KINDS, NUMBERS, Finding, Span, find
from etl.normalize.numerals import may_hold_numbers
from etl.normalize.octets import counts_in, octets_of, places
from etl.normalize.pseudonyms import digest
from etl.normalize.scan import matches_among
from etl.normalize.verdict import Mask, mask

_VALUE: Final = b"etl-privacy-1"
_VALUE_BYTES: Final = 2
_AT: Final = ord("@")
_GATE: Final = "|".join(f"(?:{detector.gate})" for detector in NUMBERS)
_NAMED_GATE: Final = "|".join(f"(?:{detector.gate})" for detector in NUMBERS if detector.named)
_FEW: Final = 64
"""So many texts are read sooner than `_GATE` is compiled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Masked:
    """The texts with what the job masks replaced, and which texts held it."""

    texts: pa.Array
    """One for each text that came in; null stays null."""
    changed: dict[str, Mask]
    """`masked_` and the kind or the name of the job's own pattern: the texts in which it was replaced."""


class Masker:
    """Masks by one job's settings; keeps nothing from one batch to the next.

    Promises: what stands outside the values is not changed; masking what is masked changes nothing; with
    all kinds masked, nothing that is looked for is left. The time is linear in the texts, except for the
    job's own patterns: they run as written, and one that backtracks without end is their author's.
    """

    def __init__(self, privacy: Privacy, *, key: bytes | None) -> None:
        """Prepare for a job; an own pattern that has the name of a kind masks that kind too.

        `key` is needed for pseudonyms only.

        Raises:
            ValueError: the job asks for pseudonyms and the key is missing or empty.
        """
        if privacy.replacement == "pseudonym" and not key:
            raise ValueError("pseudonyms need a key")
        self._key = key if privacy.replacement == "pseudonym" else None
        self._masked = frozenset({*privacy.mask, *privacy.patterns})
        self._own = {name: re.compile(pattern) for name, pattern in privacy.patterns.items()}
        self._protected = _masks(privacy)

    def __call__(self, texts: pa.Array) -> Masked:
        """Return the texts with what the job masks replaced."""
        plain = texts.cast(pa.string())
        seen = {name: np.zeros(len(plain), dtype=np.bool_) for name in self._masked}
        likely = _candidates(plain)
        rows = np.flatnonzero(mask(plain.is_valid()) if self._own else likely)
        new: dict[int, str] = {}
        for row, text in zip(rows.tolist(), plain.take(pa.array(rows)).to_pylist(), strict=True):
            findings = self._find(text, likely=bool(likely[row]))
            replaced = [finding for finding in findings if finding.name in self._masked]
            for finding in replaced:
                seen[finding.name][row] = True
            if replaced:
                new[row] = self._replace(text, replaced)
        if new:
            hit = np.zeros(len(plain), dtype=np.bool_)
            hit[list(new)] = True
            plain = pc.replace_with_mask(plain, pa.array(hit), pa.array(new.values(), pa.string()))
        return Masked(
            texts=plain.cast(texts.type),
            changed={f"masked_{name}": seen[name] for name in (*KINDS, *self._own) if name in seen},
        )

    def _find(self, text: str, *, likely: bool) -> list[Finding]:
        """Return what is in a text; the job's own patterns come first, and earlier masks stay as they are."""
        taken: list[Span] = [match.span() for match in self._protected.finditer(text)]
        own: list[Finding] = []
        for name, pattern in self._own.items():
            for match in pattern.finditer(text):
                start, end = match.span()
                if start < end and all(end <= first or last <= start for first, last in taken):
                    own.append(Finding(name=name, start=start, end=end))
                    taken.append((start, end))
        return own + find(text, taken) if likely else own

    def _replace(self, text: str, findings: list[Finding]) -> str:
        parts: list[str] = []
        position = 0
        for finding in sorted(findings, key=lambda finding: finding.start):
            value = text[finding.start : finding.end]
            parts += [text[position : finding.start], self._mask(finding.name, value)]
            position = finding.end
        return "".join([*parts, text[position:]])

    def _mask(self, name: str, value: str) -> str:
        if self._key is None:
            return f"[{name}]"
        same = f"{name}\0{_canonical(name, value)}".encode()
        return f"[{name} {digest(same, key=self._key, size=_VALUE_BYTES, person=_VALUE).hex()}]"


class Spotter:
    """Counts the texts that hold what a job does not mask; keeps nothing from one batch to the next."""

    def __init__(self, privacy: Privacy) -> None:
        """Prepare for texts as the job sends them."""
        self._left = privacy.left
        self._protected = _masks(privacy)

    def __call__(self, texts: pa.Array) -> Counter[str]:
        """Return how many texts hold each kind; what stands where something was masked is none."""
        counts: Counter[str] = Counter()
        if not self._left:
            return counts
        for text in texts.filter(pa.array(_candidates(texts))).to_pylist():
            taken = [match.span() for match in self._protected.finditer(text)]
            counts.update({finding.name for finding in find(text, taken)}.intersection(self._left))
        return counts


def _masks(privacy: Privacy) -> re.Pattern[str]:
    """Return the pattern of what stands where a job, or an earlier one, has masked something."""
    names = "|".join(map(re.escape, dict.fromkeys([*KINDS, *privacy.patterns])))
    return re.compile(rf"\[(?:{names})(?: [0-9a-f]{{4}})?\]")


def _canonical(name: str, value: str) -> str:
    """Return one writing for all of a value's; the job's own kinds are taken as they stand."""
    if name in {"email", "ip"}:
        return value.casefold()
    if name == "phone":
        digits = compact(value)
        return "+" + digits.removeprefix("00") if value.startswith(("+", "(+", "00")) else digits
    return compact(value) if name in KINDS else value


def _candidates(texts: pa.Array) -> Mask:
    """Return which texts may hold anything; most are told at memory speed by their bytes."""
    numerals = may_hold_numbers(texts)
    hit = numerals.shaped
    if np.count_nonzero(hit) > _FEW:
        hit = matches_among(texts, hit, _GATE)
    hit |= matches_among(texts, numerals.bare & ~hit, _NAMED_GATE)
    octets, ends = octets_of(texts)
    hit |= counts_in(places(octets, lambda piece: piece == _AT), ends) > 0
    return hit & mask(texts.is_valid())
