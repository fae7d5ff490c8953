"""National ids of persons: eleven countries, each by its own check.

A form that chance hits in less than a hundredth of all numbers stands alone. The others (a Danish or Swedish
number without its hyphen, a Dutch BSN, an American SSN without hyphens) look like order numbers: they count
only after a word that names them.
"""

import re
from collections.abc import Callable
from typing import Final

from etl.normalize.checks import compact, is_date, luhn, weighted
from etl.normalize.detectors import AFTER, BEFORE, DASH, SPACE, Detector, before

_S: Final = f"[{SPACE}]?"
_NAME: Final = r"(?i)(?<!\w)(?:{})[^0-9\n]*$"
_FINNISH: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_SPANISH: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_ITALIAN_ODD: Final = (
    1,
    0,
    5,
    7,
    9,
    13,
    15,
    17,
    19,
    21,
    2,
    4,
    18,
    20,
    11,
    3,
    6,
    8,
    12,
    14,
    16,
    10,
    22,
    25,
    24,
    23,
)
_NORWEGIAN: Final = ((3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0), (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1))
_DUTCH: Final = (9, 8, 7, 6, 5, 4, 3, 2, -1)
_MIN_ITALIAN_DIGITS: Final = 4


def danish(digits: str) -> bool:
    """CPR: a valid date, its century by the seventh digit; modulus 11 is not required since 2007."""
    year, seventh = int(digits[4:6]), int(digits[6])
    turn = {4: 37, 9: 37, 5: 58, 6: 58, 7: 58, 8: 58}.get(seventh, 0)
    century = 2000 if year < turn else 1800 if seventh in {5, 6, 7, 8} else 1900
    return is_date(day=int(digits[:2]), month=int(digits[2:4]), year=century + year)


def swedish(digits: str) -> bool:
    """Personnummer, also the coordination number with 60 added to the day: a date and Luhn."""
    ten = digits[-10:]
    day = int(ten[4:6])
    return is_date(day=day - 60 if day > 60 else day, month=int(ten[2:4]), year=None) and luhn(ten)  # noqa: PLR2004


def norwegian(digits: str) -> bool:
    """Fødselsnummer, also the D-number with 40 added to the day: a date and two check digits."""
    day = int(digits[:2])
    if not is_date(day=day - 40 if day > 40 else day, month=int(digits[2:4]), year=None):  # noqa: PLR2004
        return False
    return all(weighted(digits, weights) % 11 == 0 for weights in _NORWEGIAN)


def finnish(number: str) -> bool:
    """HETU: a date and a check character; `number` is without its sign of the century."""
    real = is_date(day=int(number[:2]), month=int(number[2:4]), year=None)
    return real and _FINNISH[int(number[:9]) % 31] == number[9]


def german(digits: str) -> bool:
    """Steuer-ID: of the first ten digits exactly one comes two or three times; ISO 7064 mod 11, 10."""
    counts = sorted(digits[:10].count(digit) for digit in set(digits[:10]))
    if counts[-1] not in {2, 3} or counts[-2] != 1:
        return False
    product = 10
    for digit in digits[:10]:
        product = ((product + int(digit)) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def dutch(digits: str) -> bool:
    """BSN: the test by eleven."""
    return weighted(digits, _DUTCH) % 11 == 0 and int(digits) > 0


def spanish(number: str) -> bool:
    """DNI or NIE: the check letter."""
    digits = str("XYZ".find(number[0])) + number[1:8] if number[0] in "XYZ" else number[:8]
    return _SPANISH[int(digits) % 23] == number[-1]


def italian(number: str) -> bool:
    """Codice fiscale, also with letters for digits where two persons would have had the same."""
    if sum(map(str.isdigit, number)) < _MIN_ITALIAN_DIGITS:
        return False
    values = [int(sign) if sign.isdigit() else ord(sign) - ord("A") for sign in number[:15]]
    total = sum(_ITALIAN_ODD[value] for value in values[::2]) + sum(values[1::2])
    return chr(ord("A") + total % 26) == number[15]


def french(number: str) -> bool:
    """NIR with its key: modulus 97; Corsica's 2A and 2B count as 19 and 18."""
    body = number[:13].replace("2A", "19").replace("2B", "18")
    return body.isdigit() and 97 - int(body) % 97 == int(number[13:])


def american(digits: str) -> bool:
    """SSN: in the ranges that are given out."""
    area = int(digits[:3])
    return area not in {0, 666} and area < 900 and digits[3:5] != "00" and digits[5:] != "0000"  # noqa: PLR2004


def british(number: str) -> bool:
    """NINO: it has no check digit, but some prefixes were never given out."""
    return number[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


_NAMED: Final = (
    ("cpr|personnummer|person ?nr|p-?nr", 10, danish),
    ("personnummer|person ?nr|p-?nr", 10, swedish),
    ("personnummer|person ?nr|p-?nr", 12, swedish),
    ("bsn|burgerservice|sofi", 9, dutch),
    ("ssn|social security", 9, american),
)
"""Words, digits and check of what looks like an order number without the word."""

_NAMES: Final = "|".join(dict.fromkeys(names for names, _, _ in _NAMED))
_ANY_NAME: Final = re.compile(_NAME.format(_NAMES))


def _named(match: re.Match[str]) -> bool:
    context = before(match)
    if not _ANY_NAME.search(context):
        return False
    digits = compact(match["v"])
    return any(
        len(digits) == length and check(digits) and re.search(_NAME.format(names), context)
        for names, length, check in _NAMED
    )


def _detector(shape: str, valid: Callable[[str], bool]) -> Detector:
    def check(match: re.Match[str]) -> bool:
        return valid(compact(match["v"]))

    pattern = re.compile(f"{BEFORE}(?P<v>{shape}){AFTER}")
    return Detector(kind="national_id", gate=rf"\b{shape}\b", pattern=pattern, check=check)


def _finnish(number: str) -> bool:
    # The sign of the century is a letter for those born since 2000, and is left by `compact`.
    return finnish(number[:6] + number[-4:])


_LETTER_FOR_DIGIT: Final = "[0-9LMNPQRSTUVlmnpqrstuv]"

NATIONAL: Final = (
    _detector(
        f"[A-Za-z]{{6}}[0-9]{{2}}[ABCDEHLMPRSTabcdehlmprst]{_LETTER_FOR_DIGIT}{{2}}"
        f"[A-Za-z]{_LETTER_FOR_DIGIT}{{3}}[A-Za-z]",
        italian,
    ),
    _detector(
        f"[12]{_S}[0-9]{{2}}{_S}[0-9]{{2}}{_S}[0-9][0-9ABab]{_S}[0-9]{{3}}{_S}[0-9]{{3}}{_S}[0-9]{{2}}",
        french,
    ),
    _detector(f"[0-3][0-9][01][0-9]{{3}}[+{DASH}A-FU-Y][0-9]{{3}}[0-9A-FHJ-NPR-Y]", _finnish),
    _detector(f"[0-7][0-9][01][0-9]{{3}}{_S}[0-9]{{5}}", norwegian),
    _detector(f"[1-9][0-9]{_S}[0-9]{{3}}{_S}[0-9]{{3}}{_S}[0-9]{{3}}", german),
    _detector(f"[0-3][0-9][01][0-9]{{3}}[{DASH}][0-9]{{4}}", danish),
    _detector(f"(?:1[89]|20)?[0-9]{{6}}[+{DASH}][0-9]{{4}}", swedish),
    _detector(f"[0-9]{{3}}[{DASH}][0-9]{{2}}[{DASH}][0-9]{{4}}", american),
    _detector(f"[0-9]{{8}}[{DASH}]?[A-Za-z]", spanish),
    _detector(f"[XYZxyz][{DASH}]?[0-9]{{7}}[{DASH}]?[A-Za-z]", spanish),
    _detector(
        f"[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z][A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z]"
        f"{_S}[0-9]{{2}}{_S}[0-9]{{2}}{_S}[0-9]{{2}}{_S}[A-Da-d]",
        british,
    ),
    _detector("[0-9]{4}\\.[0-9]{2}\\.[0-9]{3}", dutch),
    Detector(
        kind="national_id",
        gate=rf"(?i)(?:{_NAMES})[^0-9]{{0,20}}[0-9][0-9 .-]{{8}}",
        pattern=re.compile(rf"{BEFORE}(?P<v>[0-9](?:[{SPACE}.{DASH}]?[0-9]){{8,11}}){AFTER}"),
        check=_named,
        named=True,
    ),
)  # fmt: skip
"""In the order in which they are looked for: the more there is to check, the earlier."""
