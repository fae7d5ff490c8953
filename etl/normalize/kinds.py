"""All kinds of personal data that are looked for, and what is found of them in one text.

Where two kinds overlap the one with more to check has it: e-mail, IBAN, national id, card, IP, phone. What is
found does not depend on what the job masks, so counts of two jobs compare.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, get_args

from etl.normalize.checks import IBAN_LENGTHS, card, compact, iban
from etl.normalize.detectors import AFTER, BEFORE, BLANK, DASH, SPACE, Detector, Kind, before, joint
from etl.normalize.national import NATIONAL
from etl.normalize.phones import PHONES

KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

_LETTER: Final = rf"[^\W{BLANK}]"
_LOCAL: Final = rf"(?:{_LETTER}|[.%+'-])"
_LABEL: Final = rf"(?:{_LETTER}|-){{1,63}}"
_TOP: Final = rf"(?:xn--[0-9A-Za-z-]{{2,59}}|[^\W\d_{BLANK}]{{2,63}})"
_EMAIL: Final = re.compile(
    rf"(?<![\w.%+'-])[.'-]*+(?P<v>(?:{_LETTER}|[%+]){_LOCAL}*+@(?:{_LABEL}\.){{1,8}}{_TOP})(?!\w)",
)
_GROUP: Final = f"[{SPACE}{DASH}]?"
_IBAN_BODY: Final = "|".join(
    f"(?:{countries.replace(' ', '|')})[0-9]{{2}}(?:{_GROUP}[A-Za-z0-9]){{{length - 4}}}"
    for length, countries in IBAN_LENGTHS.items()
)
_CARD_SHAPES: Final = (
    f"[0-9]{{4}}(?P<s>[{SPACE}{DASH}.])[0-9]{{4}}(?P=s)[0-9]{{4}}(?P=s)[0-9]{{4}}(?P=s)[0-9]{{3}}",
    f"[0-9]{{4}}(?P<s>[{SPACE}{DASH}.]{{1,2}})[0-9]{{4}}(?P=s)[0-9]{{4}}(?P=s)[0-9]{{4}}",
    f"[0-9]{{4}}(?P<s>[{SPACE}{DASH}.])[0-9]{{6}}(?P=s)[0-9]{{4,5}}",
    f"[0-9]{{4}}(?P<s>[{SPACE}{DASH}.])[0-9]{{3}}(?P=s)[0-9]{{3}}(?P=s)[0-9]{{3}}",
    "[0-9]{13,19}",
)
_VERSION: Final = re.compile(
    r"(?i)(?:version|ver|build|release|firmware|update|section|chapter|v)[^0-9A-Za-z]{0,4}$"
)

_IP_DIGITS: Final = 5
"""An address with fewer, as 1.2.3.4 or a::b, is a version or program text."""

_ROUNDS: Final = 4
_REACH: Final = 80
"""Characters; no number with what is looked at around it is longer."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One value in a text."""

    name: str
    """Its kind, or the name of the job's own pattern."""
    start: int
    end: int

    @property
    def span(self) -> Span:
        """Return where it stands."""
        return self.start, self.end


def _iban(match: re.Match[str]) -> bool:
    return iban(compact(match["v"]))


def _card(match: re.Match[str]) -> bool:
    return card(compact(match["v"]))


def _four(match: re.Match[str]) -> bool:
    """Accept an IPv4 address that neither a word nor its four single digits, as 1.2.3.4, make a version."""
    octets = match["v"].split(".")
    if not all(int(octet) <= 255 and str(int(octet)) == octet for octet in octets):  # noqa: PLR2004
        return False
    return sum(map(len, octets)) >= _IP_DIGITS and not _VERSION.search(before(match))


def _six(match: re.Match[str]) -> bool:
    """Accept an IPv6 address with enough in it; `::` and `a::b` are written in programs too."""
    try:
        ipaddress.IPv6Address(match["v"])
    except ValueError:
        return False
    return sum(map(str.isdigit, match["v"])) >= _IP_DIGITS


NUMBERS: Final = (
    Detector(
        kind="iban",
        gate=rf"\b[A-Za-z]{{2}}[0-9]{{2}}(?:{_GROUP}[A-Za-z0-9]){{11}}",
        pattern=re.compile(f"{BEFORE}(?P<v>(?=[A-Za-z]{{2}}[0-9]{{2}})(?ai:{_IBAN_BODY})){AFTER}"),
        check=_iban,
    ),
    *NATIONAL,
    *(
        Detector(
            kind="card",
            gate=rf"\b{shape.replace('?P<s>', '?:').replace('(?P=s)', f'[{SPACE}{DASH}.]{{1,2}}')}\b",
            pattern=re.compile(f"{BEFORE}(?<![+])(?P<v>{shape}){AFTER}"),
            check=_card,
        )
        for shape in _CARD_SHAPES
    ),
    Detector(
        kind="ip",
        gate=r"::|\b(?:[0-9A-Fa-f]{1,4}:){6}",
        pattern=re.compile(r"(?<![\w:.])(?P<v>(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f.]{0,15}(?<!\.))(?![\w:])"),
        check=_six,
    ),
    Detector(
        kind="ip",
        gate=r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]",
        pattern=re.compile(rf"{BEFORE}(?P<v>(?:[0-9]{{1,3}}\.){{3}}[0-9]{{1,3}}){AFTER}"),
        check=_four,
    ),
    *PHONES,
)
"""All but e-mail addresses, in the order of precedence where two begin at one place."""

_ANY: Final = joint(NUMBERS)

_START: Final = re.compile(
    rf"(?<!\w)(?=[(+]{{0,2}}(?:[A-Za-z]{{1,8}}[{SPACE}{DASH}]?)?[0-9])|(?<![\w:.])(?=[0-9A-Fa-f]{{0,4}}:)",
)
"""Where any of them can begin."""
_RUN: Final = re.compile("[0-9]+|:+")
_PREFIX: Final = 11
"""Characters from where a number can begin to its first digit or colon, at most."""


def find(text: str, taken: Sequence[Span]) -> list[Finding]:
    """Return what is found in a text outside the spans that are taken; never overlapping.

    Around a value it is looked for again: what follows it may have kept its neighbour from being one.
    """
    left = blank(text, taken)
    found = [Finding(name="email", start=start, end=end) for start, end in _emails(left)]
    left = blank(left, [finding.span for finding in found])
    more = _numbers(left, _around_runs(left))
    for _ in range(_ROUNDS):
        if not more:
            break
        found += more
        left = blank(left, [finding.span for finding in more])
        more = _numbers(left, [(max(0, one.start - _REACH), one.end + _REACH) for one in more])
    return found


def blank(text: str, spans: Sequence[Span]) -> str:
    """Return a text of the same length in which nothing is found in the spans nor across them."""
    parts: list[str] = []
    position = 0
    for start, end in sorted(spans):
        parts += [text[position:start], BLANK * (end - start)]
        position = end
    return "".join([*parts, text[position:]]) if parts else text


def _emails(text: str) -> list[Span]:
    return [match.span("v") for match in _EMAIL.finditer(text)] if "@" in text else []


def _around_runs(text: str) -> list[Span]:
    """Return where numbers can begin: most of a text is far from any digit."""
    windows: list[Span] = []
    for run in _RUN.finditer(text):
        first, last = max(0, run.start() - _PREFIX), run.end()
        if windows and first <= windows[-1][1]:
            first = windows.pop()[0]
        windows.append((first, last))
    return windows


def _numbers(text: str, windows: Sequence[Span]) -> list[Finding]:
    """Return what begins in the windows, which are in rising order."""
    found: list[Finding] = []
    end = 0
    for first, last in windows:
        for place in _START.finditer(text, max(first, end), max(last, end)):
            start = place.start()
            if start >= end and (finding := _number(text, start)):
                found.append(finding)
                end = finding.end
    return found


def _number(text: str, start: int) -> Finding | None:
    if not _ANY.match(text, start):
        return None
    for detector in NUMBERS:
        match = detector.pattern.match(text, start)
        if match and detector.check(match):
            return Finding(name=detector.kind, start=start, end=match.end("v"))
    return None
