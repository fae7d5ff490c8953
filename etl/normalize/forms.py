"""How times are written: from the shape of a cell (each digit a 9) to the one format it can be in.

Shapes exclude one another, so a cell is never counted for two formats. Only the order of day and month is
no matter of shape; such a form is `open`.
"""

import re
from dataclasses import dataclass
from typing import Final

ISO: Final = "iso8601"
NUMBER: Final = "a plain number"

_WEEKDAY: Final = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_ISO: Final = re.compile(
    r"9{4,5}-99-99[T ]99:99(?::99(?:\.9+)?)?(?: ?Z| ?z| UTC| ?[+-]99(?::?99)?)?",
)
_NUMBER: Final = re.compile(r"[+-]?9+(?:[.,]9+)?")
_SCIENTIFIC: Final = re.compile(r"[+-]?9+(?:[.,]9+)?E[+-]?9+", re.IGNORECASE)
_WHOLE: Final = (
    (rf"{_WEEKDAY} {_MONTH} 99 99:99:99 [+-]99:?99 9999", "%a %b %d %H:%M:%S %z %Y"),
    (rf"{_WEEKDAY} {_MONTH} +99? 99:99:99 9999", "%a %b %d %H:%M:%S %Y"),
    (rf"{_WEEKDAY} {_MONTH} 99 9999 99:99:99 GMT[+-]9999", "%a %b %d %Y %H:%M:%S GMT%z"),
    (r"9{14}", "%Y%m%d%H%M%S"),
    (r"9{8}T9{6}", "%Y%m%dT%H%M%S"),
    (r"9{8}T9{6}Z", "%Y%m%dT%H%M%SZ"),
)
_COMPOSED: Final = re.compile(
    rf"""
    (?P<weekday>{_WEEKDAY},?\ )?
    (?:
        99?(?P<open>[/.-])99?(?P=open)(?P<open_year>9999|99)
      | 9999(?P<year_first>[/.-])99?(?P=year_first)99?
      | 99?(?P<named>[ -]){_MONTH}(?P=named)(?P<named_year>9999|99)
      | {_MONTH}\ 99?(?P<comma>,?)\ 9999
    )
    (?:
        (?P<between>,?\ +|T)
        99?(?P<point>[:.])99(?P<seconds>(?P=point)99(?P<fraction>[.,]9+)?)?
        (?P<half>\ ?[AP]M)?
        (?P<zone>\ ?[+-]99:?99|\ ?Z|\ ?UTC|\ ?GMT)?
    )?
    """,
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One way to write times."""

    format: str
    """A format of `[time]`; of an open form the one with the day first; `NUMBER` for any number."""
    open: bool = False
    """Whether the first two numbers may be day and month or month and day."""
    flaw: str = ""
    """Why such cells tell no instant."""

    @property
    def month_first(self) -> str:
        """Return the other format of an open form."""
        return self.format.replace("%d", "%M?").replace("%m", "%d").replace("%M?", "%m")

    @property
    def shown(self) -> str:
        """Return the form for people."""
        return f"{self.format} or {self.month_first}" if self.open else self.format


def form_of(shape: str) -> Form | None:
    """Return the form that a shape has, or None when it is like no time."""
    if _ISO.fullmatch(shape):
        return Form(format=ISO)
    for pattern, form in _WHOLE:
        if re.fullmatch(pattern, shape, re.IGNORECASE):
            return Form(format=form)
    if _NUMBER.fullmatch(shape):
        return Form(format=NUMBER)
    if _SCIENTIFIC.fullmatch(shape):
        return Form(format="a number such as 1.7E+12", flaw="a spreadsheet has cut their digits")
    found = _COMPOSED.fullmatch(shape)
    return _composed(found) if found else None


def _composed(found: re.Match[str]) -> Form:
    date = _date(found)
    flaw = "they have no time of day, so the order inside a day is lost" if found["point"] is None else ""
    if "%y" in date:
        flaw = "a year of two digits can be read in more than one way"
    return Form(format=date + _clock(found), open=found["open"] is not None, flaw=flaw)


def _date(found: re.Match[str]) -> str:
    weekday = f"%a{found['weekday'][3:]}" if found["weekday"] else ""
    if found["open"]:
        return weekday + found["open"].join(("%d", "%m", _year(found["open_year"])))
    if found["year_first"]:
        return weekday + found["year_first"].join(("%Y", "%m", "%d"))
    if found["named"]:
        return weekday + found["named"].join(("%d", "%b", _year(found["named_year"])))
    return f"{weekday}%b %d{found['comma']} %Y"


def _year(digits: str) -> str:
    return "%Y" if digits == "9999" else "%y"


def _clock(found: re.Match[str]) -> str:
    point = found["point"]
    if point is None:
        return ""
    seconds = f"{point}%S" if found["seconds"] else ""
    fraction = f"{found['fraction'][0]}%f" if found["fraction"] else ""
    half = found["half"] or ""
    hour = "%I" if half else "%H"
    zone = found["zone"] or ""
    if "+" in zone or "-" in zone:
        zone = f"{' ' if zone.startswith(' ') else ''}%z"
    between = re.sub(" +", " ", found["between"])
    return f"{between}{hour}{point}%M{seconds}{fraction}{half[:-2]}{'%p' if half else ''}{zone}"
