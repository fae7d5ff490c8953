"""`LiveChatTranscript.Body` of Salesforce: HTML, offsets from a start, speakers by name only.

Centred paragraphs are the system's: when the chat started, where, and one `Agent NAME` each time an agent
joins. A message is `( 1m 13s ) NAME: text<br>`; a line without an offset goes on with the message before.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from typing import Final

from etl.transcript.entry import Entry, Flaw, Speaker
from etl.transcript.moments import fixed_offset, moved

_BREAK: Final = re.compile(r"<(/?p|br)(\s[^<>]*+)?/?>", re.IGNORECASE)
_MARKUP: Final = re.compile(
    r"</?(?:a|b|i|u|s|em|strong|span|font|div|ul|ol|li|img|small|sub|sup)(?:\s[^<>]*+)?/?>", re.IGNORECASE
)
_MARK: Final = re.compile(
    r"\(\s*+(?=[0-9])(?:([0-9]{1,9})\s*+d\s*+)?(?:([0-9]{1,9})\s*+h\s*+)?"
    r"(?:([0-9]{1,9})\s*+m\s*+)?(?:([0-9]{1,9})\s*+s\s*+)?\)\s*+",
    re.IGNORECASE,
)
_IN_SECONDS: Final = (86_400, 3_600, 60, 1)
_HEADER: Final = "Chat Started:"
_AGENT: Final = "Agent"
_STARTED: Final = re.compile(
    r"Chat Started:\s*[A-Za-z]+,\s+(?:([A-Za-z]+) ([0-9]{1,2}),|([0-9]{1,2}) ([A-Za-z]+)) ([0-9]{4}),?"
    r"\s+([0-9]{1,2}):([0-9]{2}):([0-9]{2})\s+\((?:GMT)?([+-])([0-9]{2}):?([0-9]{2})\)",
)
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SECOND: Final = timedelta(seconds=1)
_NAME_CHARACTERS: Final = 255
_NAME_COLONS: Final = 8


@dataclass(slots=True, kw_only=True)
class _Line:
    """A line of the system, or a message with the lines that go on with it."""

    seconds: int
    """After the start; a line of the system has those of the line before."""
    parts: list[str]
    names: tuple[str, ...] | None
    """What the speaker may be called, the shortest first; None for a line of the system."""

    @property
    def text(self) -> str:
        return "\n".join(self.parts).rstrip("\n")


def parse_salesforce(cell: str, start: datetime | None) -> list[Entry] | Flaw:
    """Read a transcript; the row's start is preferred to the header, whose language is the org's.

    An agent is whoever this cell announces as one, everybody else is a customer. A customer's name ends at
    its first colon: what is left of a name with colons stays in the text, so nothing is lost. Lines of the
    system have no time of their own and take that of the line before.
    """
    lines = _lines(cell)
    if isinstance(lines, Flaw):
        return lines
    system = [line.text for line in lines if line.names is None]
    headers = [text for text in system if text.startswith(_HEADER)]
    if not system:
        return Flaw(detail="no centred header as Salesforce writes it")
    if len(headers) > 1:
        return Flaw(detail="more than one chat in the cell")
    begun = start or (_started(headers[0]) if headers else None)
    if begun is None:
        return Flaw(detail="no start: no ISO time with an offset in the row, no English header in the cell")
    agents = _agents(system, lines, english=bool(headers))
    if not headers and not agents and len(system) < len(lines):
        return Flaw(detail="a header in another language that announces no agent who speaks")
    return _entries(lines, begun, agents)


def _lines(cell: str) -> list[_Line] | Flaw:
    """Split a cell at its breaks and join what belongs together."""
    lines: list[_Line] = []
    centred = False
    position = 0
    for tag in _BREAK.finditer(cell):
        if not _added(lines, cell[position : tag.start()], centred=centred):
            return Flaw(detail=f"text without an offset after line {len(lines)}")
        position = tag.end()
        kind = tag[1].lower()
        if kind == "p":
            if centred:
                return Flaw(detail=f"a centred paragraph without an end at line {len(lines)}")
            centred = "center" in (tag[2] or "").lower()
        elif kind == "/p":
            centred = False
    if centred:
        return Flaw(detail="a centred paragraph without an end")
    if not _added(lines, cell[position:], centred=False):
        return Flaw(detail=f"text without an offset after line {len(lines)}")
    return lines


def _added(lines: list[_Line], html: str, *, centred: bool) -> bool:
    """Add a line, and say whether there was a place for it."""
    text = unescape(_MARKUP.sub("", html).strip("\r\n\t "))
    if centred:
        if text:
            lines.append(_Line(seconds=lines[-1].seconds if lines else 0, parts=[text], names=None))
        return True
    mark = _MARK.match(text)
    names = _names(text[mark.end() :]) if mark else ()
    if mark and names:
        seconds = sum(int(count or 0) * unit for count, unit in zip(mark.groups(), _IN_SECONDS, strict=True))
        lines.append(_Line(seconds=seconds, parts=[text[mark.end() :]], names=names))
        return True
    if lines and lines[-1].names is not None:
        lines[-1].parts.append(text)
        return True
    return not text


def _names(said: str) -> tuple[str, ...]:
    """Return what stands before the first colons; more of them are in no name."""
    names: list[str] = []
    end = said.find(":", 0, _NAME_CHARACTERS + 1)
    while end >= 0 and len(names) < _NAME_COLONS:
        if not said[end + 1 : end + 2].strip():
            names.append(said[:end])
        end = said.find(":", end + 1, _NAME_CHARACTERS + 1)
    return tuple(names)


def _started(header: str) -> datetime | None:
    found = _STARTED.fullmatch(header)
    if found is None:
        return None
    month_first, day_last, day_first, month_last, year, hour, minute, second, *offset = found.groups()
    try:
        return datetime(
            int(year),
            _MONTHS.index(month_first or month_last) + 1,
            int(day_last or day_first),
            int(hour),
            int(minute),
            int(second),
            tzinfo=fixed_offset(*offset),
        )
    except ValueError:
        return None


def _agents(system: list[str], lines: list[_Line], *, english: bool) -> frozenset[str]:
    """Return who was announced and speaks.

    In another language the word for an agent is unknown, but the name behind it is one that speaks.
    """
    announced = {
        name
        for word, _, name in (line.partition(" ") for line in system)
        if name and (word == _AGENT or not english)
    }
    spoken = {name for line in lines for name in line.names or ()}
    return frozenset(announced & spoken)


def _entries(lines: list[_Line], begun: datetime, agents: frozenset[str]) -> list[Entry] | Flaw:
    entries: list[Entry] = []
    for line in lines:
        at = moved(begun, line.seconds, _SECOND)
        if at is None:
            return Flaw(detail=f"line {len(entries) + 1}: an offset beyond any calendar")
        if line.names is None:
            entries.append(Entry(at=at, speaker=Speaker.SYSTEM, text=line.text))
            continue
        agent = next((name for name in reversed(line.names) if name in agents), None)
        name = line.names[0] if agent is None else agent
        entries.append(
            Entry(
                at=at,
                speaker=Speaker.CUSTOMER if agent is None else Speaker.AGENT,
                text=line.text[len(name) + 1 :].removeprefix(" ").lstrip("\n"),
            ),
        )
    return entries
