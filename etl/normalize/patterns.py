"""A strptime pattern, read once: what it says of the zone, and what is screened before pandas sees a cell."""

import re
from dataclasses import dataclass
from typing import Final

_DIRECTIVE: Final = re.compile(r"%.", re.DOTALL)
_UTC_WORD: Final = re.compile(r"(?<![A-Za-z])(?:UTC|GMT|Z)(?![A-Za-z])")
_SHAPES: Final = {
    "%Y": r"\d{4}", "%f": r"\d{1,9}", "%j": r"\d{1,3}", "%S": r"6[01]", "%%": "%",
    **dict.fromkeys(("%y", "%m", "%d", "%H", "%I", "%M"), r"\s?\d{1,2}"),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """How a strptime pattern is applied."""

    pandas: str
    """What pandas gets: `%Z` would accept the machine's own zones, so the word UTC stands in its place."""
    aware: bool
    """Whether every time that fits says its offset: by `%z`, `%Z`, or the literal word UTC, GMT or Z."""
    zone_word: bool
    """Whether cells may say GMT where the pattern says `%Z`; only UTC and GMT are taken."""
    long_fraction: bool
    """Whether a fraction may have more digits than a microsecond; they are cut."""
    leap: str | None
    """What a cell with second 60 or 61 looks like; pandas would carry it into the next minute."""


def read_pattern(pattern: str) -> Pattern:
    """Read a pattern; whether pandas knows its directives is not asked here."""
    directives = set(_DIRECTIVE.findall(pattern))
    words = _UTC_WORD.search(_DIRECTIVE.sub("%", pattern))
    return Pattern(
        pandas=_DIRECTIVE.sub(lambda found: "UTC" if found[0] == "%Z" else found[0], pattern),
        aware=bool(directives & {"%z", "%Z"}) or words is not None,
        zone_word="%Z" in directives and "GMT" not in pattern,
        long_fraction="%f" in directives,
        leap=_leap(pattern) if "%S" in directives else None,
    )


def _leap(pattern: str) -> str:
    parts = ["(?i)^"]
    position = 0
    for found in _DIRECTIVE.finditer(pattern):
        parts += [_literal(pattern[position : found.start()]), _SHAPES.get(found[0], ".*")]
        position = found.end()
    return "".join([*parts, _literal(pattern[position:]), "$"])


def _literal(text: str) -> str:
    return re.sub(r"(?:\\\s)+|\s+", r"\\s+", re.escape(text))
