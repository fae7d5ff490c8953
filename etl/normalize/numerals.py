"""Which texts may hold a number that is looked for, told from all their bytes at once.

Nothing is missed, and what is let through is read again. A cluster is what may be one number: runs of digits
with nothing but the signs that people write inside numbers between them. What is looked for has

- eight digits or more in one cluster: phones, cards and most national ids;
- four runs with five digits or more: IPv4;
- seven digits behind an X, Y or Z (Spanish NIE), or six behind two letters and a space (British NINO);
- two digits or more right behind two letters: IBAN, codice fiscale, NINO;
- six colons, or two side by side: IPv6.

What order numbers look like, eight digits or more in one or two bare runs, is nothing without a word that
names it; unless its eleven digits are those of a person.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from etl.normalize import elevens
from etl.normalize.octets import CONTINUED, Octets, Places, counts_in, octets_of, places, table
from etl.normalize.verdict import Mask

_ZERO: Final = ord("0")
_TEN: Final = 10
_SPACE: Final = ord(" ")
_PLUS: Final = ord("+")
_COLON: Final = ord(":")
_LETTERS: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DASHES: Final = "\u2010\u2011\u2013".encode()

_LONGEST_GAP: Final = 9
"""Bytes: three signs of three bytes each."""
_JOINS: Final = table(b" .()/+-" + "\u00a0\u202f".encode() + _DASHES)
_JOINS_FIRST: Final = _JOINS | table(_LETTERS)
"""A letter may stand in the middle of a Finnish or a French number."""
_DIGIT: Final = table(b"0123456789")
_LETTER: Final = table(_LETTERS)
_WORD: Final = table(_LETTERS + b"0123456789_")
_BEFORE_SEVEN: Final = table(b"XYZxyz-" + _DASHES[2::3])
_BEHIND_SIX: Final = table(b"ABCDabcd")
_NARROW: Final = "\u202f".encode()[-1]
_SPACE_ENDS: Final = table(b" " + "\u00a0".encode()[-1:] + "\u202f".encode()[-1:])

_BEHIND: Final = ~table(bytes(set(range(CONTINUED)) - set(_LETTERS + b"-")))
"""What a letter or a dash may begin with."""
_REACH: Final = 10
"""Bytes from a plus to the first digit, at most."""

_PLENTY: Final = 8
_BARE_RUNS, _BARE_DIGITS = 2, 12
_FRENCH: Final = 15
"""Digits of French persons."""
_SEVEN: Final = 7
_SIX: Final = 6
_GROUPS, _GROUPED_DIGITS = 4, 5
_COLONS: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Numerals:
    """Which texts may hold a number that is looked for."""

    shaped: Mask
    """By its form."""
    bare: Mask
    """Only behind a word that names it; some of these are `shaped` too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bytes:
    """All texts in a row."""

    octets: Octets
    ends: Places

    def at(self, place: Places) -> Octets:
        """Return bytes; beyond either end any byte."""
        return self.octets.take(place, mode="clip")

    def rows_at(self, place: Places) -> Places:
        """Return which texts bytes are of."""
        rows: Places = np.searchsorted(self.ends, place, side="right") - 1
        return rows

    def on_border(self, place: Places) -> Mask:
        """Return before which bytes a text ends."""
        border: Mask = self.ends.take(np.searchsorted(self.ends, place), mode="clip") == place
        return border


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clusters:
    """Clusters of digits, by their place."""

    first: Places
    """Where the first run begins."""
    last: Places
    """Behind the last digit."""
    digits: Places
    runs: Places
    bare: Mask
    """Which have no run that could be a number by itself, and nothing but single spaces between runs."""


def may_hold_numbers(texts: pa.Array) -> Numerals:
    """Return which texts may hold anything but an e-mail address; a null holds nothing."""
    octets, ends = octets_of(texts)
    bare = np.zeros(len(texts), dtype=np.bool_)
    if not len(octets):
        return Numerals(shaped=bare, bare=bare)
    hit = _may_hold_colons(octets, ends)
    first, last = _runs(octets)
    if not len(first):
        return Numerals(shaped=hit, bare=bare)
    whole = _Bytes(octets=octets, ends=ends)
    behind_letters = (last - first > 1) & _LETTER[whole.at(first - 1)] & _LETTER[whole.at(first - 2)]
    clusters = _clusters(whole, first, last)
    shaped, nameless = _likely(whole, clusters)
    hit[whole.rows_at(np.concatenate([first[behind_letters], clusters.first[shaped]]))] = True
    bare[whole.rows_at(clusters.first[nameless])] = True
    _take_torn(hit, whole)
    return Numerals(shaped=hit, bare=bare)


def _may_hold_colons(octets: Octets, ends: Places) -> Mask:
    colons = places(octets, lambda piece: piece == _COLON)
    hit: Mask = counts_in(colons, ends) >= _COLONS
    pairs = colons[:-1][np.diff(colons) == 1]
    return hit | (counts_in(pairs, ends) > 0)


def _runs(octets: Octets) -> tuple[Places, Places]:
    """Return where runs of digits begin and end."""
    edges = places(octets, _changes, beyond=1) + 1
    outer = [place for place in (0, len(octets)) if _DIGIT[octets[min(place, len(octets) - 1)]]]
    first, last = np.sort(np.append(edges, np.array(outer, np.int64))).reshape(-1, 2).T
    return first, last


def _changes(piece: Octets) -> Mask:
    digit = (piece - _ZERO) < _TEN
    changes: Mask = digit[1:] != digit[:-1]
    return changes


def _clusters(whole: _Bytes, first: Places, last: Places) -> _Clusters:
    gaps = first[1:] - last[:-1]
    near = np.flatnonzero(gaps <= _LONGEST_GAP)
    signs = whole.at(last[near, None] + np.arange(_LONGEST_GAP))
    fits = _JOINS[signs] | (np.arange(_LONGEST_GAP) >= gaps[near, None])
    fits[:, 0] = _JOINS_FIRST[signs[:, 0]]
    near = near[fits.all(axis=1)]
    near = near[first[near + 1] < whole.ends[whole.rows_at(last[near] - 1) + 1]]
    joined = np.zeros(len(first), np.bool_)
    joined[near + 1] = True
    begins = np.flatnonzero(~joined)
    runs = np.diff(begins, append=len(first))
    length = last - first
    alone = ~joined
    alone[:-1] &= ~joined[1:]
    odd = ((length == elevens.DIGITS) & ~alone) | (length > _BARE_DIGITS) | (whole.at(first) == _ZERO)
    odd[1:] |= joined[1:] & ((gaps != 1) | (whole.at(last[:-1]) != _SPACE))
    return _Clusters(
        first=first[begins],
        last=last[begins + runs - 1],
        digits=np.add.reduceat(length, begins),
        runs=runs,
        bare=~np.logical_or.reduceat(odd, begins),
    )


def _likely(whole: _Bytes, clusters: _Clusters) -> tuple[Places, Places]:
    """Return the numbers of the clusters that may be something by their form, and only by a word."""
    plenty = np.flatnonzero(clusters.digits >= _PLENTY)
    bare = _is_bare(whole, clusters, plenty)
    grouped = np.flatnonzero(
        (clusters.runs >= _GROUPS) & (clusters.digits >= _GROUPED_DIGITS) & (clusters.digits < _PLENTY)
    )
    seven = np.flatnonzero(clusters.digits == _SEVEN)
    marked = _BEFORE_SEVEN[whole.at(clusters.first[seven] - 1)]
    # Six of them, and behind the letter at their end the first digit of something else.
    seven = seven[marked | ((clusters.runs[seven] > 1) & _behind_initials(whole, clusters.first[seven]))]
    six = np.flatnonzero(clusters.digits == _SIX)
    six = six[_before_one_letter(whole, clusters.last[six])]
    six = six[_behind_initials(whole, clusters.first[six])]
    return np.concatenate([plenty[~bare], grouped, seven, six]), plenty[bare]


def _is_bare(whole: _Bytes, clusters: _Clusters, some: Places) -> Mask:
    """Return which of some clusters are one or two bare runs that nothing around makes a number."""
    digits = clusters.digits[some]
    bare: Mask = clusters.bare[some] & (clusters.runs[some] <= _BARE_RUNS) & (digits != _FRENCH)
    last = clusters.last[some]
    bare &= ~_BEHIND[whole.at(last)] | whole.on_border(last)
    before = clusters.first[some][:, None] - np.arange(1, _REACH + 1)
    bare &= ~(whole.at(before) == _PLUS).any(axis=1)
    eleven = np.flatnonzero(bare & (digits == elevens.DIGITS))
    bare[eleven] = ~elevens.may_be_person(_digits_of(whole, clusters, some[eleven]))
    return bare


def _digits_of(whole: _Bytes, clusters: _Clusters, some: Places) -> elevens.Digits:
    """Return the digits of clusters of eleven, in one run or in two with a space between."""
    first, last = clusters.first[some], clusters.last[some]
    written = whole.at(first[:, None] + np.arange(elevens.DIGITS + 1))
    inside = first[:, None] + np.arange(elevens.DIGITS + 1) < last[:, None]
    digits: elevens.Digits = written[_DIGIT[written] & inside].astype(np.int64) - _ZERO
    return digits.reshape(-1, elevens.DIGITS)


def _behind_initials(whole: _Bytes, first: Places) -> Mask:
    """Return what stands behind two letters and a space; right behind two letters anything is taken."""
    space = whole.at(first - 1)
    letter = first - 2
    letter[space >= CONTINUED] -= 1
    letter[space == _NARROW] -= 1
    found: Mask = _SPACE_ENDS[space] & _LETTER[whole.at(letter)] & _LETTER[whole.at(letter - 1)]
    return found & (~_WORD[whole.at(letter - 2)] | whole.on_border(letter - 1))


def _before_one_letter(whole: _Bytes, last: Places) -> Mask:
    """Return what stands before one letter from A to D, perhaps behind a space."""
    sign = whole.at(last)
    letter = last + (sign == _SPACE)
    found: Mask = _BEHIND_SIX[whole.at(letter)]
    some = np.flatnonzero(found)
    behind = letter[some] + 1
    found[some] = ~_WORD[whole.at(behind)] | whole.on_border(behind)
    return found | (sign >= CONTINUED)


def _take_torn(hit: Mask, whole: _Bytes) -> None:
    """Let all texts through that end in a digit where the next begins with one: their runs are not told."""
    inner = whole.ends[1:-1]
    inside = (inner > 0) & (inner < len(whole.octets))
    torn = np.flatnonzero(inside & _DIGIT[whole.at(inner - 1)] & _DIGIT[whole.at(inner)])
    hit[torn] = True
    hit[torn + 1] = True
