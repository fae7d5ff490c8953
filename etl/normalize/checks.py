"""Check digits and lengths: what makes a run of digits a card, an account or a person's number.

Own arithmetic: each rule is a few lines that never change, and only the lengths of IBANs are a list.
"""

import re
from calendar import monthrange
from collections.abc import Sequence
from typing import Final

IBAN_LENGTHS: Final[dict[int, str]] = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ DZ ES MD PK RO SA SE SK TN VG",
    25: "AO CV LY MZ PT ST",
    26: "IR IS TR",
    27: "BF BI BJ CF CG CI CM DJ FR GA GQ GR IT KM MC MG ML MR NE SM SN TD TG",
    28: "AL AZ BY CY DO GT GW HN HU LB MA NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
"""Length = the countries whose IBANs have it, by the registry or by use alone."""

_LETTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OTHER: Final = re.compile("[^0-9A-Z]+")
_ARTICLE: Final = (1, 3) * 6 + (1,)
_MONTHS: Final = 12
_LEAP_YEAR: Final = 2000


def compact(written: str) -> str:
    """Return the ASCII letters, in upper case, and digits of a number as written."""
    return _OTHER.sub("", written.upper())


def weighted(digits: str, weights: Sequence[int]) -> int:
    """Return the sum of digits times weights."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))


def is_date(*, day: int, month: int, year: int | None) -> bool:
    """Return whether there is such a day; without a year 29 February is one."""
    if not 1 <= month <= _MONTHS:
        return False
    return 1 <= day <= monthrange(_LEAP_YEAR if year is None else year, month)[1]


def luhn(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit of the others."""
    odd = sum(map(int, digits[-1::-2]))
    even = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (odd + even) % 10 == 0


def iban(number: str) -> bool:
    """Return whether a compact IBAN passes ISO 7064 mod 97-10; its length is the pattern's affair."""
    return int("".join(str(_LETTERS.index(sign)) for sign in number[4:] + number[:4])) % 97 == 1


def card(digits: str) -> bool:
    """Return whether digits are a payment card: an issuer's prefix, a length of that issuer's, Luhn."""
    return len(digits) in _card_lengths(digits) and luhn(digits) and not article(digits)


def article(digits: str) -> bool:
    """Return whether digits are an EAN-13: cards of that length are hardly left, articles are everywhere."""
    return len(digits) == len(_ARTICLE) and weighted(digits, _ARTICLE) % 10 == 0


def _card_lengths(digits: str) -> Sequence[int]:  # noqa: PLR0911  one line for each family of issuers
    two, four = int(digits[:2]), int(digits[:4])
    if digits[0] == "4":  # Visa
        return (13, 16, 19)
    if 51 <= two <= 55 or 2221 <= four <= 2720:  # noqa: PLR2004  Mastercard
        return (16,)
    if two in {34, 37}:  # American Express
        return (15,)
    if two in {30, 36, 38, 39}:  # Diners Club
        return (14, 16)
    if two == 35 or 2200 <= four <= 2204 or four == 9792:  # noqa: PLR2004  JCB, Mir, Troy
        return (16, 19)
    if two == 50 or 56 <= two <= 69:  # noqa: PLR2004  Maestro, Dankort, Discover, UnionPay, RuPay
        return range(13, 20)
    return ()
