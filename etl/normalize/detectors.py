"""What a detector of personal data is, and the pieces that their patterns share.

Rules for all patterns, so that masking is one pass and repeating it changes nothing:
they name ASCII digits and letters, begin and end by `BEFORE` and `AFTER` or something stricter, and never
contain a bracket or `BLANK`. Every quantifier is bounded or runs over a class that what follows is not in, so
the time is linear in the text whatever it holds.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["email", "phone", "card", "iban", "ip", "national_id"]

BLANK: Final = "\u02d0"
"""Stands for every character of what was found before: a letter to `\\w`, and to no pattern anything else."""

SPACE: Final = " \u00a0\u202f"
DASH: Final = "\\-\u2010\u2011\u2013"

BEFORE: Final = rf"(?<!\w)(?<![0-9{BLANK}][./{DASH}])"
"""Not in the middle of a word or of a longer number such as 2024-0101-…"""
AFTER: Final = rf"(?!\w|[./{DASH}][0-9{BLANK}])"

BEFORE_GATE: Final = f"(?:^|(?:^|[^0-9])[./{DASH}]|[^0-9A-Za-z_./{DASH}])"
"""Nearly `BEFORE`, for RE2, which looks at nothing without taking it."""

_NEAR_CHARACTERS: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One way in which a kind is written."""

    kind: Kind
    gate: str
    """A pattern for RE2 that is found wherever this detector finds something; cheap, not sharp."""
    pattern: re.Pattern[str]
    """The value is its group `v`."""
    check: Callable[[re.Match[str]], bool]
    """Whether what the pattern found is one: check digits, dates, what stands around it."""
    named: bool = False
    """Whether it counts only behind a word that names it."""


def before(match: re.Match[str]) -> str:
    """Return what stands before a value on its line, behind what was found before, as far as it matters."""
    start = match.start("v")
    near = match.string[max(0, start - _NEAR_CHARACTERS) : start]
    return near[max(near.rfind("\n"), near.rfind(BLANK)) + 1 :]


def joint(detectors: Sequence[Detector]) -> re.Pattern[str]:
    """Return one pattern that fits wherever the pattern of any detector does: asked first, it saves time."""
    patterns = [_numbered(detector.pattern.pattern, number) for number, detector in enumerate(detectors)]
    after = [pattern.removeprefix(BEFORE) for pattern in patterns if pattern.startswith(BEFORE)]
    others = [pattern for pattern in patterns if not pattern.startswith(BEFORE)]
    return re.compile("|".join([f"{BEFORE}(?:{'|'.join(after)})", *others]))


def _numbered(pattern: str, number: int) -> str:
    """Return a pattern whose groups have names of its own."""
    return re.sub(r"\(\?P(<\w+|=\w+)", rf"(?P\g<1>{number}", pattern)
