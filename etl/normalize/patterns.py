"""A strptime pattern, read once: what it says of the zone, and what is screened before pandas sees a cell."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

OFFSET: Final = r"[+-]\d\d(?::?\d\d(?::?\d\d(?:\.\d+)?)?)?|Z"
"""What pandas takes for `%z`, without regard to case."""

_DIRECTIVE: Final = re.compile(r"%.", re.DOTALL)
_UTC_WORD: Final = re.compile(r"(?<![A-Za-z])(?:UTC|GMT|Z)(?![A-Za-z])")
_SHAPES: Final = {
    "%Y": r"\d{4}", "%f": r"\d{1,9}", "%j": r"\d{1,3}", "%%": "%",
    **dict.fromkeys(("%y", "%m", "%d", "%H", "%I", "%M", "%S"), r"\s?\d{1,2}"),
}  # fmt: skip
_LEAP: Final = {"%S": r"6[01]"}
_WRITTEN: Final = {"%z": f"(?P<offset>{OFFSET})", "%Z": "(?P<offset>UTC|GMT)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """How a strptime pattern is applied."""

    pandas: str
    """What pandas gets: `%Z` would accept the machine's own zones, so the word UTC stands in its place."""
    aware: bool
    """Whether every time that fits says its offset: by `%z`, `%Z`, or the literal word UTC, GMT or Z."""
    word: str | None
    """The literal word, where that is what says the offset."""
    offset: str | None
    """What finds the offset in a cell, as the group `offset`, where the cells say it."""
    zone_word: bool
    """Whether cells may say GMT where the pattern says `%Z`; only UTC and GMT are taken."""
    long_fraction: bool
    """Whether a fraction may have more digits than a microsecond; they are cut."""
    leap: str | None
    """What a cell with second 60 or 61 looks like; pandas would carry it into the next minute."""


def read_pattern(pattern: str) -> Pattern:
    """Read a pattern; whether pandas knows its directives is not asked here."""
    directives = set(_DIRECTIVE.findall(pattern))
    written = len([found for found in _DIRECTIVE.findall(pattern) if found in _WRITTEN])
    word = None if written else _UTC_WORD.search(_DIRECTIVE.sub("%", pattern))
    return Pattern(
        pandas=_DIRECTIVE.sub(lambda found: "UTC" if found[0] == "%Z" else found[0], pattern),
        aware=bool(written) or word is not None,
        word=word[0] if word else None,
        offset=_regex(pattern, _WRITTEN) if written == 1 else None,
        zone_word="%Z" in directives and "GMT" not in pattern,
        long_fraction="%f" in directives,
        leap=_regex(pattern, _LEAP) if "%S" in directives else None,
    )


def written_offsets(cells: pa.Array, pattern: str) -> dict[str, int]:
    """Return how many cells carry which offset, `-0800` as `-08:00`."""
    counts: Counter[str] = Counter()
    if len(cells):
        for found in pc.value_counts(pc.struct_field(pc.extract_regex(cells, pattern), "offset")).to_pylist():
            counts[_named(found["values"])] += found["counts"]
    return dict(counts)


def _regex(pattern: str, special: Mapping[str, str]) -> str:
    shapes = {**_SHAPES, **special}
    parts = ["(?i)^"]
    position = 0
    for found in _DIRECTIVE.finditer(pattern):
        parts += [_literal(pattern[position : found.start()]), shapes.get(found[0], ".*")]
        position = found.end()
    return "".join([*parts, _literal(pattern[position:]), "$"])


def _literal(text: str) -> str:
    return re.sub(r"(?:\\\s)+|\s+", r"\\s+", re.escape(text))


def _named(offset: str | None) -> str:
    if offset is None or not offset.startswith(("+", "-")):
        return (offset or "other").upper()
    digits = offset[1:].partition(".")[0].replace(":", "").ljust(4, "0")
    return offset[0] + ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
