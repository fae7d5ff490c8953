"""Phone numbers, by how people write them; a library of all numbering plans reads 430 texts a second.

A number counts when its form is unmistakable (a country code, a leading 0 with its groups, the groups of a
country's own habit) or when a word such as `phone` stands before it; never after a word such as `order`, nor
when it is a date, a time or an amount. So eight bare digits alone are no phone number.
"""

import re
from collections.abc import Callable
from typing import Final

from etl.normalize.detectors import AFTER, BEFORE, BEFORE_GATE, BLANK, DASH, SPACE, Detector, before

_FIXED: Final = {7: "354|298|299", 8: "45|47|65|852", 9: "33|34|31|41|48|351|380|420|421", 10: "1|7|90|91"}
"""Digits after the country code: countries that always have so many, so it is known where a number ends."""

_WORDS: Final = (
    "tlf|tlfnr|tlph|tel|telefon|telephone|telefoon|telefono|tel\u00e9fono|t\u00e9l\u00e9phone|t\u00e9l|phone"
    "|phone number|puhelin|mobil|mobile|mobiel|mob|cell|cellphone|handy|gsm|sms|fax|whatsapp|viber|ring|call"
    "|callback|anrufen|r\u00fcckruf|telefonnr|telefonnummer|mobilnr|mobilnummer|handynummer|rufnummer"
    "|my number|mit nummer|mit nr|min nummer|mitt nummer|mijn nummer|meine nummer"
)
_OTHERS: Final = (
    "order|ordre|ordrenummer|ordrenr|ordernummer|ordernr|bestelling|bestellung|bestilling|commande|pedido"
    "|isbn|ean|gtin|sku|imei|track|tracking|trackingnummer|pakke|pakkenummer|parcel|shipment|sendung"
    "|forsendelse|invoice|faktura|fakturanummer|rechnung|konto|account|serial|serienummer|ref|reference"
    "|sag|sagsnummer|sagsnr|ticket|case|case id|kundenummer|kundenr|customer id|cvr|vat|version|article"
    "|artikel|varenr"
)
_PHONE: Final = re.compile(rf"(?i)(?<!\w)(?:{_WORDS})(?!\w)[^0-9\n]{{0,20}}$")
_OTHER: Final = re.compile(rf"(?i)(?:#|(?<!\w)(?:{_OTHERS}))(?!\w)[^0-9\n.,;!?]{{0,15}}\.?:? ?$")
_DATE: Final = re.compile(
    r"(?:[0-3]?[0-9]([./-])[01]?[0-9]\1(?:19|20)?[0-9]{2}|(?:19|20)[0-9]{2}([./-])[01]?[0-9]\2[0-3]?[0-9])"
    r"(?![0-9]|[./-][0-9])",
)
_TIMES: Final = re.compile(
    rf"[0-2]?[0-9]\.[0-5][0-9] ?[{DASH}] ?[0-2]?[0-9]\.[0-5][0-9](?![0-9])"
    rf"|[0-2][0-9][0-5][0-9] ?[{DASH}] ?[0-2][0-9][0-5][0-9]$",
)
_YEARS: Final = re.compile(rf"(?:19|20)[0-9]{{2}} ?[/{DASH}] ?(?:19|20)[0-9]{{2}}$")
_THOUSANDS: Final = re.compile(r"\+?[0-9]{1,3}(?:\.[0-9]{3})+$")
_MONEY: Final = "kr|dkk|sek|nok|eur|usd|gbp|chf|pln|\u20ac|\\$|\u00a3|%"
_MONEY_BEFORE: Final = re.compile(rf"(?i)(?:{_MONEY})\.? ?[+-]?$")
_MONEY_AFTER: Final = re.compile(rf"(?i) ?(?:{_MONEY})(?!\w)|,(?:-|[0-9])")
_MONEY_CHARACTERS: Final = 8

_ONE: Final = f"[{SPACE}.{DASH}]"
_BETWEEN: Final = f"[{SPACE}.()/{DASH}]{{0,3}}"
_DIGIT: Final = f"(?:{_BETWEEN}[0-9])"
_COUNTRIES: Final = "|".join(f"(?:{codes}){_DIGIT}{{{digits}}}" for digits, codes in _FIXED.items())
_ZEROS: Final = re.compile(f"00(?:{_COUNTRIES})$")
_PLUS: Final = f"(?:[(](?=[+][0-9]{{1,3}}[)]))?(?:[+]|00){_BETWEEN}"
_OPEN: Final = f"(?<![0-9{BLANK}][{SPACE}])(?:[(](?=0[0-9]{{1,4}}[)]))?"
_PAIRS: Final = f"[1-9][0-9](?P<s>{_ONE})[0-9]{{2}}(?P=s)[0-9]{{2}}(?P=s)[0-9]{{2}}"
_FEWEST_DIGITS: Final = 8
_MOBILE_DIGITS: Final = 10


def _is_other(match: re.Match[str]) -> bool:
    """Return whether it is a date, a span of times or years, or an amount."""
    value, end = match["v"], match.end("v")
    if _DATE.match(value) or _TIMES.match(value) or _YEARS.match(value) or _THOUSANDS.match(value):
        return True
    if _MONEY_AFTER.match(match.string, end, end + _MONEY_CHARACTERS):
        return True
    return bool(_MONEY_BEFORE.search(before(match)))


def _named(match: re.Match[str]) -> bool:
    """Accept what stands after a word for phone, without a word for something else between."""
    context = before(match)
    return bool(_PHONE.search(context)) and not _OTHER.search(context) and not _is_other(match)


def _shaped(match: re.Match[str]) -> bool:
    """Accept an unmistakable form unless what stands around it says otherwise."""
    return not _OTHER.search(before(match)) and not _is_other(match)


def _trunk(match: re.Match[str]) -> bool:
    """Accept a leading 0: with groups and eight digits, or with the length of a mobile number."""
    value = match["v"]
    digits = sum(map(str.isdigit, value))
    return digits >= (_MOBILE_DIGITS if value.isdigit() else _FEWEST_DIGITS) and _shaped(match)


def _international(match: re.Match[str]) -> bool:
    """Accept a country code after +; after a bare 00 zeros in front of an order number look the same."""
    value = match["v"]
    if value.isdigit() and not _ZEROS.match(value):
        return _named(match)
    return _shaped(match) if value.startswith("00") else not _THOUSANDS.match(value)


def _detector(shape: str, check: Callable[[re.Match[str]], bool], *, gate: str | None = None) -> Detector:
    pattern = re.compile(f"{BEFORE}(?<![+/=])(?P<v>{shape}){AFTER}")
    named = check is _named
    return Detector(kind="phone", gate=gate or rf"\b{shape}\b", pattern=pattern, check=check, named=named)


PHONES: Final = (
    _detector(
        f"{_PLUS}(?:{_COUNTRIES}|[1-9]{_DIGIT}{{7,14}})",
        _international,
        gate=rf"(?:[+]|\b00){_BETWEEN}[1-9]{_DIGIT}{{7}}",
    ),
    _detector(
        f"{_OPEN}0[1-9](?:{_DIGIT}{{7,10}}|[0-9]{{0,3}}{_BETWEEN}[0-9]{{3}}{_DIGIT}{{1,4}})",
        _trunk,
        gate=rf"{BEFORE_GATE}0[1-9](?:{_DIGIT}{{7}}|[0-9]{{0,3}}{_BETWEEN}[0-9]{{3}}{_DIGIT})",
    ),
    _detector(
        f"(?:1{_ONE})?(?:[2-9][0-9]{{2}}|[(][2-9][0-9]{{2}}[)]){_ONE}{{1,2}}[1-9][0-9]{{2}}{_ONE}[0-9]{{4}}",
        _shaped,
        gate=rf"\b[2-9][0-9]{{2}}[)]?{_ONE}{{1,2}}[1-9][0-9]{{2}}{_ONE}[0-9]{{4}}\b",
    ),
    _detector(
        f"{_PAIRS}(?!(?P=s)[0-9]{{2}}(?![0-9]))",
        _shaped,
        gate=rf"\b[1-9][0-9](?:{_ONE}[0-9]{{2}}){{3}}\b",
    ),
    _detector(f"[2-9][0-9]{{2}}[{SPACE}][0-9]{{2}}[{SPACE}][0-9]{{3}}", _shaped),
    _detector(f"[6-9][0-9]{{2}}[{SPACE}{DASH}][0-9]{{3}}[{SPACE}{DASH}][0-9]{{3}}", _shaped),
    _detector(
        f"[0-9]{{8,15}}|[0-9](?:[{SPACE}./{DASH}]?[0-9]){{7,14}}",
        _named,
        gate=rf"(?i)\b(?:{_WORDS})\b[^0-9\n]{{0,21}}[0-9]",
    ),
)
"""In the order in which they are looked for: where the end is known best, first."""
