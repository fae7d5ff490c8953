"""What the vectorised check digits let through is what the ones by the letter let through, or more."""

import numpy as np
import pytest

from etl.normalize import elevens, national


def _columns(numbers: list[str]) -> elevens.Digits:
    return np.array([[int(digit) for digit in number] for number in numbers], dtype=np.int64)


def test_german_numbers_are_told_as_one_by_one() -> None:
    """A number that the screen misses is never read again, so it would never be masked."""
    random = np.random.default_rng(3)
    numbers = ["".join(map(str, row)) for row in random.integers(0, 10, (20_000, 11))]
    expected = [national.german(number) for number in numbers]
    assert any(expected)
    assert expected == elevens.german(_columns(numbers)).tolist()


def test_no_norwegian_number_is_missed() -> None:
    """The screen does not look at dates, so it may let more through but never less."""
    random = np.random.default_rng(5)
    bodies = [
        f"{day:02}{month:02}{year:02}{rest:05}"
        for day, month, year, rest in zip(
            random.integers(1, 29, 20_000),
            random.integers(1, 13, 20_000),
            random.integers(0, 100, 20_000),
            random.integers(0, 100_000, 20_000),
            strict=True,
        )
    ]
    real = [number for number in bodies if national.norwegian(number)]
    assert len(real) > 50
    assert elevens.norwegian(_columns(real)).all()


@pytest.mark.parametrize("number", ["86095742719", "47036892816", "65929970489"])
def test_a_german_example_passes(number: str) -> None:
    """Examples of the tax office: the same digit two or three times."""
    assert elevens.may_be_person(_columns([number])).all()


def test_nearly_no_pair_of_order_numbers_passes() -> None:
    """Every one that passes costs a look in Python; before, all of them did."""
    random = np.random.default_rng(7)
    numbers = [str(number) for number in random.integers(10**10, 10**11, 20_000)]
    assert elevens.may_be_person(_columns(numbers)).mean() < 0.05
