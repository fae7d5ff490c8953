"""The screen before the detectors: one value for each of its rules, at the rule's edge."""

import pyarrow as pa
import pytest

from etl.normalize.kinds import find
from etl.normalize.numerals import may_hold_numbers


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("12345678Z", id="eight digits and a letter"),
        pytest.param("X1234567L", id="seven behind an X"),
        pytest.param("x\u20111234567\u2011l", id="seven behind an X and a dash of three bytes"),
        pytest.param("AB 12 34 56 C", id="six behind two letters and a space"),
        pytest.param("AB\u00a0123456\u00a0C", id="a space of two bytes"),
        pytest.param("AB\u202f123456\u202fC", id="a space of three bytes"),
        pytest.param("AB 123456C 7", id="six digits that a letter joins to another"),
        pytest.param("AB123456C", id="six right behind two letters"),
        pytest.param("1.2.34.5", id="four runs of five digits"),
        pytest.param("2001:db8::1234", id="two colons side by side"),
        pytest.param("1:2:3:4:5:6:1.2.3.4", id="six colons"),
        pytest.param("+4512345678", id="a bare run behind a plus"),
        pytest.param("+(4512345678", id="a plus and a bracket before"),
        pytest.param("+45\u202f\u202f\u202f12345678", id="a gap of nine bytes"),
        pytest.param("0701234567", id="a bare run that begins with 0"),
        pytest.param("131052A308T", id="a letter between digits"),
        pytest.param("18505 7800608491", id="two bare runs of fifteen digits"),
        pytest.param("01709 061234", id="two bare runs of eleven digits"),
        pytest.param("86095742719", id="one bare run of eleven digits that a German has"),
        pytest.param("86095 742719", id="two bare runs of eleven digits that a German has"),
        pytest.param("86 095742719", id="a German's with its space elsewhere"),
        pytest.param("130585 12022", id="two bare runs of eleven digits that a Norwegian has"),
        pytest.param("4111111111111111", id="one bare run of sixteen digits"),
        pytest.param("MT84MALT011000012345MTLCAST001S", id="two digits right behind two letters"),
        pytest.param("RSSMRA85T10A562S", id="two digits right behind six letters"),
    ],
)
def test_number_is_likely_alone_and_between_any_neighbours(value):
    """A batch is one row of bytes, and what stands before or behind a text is no part of it."""
    assert find(value, [])
    for before, behind in (("", ""), ("a", "a"), ("7", "7"), (" ", " "), ("L ", "- 1")):
        likely = may_hold_numbers(pa.array([before, value, behind], pa.string()))
        assert likely.shaped[1]


@pytest.mark.parametrize(
    "value",
    [
        "12345678",
        "123456 789012",
        "1234567890 12",
        "my no is 123456789",
        "12345 678912",
        "123456 78912",
        "12345678912",
    ],
)
def test_bare_digits_need_a_word(value):
    """Nothing about their form is a person's, and texts of helpdesks are full of order numbers."""
    likely = may_hold_numbers(pa.array([value, "tlf"], pa.string()))
    assert [[False, False], [True, False]] == [likely.shaped.tolist(), likely.bare.tolist()]
    assert not find(value, [])


@pytest.mark.parametrize(
    "value", ["", "1234567", "at 10:30, 123456 chairs", "12.50", "a1b2c3", "1, 2, 3, 4, 5"]
)
def test_what_is_too_short_is_not_looked_at(value):
    """The screen is worth its time only if it lets nearly nothing through."""
    likely = may_hold_numbers(pa.array([value, None], pa.string()))
    assert not likely.shaped.any()
    assert not likely.bare.any()
